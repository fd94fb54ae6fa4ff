// Turns due jobs into queued runs. What is due and when comes from `domain/schedule.ts`; this file only waits and writes.
import { randomUUID } from 'node:crypto'
import type { Job } from '../domain/job.ts'
import { planTicks, type Tick } from '../domain/schedule.ts'
import { addActivity } from '../store/activity.ts'
import { listJobs, setNextRun } from '../store/jobs.ts'
import { insertRun } from '../store/runs.ts'
import type { Q } from '../store/schema.ts'
import { getSettings } from '../store/settings.ts'
import type { EngineDeps } from './deps.ts'

/** A tick that comes later than this was missed (the server was off or asleep): it is caught up, spread. */
const LATE_AFTER_MS = 60_000
/** Also looked at this often, so that a jump of the clock or a sleep is noticed. */
const LOOK_EVERY_MS = 20_000

export interface Scheduler {
  /** Plans again: call after a job changed. */
  wake(): void
  close(): Promise<void>
}

/** Queues every due job once; a tick on a job that is still open is recorded as skipped. The next wake-up time. */
export async function tick(
  deps: EngineDeps,
): Promise<{ readonly queued: number; readonly nextAt: number | null }> {
  const now = deps.clock.now()
  const jobs = await listJobs(deps.db)
  const settings = await getSettings(deps.db)
  const plan = planTicks(jobs, now, deps.timeZone, {
    lateAfterMs: LATE_AFTER_MS,
    spreadMs: settings.catchUpSpreadMin * 60_000,
  })
  const next = new Map(plan.next.map((one) => [one.jobId, one.nextRunAt]))
  // Runs and next ticks in one transaction: a crash between them would run a job twice or never, and a thousand jobs at
  // three o'clock are one write to the disk.
  const queued = await deps.db.transaction().execute(async (trx) => {
    let count = 0
    for (const due of plan.ticks) {
      const run = await insertRun(trx, {
        jobId: due.jobId,
        trigger: due.trigger,
        actor: 'scheduler',
        operation: randomUUID(),
        queuedAt: now,
        notBefore: due.notBefore,
      })
      if (run) count += 1
      else await recordSkipped(trx, due, now, jobs)
    }
    for (const { jobId, nextRunAt } of plan.next) await setNextRun(trx, jobId, nextRunAt)
    return count
  })
  const times = jobs
    .filter((job) => job.enabled)
    .map((job) => (next.has(job.id) ? next.get(job.id) : job.nextRunAt))
    .filter((at) => typeof at === 'number')
  return { queued, nextAt: times.length === 0 ? null : Math.min(...times) }
}

async function recordSkipped(q: Q, due: Tick, now: number, jobs: readonly Job[]): Promise<void> {
  await addActivity(q, {
    at: now,
    actor: 'scheduler',
    action: 'run.skipped',
    subject: jobs.find((job) => job.id === due.jobId)?.name ?? String(due.jobId),
    jobId: due.jobId,
    facts: { reason: 'still_running', due: due.dueAt },
  })
}

/** Keeps ticking until closed. `queued` is called when there is something to start. */
export function createScheduler(deps: EngineDeps, queued: () => void): Scheduler {
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let working: Promise<void> | null = null
  let again = false

  async function look(): Promise<void> {
    clearTimeout(timer)
    let wait = LOOK_EVERY_MS
    try {
      const { queued: count, nextAt } = await tick(deps)
      if (count > 0) queued()
      if (nextAt !== null) wait = Math.min(wait, Math.max(50, nextAt - deps.clock.now()))
    } catch (error) {
      deps.log.error({ err: error }, 'the scheduler failed; it tries again')
    }
    if (!closed) timer = setTimeout(wake, wait)
  }

  function wake(): void {
    if (closed) return
    if (working) {
      again = true
      return
    }
    working = look().finally(() => {
      working = null
      if (again) {
        again = false
        wake()
      }
    })
  }

  return {
    wake,
    async close() {
      closed = true
      again = false
      clearTimeout(timer)
      await working
    },
  }
}
