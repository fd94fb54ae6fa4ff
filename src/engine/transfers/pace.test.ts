import { expect, test } from 'vitest'
import { createPace } from './pace.ts'

function paced() {
  let now = 0
  const pace = createPace(() => now)
  const moved = (ms: number, bytes: number) => {
    now = ms
    pace.moved(bytes)
  }
  return { pace, moved, wait: (ms: number) => (now = ms) }
}

test('nothing is known before anything moved', () => {
  const { pace, wait } = paced()
  wait(1000)
  expect(pace.read(100)).toBeNull()
})

test('what moved per second tells how long the rest takes', () => {
  const { pace, moved } = paced()
  moved(10_000, 1000)
  expect(pace.read(1500)).toEqual({ bytesPerSecond: 100, secondsLeft: 15 })
  expect(pace.read(null)).toEqual({ bytesPerSecond: 100, secondsLeft: null })
})

test('what was long ago does not count any more', () => {
  const { pace, moved } = paced()
  for (let s = 1; s <= 60; s += 1) moved(s * 1000, 1000)
  for (let s = 61; s <= 120; s += 1) moved(s * 1000, 10)
  expect(pace.read(null)?.bytesPerSecond).toBeCloseTo(10, 0)
})

test('one that stalls gets slower, and in the end nobody promises an end', () => {
  const { pace, moved, wait } = paced()
  moved(1000, 1000)
  wait(100_000)
  expect(pace.read(1000)).toEqual({ bytesPerSecond: 10, secondsLeft: 100 })
  moved(101_000, 0)
  moved(140_000, 0)
  expect(pace.read(1000)).toEqual({ bytesPerSecond: 0, secondsLeft: null })
})

test('many small moves are put together', () => {
  const { pace, moved } = paced()
  for (let ms = 1; ms <= 20_000; ms += 1) moved(ms, 2)
  expect(pace.read(null)?.bytesPerSecond).toBeCloseTo(2000, 0)
})
