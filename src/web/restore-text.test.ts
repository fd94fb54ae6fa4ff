// Sentences of restores and drills, with all facts, some, or none.
import { expect, test } from 'vitest'
import { formats, type Language, translator } from './i18n.ts'
import { findingText, remarkText, stepText } from './restore-text.ts'

const words = (language: Language) => ({ t: translator(language), f: formats(language, 'Europe/Paris', 0) })
const en = words('en')

test('a step names its numbers and sizes as people write them', () => {
  const step = {
    code: 'extract_files',
    facts: { files: 12_402, bytes: 2 ** 31, path: '/opt/hermes-agent' },
  } as const
  expect(stepText(en, step)).toBe('Unpack 12,402 files beside /opt/hermes-agent (2\u00a0GiB)')
  expect(stepText(words('fr'), step)).toContain('12\u202f402 fichiers')
  expect(stepText(en, { ...step, facts: { ...step.facts, files: 1 } })).toContain('Unpack 1 file beside')
})

test('a size nobody knows is left out with its brackets', () => {
  expect(stepText(en, { code: 'extract_files', facts: { files: 3, path: '/srv' } })).toBe(
    'Unpack 3 files beside /srv',
  )
  expect(stepText(en, { code: 'apply_permissions', facts: { path: '/srv', mode: '0750' } })).toBe(
    'Set owner and mode of /srv (0750)',
  )
  expect(stepText(en, { code: 'restore_app', facts: { app: 'nocodb', version: '' } })).toBe(
    'Restore the app nocodb',
  )
})

test('what a text names after its colon is left out when nobody said it', () => {
  expect(stepText(en, { code: 'safety_archive', facts: {} })).toBe(
    'Back up what is there now, as a safety archive that stays for 7 days',
  )
  expect(remarkText(words('fr'), { code: 'user_exists', facts: {} })).toBe(
    'L’utilisateur existe déjà et reste tel quel',
  )
  expect(remarkText(words('fr'), { code: 'user_exists', facts: { user: 'hermes' } })).toBe(
    'L’utilisateur existe déjà et reste tel quel\u00a0: hermes',
  )
})

test('a port is a number without separators', () => {
  expect(stepText(en, { code: 'open_ports', facts: { ports: 8080 } })).toBe(
    'Open ports in the firewall: 8080',
  )
})

test('a file named like a blank keeps its name', () => {
  expect(findingText(en, { code: 'file_differs', facts: { path: '{count}/a {x}' } })).toBe(
    'A file is not as it was saved: {count}/a {x}',
  )
})

test('counts of findings have their plural, whatever the fact is called', () => {
  expect(findingText(en, { code: 'rows_counted', facts: { rows: 1 } })).toBe('1 row counted')
  expect(findingText(en, { code: 'files_compared', facts: { files: 12_402 } })).toBe(
    '12,402 files unpacked and compared',
  )
  expect(findingText(en, { code: 'tables_loaded', facts: { count: 0 } })).toBe('0 tables loaded')
})
