import { expect, test } from 'vitest'
import type { RunWarning } from '../../domain/run.ts'
import { judgeSafety } from './safety.ts'

const judge = (warnings: readonly RunWarning[], warningCount = warnings.length) =>
  judgeSafety('before', { warnings, warningCount })
const changed = { code: 'file_changed', path: '/srv/log' } as const
const unreadable = { code: 'file_unreadable', path: '/srv/x' } as const

test('nothing is said of a safety archive without warnings, or with notes of what no archive can hold', () => {
  expect(judge([])).toBeNull()
  expect(judge([{ code: 'sockets_skipped', facts: { count: 7 } }])).toBeNull()
})

test('warnings of what is in it are counted, notes are not', () => {
  expect(judge([changed, { code: 'sockets_skipped' }, { code: 'file_vanished', path: '/srv/tmp' }])).toEqual({
    code: 'safety_warnings',
    facts: { archive: 'before', number: 2 },
  })
})

test.each<[string, readonly RunWarning[], number, object]>([
  ['a file that could not be read', [changed, unreadable], 2, { number: 1, path: '/srv/x' }],
  [
    'more of them than are named',
    [unreadable, { code: 'file_unreadable', path: '/srv', facts: { count: 4 } }],
    2,
    { number: 5, path: '/srv/x' },
  ],
  ['a part', [{ code: 'target_failed', facts: { target: 'data_home' } }], 1, { number: 1, path: '' }],
  ['perhaps something, because not all warnings are told', [changed], 3, { number: 2, path: '' }],
])('one that lacks %s is not good enough', (_, warnings, count, facts) => {
  expect(() => judge(warnings, count)).toThrow(
    expect.objectContaining({ code: 'safety_incomplete', facts: { archive: 'before', ...facts } }),
  )
})
