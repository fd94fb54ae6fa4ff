import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { run } from '../sys/process.ts'
import { ownParts } from './format.ts'
import { restoreHook } from './restore-hook.ts'

describe.each(ownParts)('the hook of $part', (part) => {
  const hook = restoreHook(part)

  test('is a script that bash understands, in one piece', () => {
    execFileSync('bash', ['-n'], { input: hook })
    const text = hook.toString('utf8')
    expect(Buffer.from(text, 'utf8').equals(hook)).toBe(true)
    expect(text).toMatch(/^#!\/usr\/bin\/env bash\n/)
    expect(text.match(/^#!/gm)).toHaveLength(1)
    expect(text).not.toContain('\r')
    expect(text.endsWith('\nfinished=yes\n')).toBe(true)
  })

  test('is the same for every archive, and acts on its own part only', () => {
    expect(restoreHook(part).equals(hook)).toBe(true)
    const begun = [...hook.toString('utf8').matchAll(/^begin (\S+) /gm)].map(([, kind]) => `data_${kind}`)
    expect(begun).toEqual([part.part])
  })

  test('calls nothing that a plain Debian lacks', () => {
    const text = hook.toString('utf8').replaceAll(/^\s*#.*$/gm, '')
    expect(text).not.toMatch(/\b(?:node|npm|python3?|perl|ruby|jq|cpio|backupmanager (?!\.))\b/)
  })

  // In a trap it would give the status of the command before the trap: what worked would be taken for a failure.
  test('never returns without saying what', () => {
    expect(hook.toString('utf8')).not.toMatch(/^[^#\n]*\breturn(?! [01]\b)/m)
  })

  test('asked for nothing, says how it is called', async () => {
    const file = join(await temporaryFolder(), part.hook)
    writeFileSync(file, hook)
    for (const args of [[], ['relative'], ['/nowhere']]) {
      const done = await run('bash', [file, ...args], { okCodes: [1] })
      expect(done.stderrTail).toBe(`usage: bash ${file} FOLDER, with ${part.folder} of an archive in it\n`)
      expect(existsSync(file)).toBe(true)
    }
  })
})
