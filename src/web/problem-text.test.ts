// Texts made from facts, also from facts that nobody gave.
import { expect, test } from 'vitest'
import { formats, type Language, translator } from './i18n.ts'
import { fieldText, problemText, warningText } from './problem-text.ts'

const words = (language: Language) => ({ t: translator(language), f: formats(language, 'Europe/Paris', 0) })

test('bytes are written as sizes', () => {
  const facts = { needed: 5 * 2 ** 30, free: 3 * 2 ** 30, reserve: 2 ** 30 }
  expect(problemText(words('en'), 'insufficient_storage', facts).hint).toContain(
    'needs about 5\u00a0GiB; 3\u00a0GiB are free, of which 1\u00a0GiB must stay free',
  )
  expect(problemText(words('fr'), 'insufficient_storage', facts).hint).toContain('5\u00a0Gio')
})

test('a fact that is missing leaves dots, never a blank', () => {
  expect(problemText(words('en'), 'command_failed', {}).title).toBe('A program failed')
  expect(fieldText(words('en'), { field: 'x', code: 'out_of_range', facts: { min: 1000 } })).toBe(
    'This is out of range.',
  )
})

test('what a program said is kept as it said it', () => {
  expect(problemText(words('fr'), 'yunohost_failed', { detail: 'E: <b>no</b> {x}' }).detail).toBe(
    'E: <b>no</b> {x}',
  )
  expect(problemText(words('fr'), 'yunohost_failed', {}).detail).toBe('')
})

test('a warning names its file', () => {
  expect(warningText(words('en'), { code: 'file_vanished', path: '/srv/a b' })).toBe(
    'A file disappeared before it was read: /srv/a b',
  )
})
