// Carries out a retention plan: row marked, file deleted, row gone, one archive at a time, only what the plan names.
import type { Archive } from '../domain/archive.ts'
import type { Job } from '../domain/job.ts'
import { isProblem, Problem, type ProblemCode } from '../domain/problem.ts'
import type { RetentionPolicy } from '../domain/retention-policy.ts'
import { planRetention } from '../domain/retention.ts'
import { addActivity } from '../store/activity.ts'
import { archivesOfJob, getArchive, markDeleting, removeArchives, unmarkDeleting } from '../store/archives.ts'
import { acquireHold, heldNames, releaseHold } from '../store/holds.ts'
import type { EngineDeps } from './deps.ts'
import type { Actor, RetentionPreview } from './engine.ts'

/** Longer than any deletion takes; a crash frees the archive after it. */
const DELETE_LEASE_MS = 10 * 60_000

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
 * Applies the job's policy. While an anomaly suspends removal it removes nothing.
 * What cannot go just now (in use, pinned meanwhile, YunoHost busy) stays until the next time.
 */
export async function applyRetention(
  deps: EngineDeps,
  job: Job,
  actor: Actor,
  log: (text: string) => void,
  signal?: AbortSignal,
): Promise<RetentionPreview> {
  const preview = await previewRetention(deps, job)
  if (job.retentionHold !== null) {
    log(`retention is suspended (${job.retentionHold}): nothing removed`)
    return { ...preview, plan: { keep: preview.plan.keep, remove: [] }, freedBytes: 0 }
  }
  for (const { name, reason } of preview.plan.remove) {
    signal?.throwIfAborted()
    try {
      await deleteArchive(deps, name, actor, { reason, jobId: job.id })
      log(`removed ${name} (${reason})`)
    } catch (error) {
      if (!isProblem(error) || !waits.has(error.code)) throw error
      log(`kept ${name} until the next time: ${error.code}`)
    }
  }
  return preview
}

/** Deletes one archive that nobody uses and that is not pinned. The order of the steps is design.md's. */
export async function deleteArchive(
  deps: EngineDeps,
  name: string,
  actor: Actor,
  why: { readonly reason: string; readonly jobId: number | null },
): Promise<void> {
  const holder = `delete:${deps.instance.id}:${name}`
  const now = deps.clock.now()
  const archive = await mustExist(deps, name)
  if (archive.pinned) throw new Problem('archive_pinned', { archive: name })
  if (!(await acquireHold(deps.db, name, holder, 'delete', now, DELETE_LEASE_MS))) {
    throw new Problem('archive_in_use', { archive: name })
  }
  try {
    await markDeleting(deps.db, name)
    await deleteFiles(deps, name)
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
  } finally {
    await releaseHold(deps.db, name, holder)
  }
}

/** Shown again when the files could not be deleted; the next scan tells what is left of them. */
async function deleteFiles(deps: EngineDeps, name: string): Promise<void> {
  try {
    await deps.helper.call('archive.delete', { name })
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
