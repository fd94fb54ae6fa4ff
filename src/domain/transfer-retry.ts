// What becomes of a transfer that failed: another try later, or its end. Pure.
import { problems, type Facts, type ProblemCode } from './problem.ts'

const firstMs = 30_000
const longestMs = 6 * 3_600_000
/** Up to so much longer by chance, so that instances that lost the same peer do not come back together. */
const jitter = 0.25
/** The peer has no room: that does not change from one minute to the next. */
const noRoomMs = 3_600_000
/** Failing for so long without any progress, a transfer ends: somebody has to look. */
const giveUpMs = 7 * 86_400_000

const noRoom: ReadonlySet<ProblemCode> = new Set(['quota_exceeded', 'insufficient_storage', 'disk_full'])
/** The code says that the same call fails again; here the next try is another call. */
const startsAnew: ReadonlySet<ProblemCode> = new Set(['upload_not_found'])

/** How a series of failures went so far. */
export interface FailureSeries {
  /** In a row, with this one. */
  readonly failures: number
  /** When the first one of the row was, epoch ms. */
  readonly since: number
}

/** Where the series stands after one more failure. `before`: what is stored of the last one; progress begins a new series. */
export function seriesAfter(before: Facts, progressed: boolean, now: number): FailureSeries {
  const failures = Number(before['failures'] ?? 0)
  const since = Number(before['failingSince'] ?? now)
  return progressed || failures === 0 ? { failures: 1, since: now } : { failures: failures + 1, since }
}

/** The facts of the failure with those of the series, to be stored. */
export function withSeries(facts: Facts, { failures, since }: FailureSeries): Facts {
  return { ...facts, failures, failingSince: since }
}

/** What is stored of a failure without what only counts. */
export function withoutSeries(facts: Facts): Facts {
  const { failures: _failures, failingSince: _since, ...told } = facts
  return told
}

export type AfterFailure = { readonly again: true; readonly notBefore: number } | { readonly again: false }

/**
 * `random` is in [0, 1). Waits from 30 s, doubling, to 6 h; an hour at least where there is no room; longer when the peer
 * said so (`retryAfterS`). Problems that somebody has to solve first end it, and so do 7 days of failures in a row.
 */
export function afterFailure(
  problem: { readonly code: ProblemCode; readonly facts: Facts },
  series: FailureSeries,
  now: number,
  random: number,
): AfterFailure {
  const { code, facts } = problem
  if (now - series.since >= giveUpMs || !mayWorkLater(code, series)) return { again: false }
  const grown = Math.min(longestMs / (1 + jitter), firstMs * 2 ** Math.min(30, series.failures - 1))
  const wait = Math.max(grown, noRoom.has(code) ? noRoomMs : 0) * (1 + jitter * random)
  const asked = Number(facts['retryAfterS'] ?? 0) * 1000
  return { again: true, notBefore: now + Math.ceil(Math.max(wait, asked)) }
}

/** What arrived was not what was sent, and the archive here is good: chance once, something worse the second time. */
function mayWorkLater(code: ProblemCode, series: FailureSeries): boolean {
  if (code === 'upload_checksum_mismatch') return series.failures === 1
  return problems[code].retry !== 'never' || startsAnew.has(code)
}
