import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { optionFile, quoted, wayTo } from './option-file.ts'
import { settingsSchema } from './settings.ts'

describe('an option file', () => {
  test('gives every value back to MariaDB’s own parser', async () => {
    const file = join(await temporaryFolder(), 'x.cnf')
    const back = (value: string): string => {
      writeFileSync(file, `[client]\npassword=${value}\n`)
      return execFileSync('my_print_defaults', [`--defaults-file=${file}`, 'client'])
        .toString()
        .slice('--password='.length, -1)
    }
    const nasty = [
      'a#b',
      `'#"`,
      `a'b"#c`,
      '"x"',
      String.raw`\s\n\\`,
      ' a ',
      '#',
      '!include x',
      '[x]',
      'a=b;c',
      '%s$x`',
      'é🎉',
    ]
    for (const text of nasty) expect(back(quoted(text) ?? '')).toBe(text)
    const units = fc.constantFrom('#', "'", '"', '\\', ' ', 'a', 'n', '=', ';', '[', '!', '$', 'é')
    fc.assert(
      fc.property(fc.string({ unit: units, minLength: 1, maxLength: 12 }), (text) => {
        const way = quoted(text)
        return way === null || back(way) === text
      }),
      { numRuns: 150 },
    )
  })

  test('does not pretend where its parser knows no way', () => {
    const impossible = `#"#'#`
    expect(quoted(impossible)).toBeNull()
    const parsed = settingsSchema.safeParse({ database: 'x', password: impossible })
    expect(parsed.error?.issues.map(({ message }) => message)).toEqual(['unknown_value'])
  })

  test('holds all that a connection needs', () => {
    const way = wayTo({ user: 'u', password: 'p#', host: 'db.example.test', port: 3307 })
    expect(optionFile(way)).toBe(
      '[client]\nuser="u"\npassword="p#"\nprotocol="tcp"\nhost="db.example.test"\nport="3307"\n[mysql]\nconnect-timeout=10\n',
    )
  })
})

describe('the way to the server', () => {
  test.each([
    [{}, { user: 'root', password: null, by: { socket: null } }],
    [{ user: 'wiki' }, { user: 'root', password: null, by: { socket: null } }],
    [
      { user: 'wiki', socket: '/run/x' },
      { user: 'root', password: null, by: { socket: '/run/x' } },
    ],
    [
      { user: 'wiki', password: 'p' },
      { user: 'wiki', password: 'p', by: { socket: null } },
    ],
    [
      { user: 'wiki', password: 'p', host: 'localhost' },
      { user: 'wiki', password: 'p', by: { socket: null } },
    ],
    [
      { user: 'wiki', host: 'localhost' },
      { user: 'wiki', password: null, by: { socket: null } },
    ],
    [
      { password: 'p', port: 3310 },
      { user: 'root', password: 'p', by: { host: '127.0.0.1', port: 3310 } },
    ],
    [
      { user: 'wiki', host: '::1' },
      { user: 'wiki', password: null, by: { host: '::1', port: 3306 } },
    ],
  ])('of %j', (connection, way) => {
    expect(wayTo(connection)).toEqual(way)
  })
})
