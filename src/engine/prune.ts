// Carries out a retention plan: row marked, file deleted, row gone, one archive at a time, only what the plan names.
import { randomUUID } from 'node:crypto'
import type { Archive } from '../domain/archive.ts'
import type { Job } from '../domain/job.ts'
import { isProblem, Problem, type ProblemCode } from '../domain/problem.ts'
import type { RetentionPolicy } from '../domain/retention-policy.ts'
import { parseCron } from '../domain/schedule.ts'
import { planRetention } from '../domain/retention.ts'
import { addActivity } from '../store/activity.ts'
import { archivesOfJob, getArchive, markDeleting, removeArchives, unmarkDeleting } from '../store/archives.ts'
import { acquireHold, heldNames, releaseHold } from '../store/holds.ts'
import { setRetentionHold } from '../store/jobs.ts'
import { rescan } from './catalogue.ts'
import type { EngineDeps } from './deps.ts'
import type { Actor, RetentionPreview } from './engine.ts'
import { mustGetJob } from './jobs.ts'

/** An admin's own hook of YunoHost may hang; nothing else may wait for it for ever. */
const DELETE_LIMIT_MS = 15 * 60_000
/** Longer than any deletion takes; a crash frees the archive after it. */
const DELETE_LEASE_MS = DELETE_LIMIT_MS + 60_000
/** A server that was off for so long deserves a look, too, before its old backups go. */
const DOUBTFUL_GAP_MS = 45 * 86_400_000
const DOUBTFUL_INTERVALS = 3

/** Nothing is wrong then: the archive goes after the next successful run. YunoHost may be busy for hours. */
const waits: ReadonlySet<ProblemCode> = new Set(['archive_in_use', 'archive_pinned', 'yunohost_busy'])

/** What the policy would do to the job's archives now. Touches nothing. */
export async function previewRetention(
  deps: EngineDeps,
  job: Job,
  policy: RetentionPolicy = job.retention,
): Promise<RetentionPreview> {
  const now = deps.clock.now()
  const archives = await archivesOfJob(deps.db, job.id)
  const held = await heldNames(deps.db, now)
  const plan = planRetention(
    archives.map((one) => ({ ...one, inUse: held.has(one.name) })),
    policy,
    now,
    deps.timeZone,
  )
  const sizes = new Map(archives.map((one) => [one.name, one.sizeBytes]))
  const freedBytes = plan.remove.reduce((sum, one) => sum + (sizes.get(one.name) ?? 0), 0)
  return { plan, archives, freedBytes }
}

/**
 * Applies the job's policy as it is now: a run may have taken hours, and an admin may have changed it meanwhile.
 * While an anomaly suspends removal it removes nothing, also when that happens in the middle.
 * What cannot go just now (in use, pinned meanwhile, YunoHost busy) stays until the next time.
 */
export async function applyRetention(
  deps: EngineDeps,
  jobId: number,
  actor: Actor,
  log: (text: string) => void,
  signal?: AbortSignal,
): Promise<RetentionPreview> {
  // The directory is the truth: an archive that somebody deleted must not count as one that is kept.
  await rescan(deps, signal)
  const job = await mustGetJob(deps, jobId)
  const preview = await previewRetention(deps, job)
  const hold = await holdOf(deps, job, preview)
  if (hold !== null) {
    log(`retention is suspended (${hold}): nothing removed`)
    return nothingRemoved(preview)
  }
  for (const { name, reason } of preview.plan.remove) {
    signal?.throwIfAborted()
    try {
      const done = await deleteArchive(deps, name, actor, { reason, jobId, unlessJobHeld: true }, signal)
      log(done ? `removed ${name} (${reason})` : `kept ${name}: retention was suspended meanwhile`)
      if (!done) break
    } catch (error) {
      if (!isProblem(error) || !waits.has(error.code)) throw error
      log(`kept ${name} until the next time: ${error.code}`)
    }
  }
  return preview
}

/** Why nothing may be removed now; a clock that seems to have jumped ahead suspends removal from now on. */
async function holdOf(deps: EngineDeps, job: Job, preview: RetentionPreview): Promise<string | null> {
  if (job.retentionHold !== null) return job.retentionHold
  if (preview.plan.remove.length === 0 || !clockJumped(deps, job, preview.archives)) return null
  await suspendRetention(deps, job, 'clock_jump')
  return 'clock_jump'
}

/** Suspends removal for a job until an admin has looked; the activity log says why. */
export async function suspendRetention(
  deps: EngineDeps,
  job: Pick<Job, 'id' | 'name'>,
  reason: 'clock_jump' | 'size_collapse',
): Promise<void> {
  await setRetentionHold(deps.db, job.id, reason)
  await addActivity(deps.db, {
    at: deps.clock.now(),
    actor: 'retention',
    action: 'retention.suspend',
    subject: job.name,
    jobId: job.id,
    facts: { reason },
  })
}

/**
 * True when all archives but the newest one are so old that the clock, rather than the backups, is in doubt. A job that
 * runs four times a year has such gaps by itself.
 */
export function clockJumped(
  deps: EngineDeps,
  job: Job,
  archives: readonly Pick<Archive, 'createdAt'>[],
): boolean {
  const now = deps.clock.now()
  const cron = parseCron(job.cronExpr, deps.timeZone)
  const usual = cron.ok ? DOUBTFUL_INTERVALS * (cron.schedule.intervalMs(now) ?? 0) : 0
  const [, second] = archives.map((one) => one.createdAt).toSorted((a, b) => b - a)
  return second !== undefined && now - second > Math.max(DOUBTFUL_GAP_MS, usual)
}

function nothingRemoved(preview: RetentionPreview): RetentionPreview {
  return { ...preview, plan: { keep: preview.plan.keep, remove: [] }, freedBytes: 0 }
}

/**
 * Deletes one archive that nobody uses and that is not pinned. The order of the steps is design.md's D1.
 * False, and nothing done, when `unlessJobHeld` is asked and the job's retention is suspended.
 */
export async function deleteArchive(
  deps: EngineDeps,
  name: string,
  actor: Actor,
  why: { readonly reason: string; readonly jobId: number | null; readonly unlessJobHeld?: boolean },
  signal?: AbortSignal,
): Promise<boolean> {
  const holder = `delete:${randomUUID()}`
  const now = deps.clock.now()
  const archive = await mustExist(deps, name)
  if (archive.pinned) throw new Problem('archive_pinned', { archive: name })
  if (!(await acquireHold(deps.db, name, holder, 'delete', now, DELETE_LEASE_MS))) {
    throw new Problem('archive_in_use', { archive: name })
  }
  try {
    if (!(await markDeleting(deps.db, name, { unlessJobHeld: why.unlessJobHeld ?? false }))) return false
    await deleteFiles(deps, name, signal)
    await deps.db.transaction().execute(async (trx) => {
      await removeArchives(trx, [name])
      await addActivity(trx, {
        at: deps.clock.now(),
        actor,
        action: 'archive.delete',
        subject: name,
        jobId: why.jobId,
        facts: { reason: why.reason, bytes: archive.sizeBytes },
      })
    })
    return true
  } finally {
    await releaseHold(deps.db, name, holder)
  }
}

/** Shown again when the files could not be deleted; the next scan tells what is left of them. */
async function deleteFiles(deps: EngineDeps, name: string, signal?: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(DELETE_LIMIT_MS)
  try {
    await deps.helper.call(
      'archive.delete',
      { name },
      { signal: signal ? AbortSignal.any([signal, limit]) : limit },
    )
  } catch (error) {
    await unmarkDeleting(deps.db, name)
    throw error
  }
}

async function mustExist(deps: EngineDeps, name: string): Promise<Archive> {
  const archive = await getArchive(deps.db, name)
  if (!archive) throw new Problem('archive_not_found', { archive: name })
  return archive
}
