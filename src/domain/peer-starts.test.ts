// Telling a peer that restarts from two that answer under one key.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clonedForMs, isCloned, noStarts, withStart } from './peer-starts.ts'

const minute = 60_000

/** What is known after these answers, one a minute from 0 on. */
function after(...starts: readonly (string | undefined)[]) {
  return starts.reduce((known, started, n) => withStart(known, started, n * minute), noStarts)
}

test('a peer that restarts is one peer, however often it does', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 60 }), (stays) => {
      const starts = stays.flatMap((more, n) => Array.from({ length: more + 1 }, () => `start ${n}`))
      expect(after(...starts).backAt).toBeNull()
    }),
  )
})

test('an id that comes back after another one is a second peer', () => {
  expect(after('a', 'b').backAt).toBeNull()
  expect(after('a', 'b', 'a').backAt).toBe(2 * minute)
  expect(after('a', 'b', 'b', 'c', 'a', 'a').backAt).toBe(4 * minute)
})

test('each return begins the day anew, and then it is over', () => {
  const once = after('a', 'b', 'a')
  expect(isCloned(once, 2 * minute + clonedForMs - 1)).toBe(true)
  expect(isCloned(once, 2 * minute + clonedForMs)).toBe(false)
  const again = after('a', 'b', 'a', 'b')
  expect(isCloned(again, 2 * minute + clonedForMs)).toBe(true)
})

test('a clock that was far ahead does not keep a peer away for years', () => {
  expect(isCloned({ seen: ['a'], backAt: 400 * clonedForMs }, clonedForMs)).toBe(false)
})

test('a version that tells no id is never two, and little is remembered', () => {
  expect(after(undefined, undefined)).toEqual(noStarts)
  expect(after('a', undefined, 'a').backAt).toBeNull()
  expect(after(...Array.from({ length: 100 }, (_, n) => `start ${n}`)).seen).toHaveLength(16)
})
