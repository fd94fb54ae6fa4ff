// When peers are asked again, and what is told of them.
import { expect, test } from 'vitest'
import { goneAfterMs, plainTexts, pollNews, pollPause, statusOfFailure } from './poll-plan.ts'

const minute = 60_000
const at = 1_000_000_000

function pause(failures: number, code: Parameters<typeof pollPause>[0]['code'], more: object = {}): number {
  return pollPause({ peerId: 7, at, failures, code, ...more })
}

test('a good answer is followed by five minutes, give or take ten per cent', () => {
  const pauses = Array.from({ length: 500 }, (_, peerId) =>
    pollPause({ peerId, at, failures: 0, code: null }),
  )
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(4.5 * minute)
  expect(Math.max(...pauses)).toBeLessThanOrEqual(5.5 * minute)
  expect(new Set(pauses).size).toBeGreaterThan(400)
  expect(Math.max(...pauses) - Math.min(...pauses)).toBeGreaterThan(0.8 * minute)
})

test('the pause doubles with each failure, up to an hour', () => {
  const pauses = [1, 2, 3, 4, 5, 50].map((failures) => pause(failures, 'peer_unreachable') / minute)
  const share = pause(0, null) / (5 * minute)
  expect(pauses.map((length) => Math.round(length / share))).toEqual([5, 10, 20, 40, 60, 60])
})

test.each([
  'peer_identity_changed',
  'peer_is_self',
  'peer_exists',
  'peer_key_refused',
  'peer_untrusted',
] as const)('after %s an admin has to do something: an hour at once', (code) => {
  expect(pause(1, code)).toBeGreaterThanOrEqual(54 * minute)
})

test('a peer that says when to come again is obeyed, within an hour', () => {
  expect(pause(1, 'peer_problem', { retryAfterS: 1800 })).toBeGreaterThanOrEqual(27 * minute)
  expect(pause(1, 'peer_problem', { retryAfterS: 86_400 })).toBeLessThanOrEqual(66 * minute)
  expect(pause(1, 'peer_problem', { retryAfterS: 1 })).toBeLessThanOrEqual(5.5 * minute)
})

test('no answer is offline, a wrong answer is an error', () => {
  expect(statusOfFailure('peer_unreachable')).toBe('offline')
  expect(statusOfFailure('peer_answer_invalid')).toBe('error')
  expect(statusOfFailure('peer_untrusted')).toBe('error')
  expect(statusOfFailure('peer_key_refused')).toBe('error')
})

test('a peer that goes is told once after an hour, and once when it is back', () => {
  const before = { status: 'online', lastSeen: at, polledAt: at, createdAt: 0 } as const
  const later = (minutes: number) => at + minutes * minute
  expect(pollNews(before, 'offline', later(59))).toBeNull()
  expect(pollNews(before, 'offline', later(61))).toBe('gone')
  const told = { ...before, status: 'offline', polledAt: later(61) } as const
  expect(pollNews(told, 'offline', later(120))).toBeNull()
  expect(pollNews({ ...told, status: 'error', polledAt: later(120) }, 'offline', later(180))).toBeNull()
  expect(pollNews(told, 'online', later(125))).toBe('back')
  expect(pollNews({ ...told, polledAt: later(30) }, 'online', later(31))).toBeNull()
})

test('a peer that never answered is told an hour after it was added', () => {
  const fresh = { status: null, lastSeen: null, polledAt: null, createdAt: at }
  expect(pollNews(fresh, 'offline', at + goneAfterMs)).toBeNull()
  expect(pollNews(fresh, 'error', at + goneAfterMs + 1)).toBe('gone')
})

test('control characters and marks that turn text around go, wherever they are', () => {
  const told = { 'a\u0000b': ['x\u202ey', { deep: 'one\ntwo\u001b[31m' }], n: 3, no: null, half: '\ud800' }
  expect(plainTexts(told)).toEqual({ ab: ['xy', { deep: 'one two[31m' }], n: 3, no: null, half: '\ufffd' })
  expect(plainTexts('a\nb\u0007', 'lines')).toBe('a\nb')
})

test('a key that is a trap for objects stays a plain key', () => {
  const told = plainTexts(JSON.parse('{"__proto__": {"polluted": true}}'))
  expect(Object.getPrototypeOf(told)).toBe(Object.prototype)
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})
