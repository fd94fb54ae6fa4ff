import { describe, expect, test } from 'vitest'
import { dueForVerify, type ReadableArchive } from './verify-rotation.ts'

const hour = 3_600_000
const day = 24 * hour
const start = Date.parse('2026-05-08T00:17:00Z')
const options = { everyDays: 30, periodMs: hour }

interface Run {
  /** Longest time any archive went unread. */
  readonly longest: number
  /** Bytes read per day. */
  readonly days: readonly number[]
  readonly total: number
}

/** An hourly round for some days; what is chosen is read ten minutes later. */
function rotate(
  archives: readonly ReadableArchive[],
  forDays: number,
  change: (archives: Map<string, ReadableArchive>, now: number) => void = () => undefined,
  running: (now: number) => boolean = () => true,
): Run {
  const all = new Map(archives.map((one) => [one.name, one]))
  const days: number[] = []
  let longest = 0
  for (let now = start; now < start + forDays * day; now += hour) {
    change(all, now)
    if (!running(now)) continue
    let bytes = 0
    for (const name of dueForVerify([...all.values()], now, options)) {
      const one = all.get(name)
      if (one === undefined) throw new Error(`${name} is no archive`)
      if (one.lastReadAt !== null) longest = Math.max(longest, now - one.lastReadAt)
      bytes += one.sizeBytes
      all.set(name, { ...one, lastReadAt: now + 10 * 60_000 })
    }
    const index = Math.floor((now - start) / day)
    days[index] = (days[index] ?? 0) + bytes
  }
  const end = start + forDays * day
  for (const { lastReadAt } of all.values()) longest = Math.max(longest, end - (lastReadAt ?? -Infinity))
  return { longest, days, total: [...all.values()].reduce((sum, one) => sum + one.sizeBytes, 0) }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0)

/** Sizes from 1 MB to some GB, as archives have: many small, few large. */
const sizeOf = (i: number) => Math.round(1e6 * 1.3 ** ((i * 7919) % 30))
const archives = (n: number, lastReadAt: (i: number) => number | null): ReadableArchive[] =>
  Array.from({ length: n }, (_, i) => ({ name: `a${i}`, sizeBytes: sizeOf(i), lastReadAt: lastReadAt(i) }))

describe('the rotation of 1,000 archives over 60 days', () => {
  test.each<[string, (i: number) => number]>([
    ['all made at one moment', () => start],
    ['read at scattered times', (i) => start - ((i * 104_729) % (29 * 24)) * hour],
    ['made in nightly batches', (i) => start - (i % 29) * day],
    ['most of them due in the next days', (i) => start - (20 + (i % 8)) * day],
  ])('%s: each is read within 30 days, and no day has much more to read than another', (_, lastReadAt) => {
    const { longest, days, total } = rotate(archives(1000, lastReadAt), 60)
    expect(longest).toBeLessThanOrEqual(30 * day)
    const even = total / 30
    for (const bytes of days.slice(10)) expect(bytes / even).toBeLessThan(1.5)
    for (let week = 10; week + 7 <= days.length; week++) {
      expect(sum(days.slice(week, week + 7)) / even / 7).toBeGreaterThan(0.5)
    }
    // Hardly more is read than must be.
    expect(sum(days.slice(30)) / total).toBeLessThan(1.2)
  })
})

test('a few large archives are not read in one go', () => {
  const large = Array.from({ length: 10 }, (_, i) => ({ name: `a${i}`, sizeBytes: 5e10, lastReadAt: start }))
  const { longest, days } = rotate(large, 90)
  expect(longest).toBeLessThanOrEqual(30 * day)
  expect(Math.max(...days)).toBeLessThanOrEqual(5e10)
})

test('archives that come and go every night are read in time', () => {
  const { longest } = rotate(
    archives(300, () => start),
    120,
    (all, now) => {
      if ((now - start) % day !== 0) return
      const night = Math.round((now - start) / day)
      for (let i = 0; i < 5; i++)
        all.set(`n${night}-${i}`, { name: `n${night}-${i}`, sizeBytes: sizeOf(i), lastReadAt: now })
      for (let i = 0; i < 5; i++) all.delete(`n${night - 45}-${i}`)
      all.delete(`a${night}`)
    },
  )
  expect(longest).toBeLessThanOrEqual(30 * day)
})

test('archives that were never read are worked off over days, in no burst', () => {
  const { days, total } = rotate(
    archives(400, () => null),
    20,
  )
  expect(Math.max(...days)).toBeLessThan((total / 30) * 6)
  expect(sum(days.slice(0, 9))).toBeGreaterThanOrEqual(total * 0.95)
})

const onExceptForTwoWeeks = (now: number) => now < start + 10 * day || now > start + 24 * day

test('after two weeks off the rest is caught up without a burst', () => {
  const { days, total } = rotate(
    archives(500, (i) => start - ((i * 104_729) % (29 * 24)) * hour),
    60,
    () => undefined,
    onExceptForTwoWeeks,
  )
  expect(Math.max(...days.slice(24))).toBeLessThan(total * 0.4)
  expect(sum(days.slice(24, 36))).toBeGreaterThan(total / 2)
})

test('the most urgent comes first, whatever the order of the list', () => {
  const list: ReadableArchive[] = [
    { name: 'fresh', sizeBytes: 1, lastReadAt: start - day },
    { name: 'due', sizeBytes: 1, lastReadAt: start - 30 * day + hour },
    { name: 'late', sizeBytes: 1, lastReadAt: start - 40 * day },
    { name: 'never', sizeBytes: 1, lastReadAt: null },
  ]
  const due = dueForVerify(list, start, options)
  expect(due).toContain('due')
  expect(due).not.toContain('fresh')
  expect(dueForVerify(list.toReversed(), start, options)).toEqual(due)
})

test('a time far in the future proves nothing', () => {
  const wrong = [{ name: 'a', sizeBytes: 1e9, lastReadAt: start + 1000 * day }]
  expect(sum(rotate(wrong, 10).days)).toBe(1e9)
})

test('zero days turns it off, and nothing to read is nothing due', () => {
  expect(
    dueForVerify(
      archives(5, () => null),
      start,
      { everyDays: 0, periodMs: hour },
    ),
  ).toEqual([])
  expect(dueForVerify([], start, options)).toEqual([])
})
