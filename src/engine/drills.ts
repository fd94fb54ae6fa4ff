// Restore drills: the newest archive of a job is proven to the depth that its admin chose, by hand or when it is due.
import type { Archive } from '../domain/archive.ts'
import type { Drill, DrillDepth, DrillResult } from '../domain/drill.ts'
import type { Job } from '../domain/job.ts'
import { invalid, isProblem, Problem, type ProblemCode } from '../domain/problem.ts'
import { addActivity } from '../store/activity.ts'
import { archivesOfJob } from '../store/archives.ts'
import { insertDrill } from '../store/drills.ts'
import { jobsDueForDrill, setNextDrill, setRetentionHold } from '../store/jobs.ts'
import type { EngineDeps } from './deps.ts'
import type { Actor } from './engine.ts'
import { withHold } from './hold.ts'
import { mustGetJob } from './jobs.ts'
import { prepareSettings } from './restore/plan.ts'
import { verifyArchive } from './verify.ts'

const DAY_MS = 86_400_000

/** Failures of the machine, not of the archive. */
const machines: ReadonlySet<ProblemCode> = new Set([
  'tool_missing',
  'disk_full',
  'insufficient_storage',
  'database_unreachable',
  'database_login_refused',
  'helper_unavailable',
  'yunohost_busy',
  'archive_in_use',
  'archive_not_found',
  'timed_out',
  'secret_unreadable',
])

/**
 * Proves the newest archive of the job and records the verdict. `archive_not_found` when there is none, the signal's
 * reason when it was stopped: nothing is recorded then. A failed one suspends removal of the job's archives.
 */
export async function runDrill(
  deps: EngineDeps,
  jobId: number,
  depth: DrillDepth | null,
  actor: Actor,
  signal: AbortSignal,
): Promise<Drill> {
  const job = await mustGetJob(deps, jobId)
  const wanted = depth ?? job.drill?.depth ?? 'read'
  const source = deps.sources.find((one) => one.id === job.type)
  const known: readonly DrillDepth[] = ['read', ...(source?.restore.drills ?? [])]
  if (!known.includes(wanted)) {
    throw invalid({ field: 'depth', code: 'unknown_value', facts: { known: known.join(', ') } })
  }
  // The newest, whatever is known of it: the proof of an older one would hide that this one is damaged.
  const [archive] = await archivesOfJob(deps.db, jobId)
  if (!archive) throw new Problem('archive_not_found', { archive: job.name })
  const startedAt = deps.clock.now()
  const result = await prove(deps, archive, wanted, actor, signal)
  return record(deps, job, { jobId, archiveName: archive.name, depth: wanted, actor, startedAt, ...result })
}

/** Every job that is due, one after the other. One that cannot be done now does not keep the others waiting. */
export async function drillDue(
  deps: EngineDeps,
  drill: (jobId: number) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  for (const job of await jobsDueForDrill(deps.db, deps.clock.now())) {
    if (signal.aborted) return
    // It stays due until there is something to prove.
    if ((await archivesOfJob(deps.db, job.id)).length === 0) continue
    try {
      await drill(job.id)
    } catch (error) {
      if (signal.aborted) return
      deps.log.warn({ err: error, job: job.name }, 'a drill could not be carried out; it stays due')
    }
  }
}

async function prove(
  deps: EngineDeps,
  archive: Archive,
  depth: DrillDepth,
  actor: Actor,
  signal: AbortSignal,
): Promise<DrillResult> {
  try {
    const after = await verifyArchive(deps, archive.name, actor, signal)
    if (after.state !== 'ok') {
      return { verdict: 'failed', findings: [{ code: 'damage', facts: { detail: after.stateDetail ?? '' } }] }
    }
    const read = { code: 'bytes_read', facts: { bytes: after.sizeBytes } } as const
    if (depth === 'read') return { verdict: 'passed', findings: [read] }
    const { source, config } = await prepareSettings(deps, archive, {})
    const args = { archive: archive.name, type: source.id, settings: config, depth }
    const deeper = await withHold(deps, archive.name, 'restore', () =>
      deps.helper.call('drill.run', args, { signal }),
    )
    return { ...deeper, findings: [read, ...deeper.findings] }
  } catch (error) {
    if (signal.aborted || !isProblem(error) || !machines.has(error.code)) throw error
    const code = error.code === 'tool_missing' ? 'tool_missing' : 'failed_unexpectedly'
    return { verdict: 'inconclusive', findings: [{ code, facts: { ...error.facts, detail: error.message } }] }
  }
}

async function record(deps: EngineDeps, job: Job, drill: Omit<Drill, 'id' | 'finishedAt'>): Promise<Drill> {
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    const stored = await insertDrill(trx, { ...drill, finishedAt: now })
    if (drill.verdict === 'failed') await setRetentionHold(trx, job.id, 'drill_failed')
    if (job.drill) await setNextDrill(trx, job.id, now + job.drill.everyDays * DAY_MS)
    await addActivity(trx, {
      at: now,
      actor: drill.actor,
      action: `drill.${drill.verdict}`,
      subject: drill.archiveName,
      jobId: job.id,
      facts: { depth: drill.depth },
    })
    return stored
  })
}
