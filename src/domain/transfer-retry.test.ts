import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ProblemCode } from './problem.ts'
import { afterFailure, seriesAfter, withoutSeries, withSeries } from './transfer-retry.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const problem = (code: ProblemCode, facts = {}) => ({ code, facts })
const nth = (failures: number) => ({ failures, since: 0 })

function waitOf(code: ProblemCode, failures: number, facts = {}, random = 0): number {
  const after = afterFailure(problem(code, facts), nth(failures), 1000, random)
  return after.again ? after.notBefore - 1000 : -1
}

describe('after a failure', () => {
  test('the first wait is half a minute, each further one twice as long', () => {
    expect([1, 2, 3, 4].map((n) => waitOf('peer_unreachable', n))).toEqual([30_000, 60_000, 120_000, 240_000])
  })

  test('a wait is never shorter than half a minute nor longer than six hours', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (n, random) => {
          const wait = waitOf('peer_unreachable', n, {}, random)
          return wait >= 30_000 && wait <= 6 * HOUR
        },
      ),
    )
  })

  test('chance makes it longer, so that instances do not come back together', () => {
    expect(waitOf('peer_unreachable', 1, {}, 0.5)).toBeGreaterThan(waitOf('peer_unreachable', 1, {}, 0))
  })

  test('what the peer asks for wins when it is longer', () => {
    expect(waitOf('peer_problem', 1, { retryAfterS: 600 })).toBe(600_000)
    expect(waitOf('peer_problem', 1, { retryAfterS: 1 })).toBe(30_000)
  })

  test.each(['quota_exceeded', 'insufficient_storage'] as const)('%s waits for an hour at least', (code) => {
    expect(waitOf(code, 1)).toBe(HOUR)
  })

  test.each([
    'archive_exists',
    'archive_corrupted',
    'peer_key_refused',
    'peer_forbids',
    'peer_untrusted',
    'transfer_mode_unavailable',
  ] as const)('%s is the end: somebody has to change something', (code) => {
    expect(waitOf(code, 1)).toBe(-1)
  })

  test('what arrived damaged is sent once more, not for ever', () => {
    expect(waitOf('upload_checksum_mismatch', 1)).toBe(30_000)
    expect(waitOf('upload_checksum_mismatch', 2)).toBe(-1)
  })

  test('an upload that the peer forgot is begun anew', () => {
    expect(waitOf('upload_not_found', 1)).toBe(30_000)
  })

  test('seven days of failures in a row end it', () => {
    const series = { failures: 40, since: 0 }
    expect(afterFailure(problem('peer_unreachable'), series, 7 * DAY - 1, 0).again).toBe(true)
    expect(afterFailure(problem('peer_unreachable'), series, 7 * DAY, 0).again).toBe(false)
  })
})

describe('a series of failures', () => {
  test('is counted from one failure to the next, and begins anew with progress', () => {
    const first = seriesAfter({}, false, 100)
    expect(first).toEqual({ failures: 1, since: 100 })
    const second = seriesAfter(withSeries({ detail: 'x' }, first), false, 200)
    expect(second).toEqual({ failures: 2, since: 100 })
    expect(withoutSeries(withSeries({ detail: 'x' }, second))).toEqual({ detail: 'x' })
    expect(seriesAfter(withSeries({}, second), true, 300)).toEqual({ failures: 1, since: 300 })
  })
})
