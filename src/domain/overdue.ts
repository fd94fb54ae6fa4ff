// Tells when a job's last good backup is too old, also when nothing ran at all: no news is not good news.

const hour = 3_600_000

/** Times in epoch milliseconds; `intervalMs` is the longest normal gap between ticks (`Schedule.intervalMs`). */
export interface OverdueJob {
  readonly enabled: boolean
  readonly nextRunAt: number | null
  readonly lastSuccessAt: number | null
  readonly createdAt: number
  readonly intervalMs: number | null
}

/** `since`: the moment it became overdue, null while it is not. */
export interface Overdue {
  readonly overdue: boolean
  readonly since: number | null
}

/**
 * Overdue: the last good backup (or, without one, the job's creation) is older than `factor` intervals and a grace
 * of 25 % of an interval, at least an hour. A disabled job never is; an enabled one that never fires again is
 * overdue after the grace alone.
 */
export function overdue(job: OverdueJob, now: number, factor = 1): Overdue {
  const interval = job.nextRunAt === null ? 0 : job.intervalMs
  if (!job.enabled || interval === null) return { overdue: false, since: null }
  const grace = Math.max(hour, interval * 0.25)
  const limit = (job.lastSuccessAt ?? job.createdAt) + interval * factor + grace
  return now > limit ? { overdue: true, since: limit } : { overdue: false, since: null }
}
