import { expect, test } from 'vitest'
import { settingsSchema } from './settings.ts'

test.each([
  [{ database: '' }, 'database'],
  [{ database: 'x'.repeat(65) }, 'database: too_long'],
  [{ database: 'a\tb' }, 'database: control_characters'],
  [{ database: 'a🎉' }, 'database: database_name_invalid'],
  [{ database: 'a ' }, 'database: database_name_invalid'],
  [{ database: '#mysql50#../x' }, 'database: database_name_invalid'],
  [{ database: 'mysql' }, 'database: name_reserved'],
  [{ database: 'Performance_Schema' }, 'database: name_reserved'],
  [{ database: 'x', host: 'a b' }, 'host: host_invalid'],
  [{ database: 'x', port: 0 }, 'port: port_invalid'],
  [{ database: 'x', port: 1.5 }, 'port: port_invalid'],
  [{ database: 'x', port: '3306' }, 'port: port_invalid'],
  [{ database: 'x', socket: 'run/x' }, 'socket: path_not_absolute'],
  [{ database: 'x', socket: `/${'x'.repeat(107)}` }, 'socket: too_long'],
  [{ database: 'x', socket: '/x', host: 'y' }, 'socket: unexpected'],
  [{ database: 'x', password: 'a\nb' }, 'password: control_characters'],
])('the settings %j are refused', (given, what) => {
  const [issue] = settingsSchema.safeParse(given).error?.issues ?? []
  expect(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`).toContain(what)
})

test.each(['wiki', 'my-app', 'été 日本', '1e5', 'x'.repeat(64), 'é'.repeat(64), '`', 'a/b'])(
  'the name %s is allowed',
  (database) => {
    expect(settingsSchema.parse({ database })).toEqual({ database })
  },
)
