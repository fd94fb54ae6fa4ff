// Creating and changing jobs: check everything, then write once, then tell the activity log.
import { randomUUID } from 'node:crypto'
import type { Job, JobInput } from '../domain/job.ts'
import { invalid, Problem, type FieldError } from '../domain/problem.ts'
import { parseCron } from '../domain/schedule.ts'
import { addActivity } from '../store/activity.ts'
import {
  deleteJob,
  getJob,
  insertJob,
  listJobs,
  setNextRun,
  setRetentionHold,
  updateJob,
} from '../store/jobs.ts'
import { openRuns, runIdsOfJob } from '../store/runs.ts'
import type { EngineDeps } from './deps.ts'
import type { Actor } from './engine.ts'
import { checkJobInput, isObject, type CheckedInput } from './job-input.ts'
import { removeRunLogs } from './run-log.ts'
import { completeSecrets, jobPlace, openConfig, sealConfig } from './secrets.ts'

/** Wrong fields, first by reading the input alone, then (when that is fine) by looking at the machine. */
export async function checkJob(
  deps: EngineDeps,
  input: JobInput,
  editing?: number,
): Promise<{ readonly checked: CheckedInput; readonly errors: readonly FieldError[] }> {
  const complete = await withStoredSecrets(deps, input, editing)
  const checked = checkJobInput(complete, deps.sources, deps.timeZone)
  const errors: FieldError[] = checked.ok ? [] : [...checked.errors]
  const namesake = await findByName(deps, input.name.trim())
  if (namesake && namesake.id !== editing) errors.push({ field: 'name', code: 'name_taken' })
  if (checked.ok) {
    const seen = await deps.helper.call('source.check', { type: input.type, settings: checked.job.config })
    errors.push(...seen.errors)
  }
  return { checked, errors }
}

/** The input with the secrets that stay as they are, in clear: the machine is asked with them. */
async function withStoredSecrets(deps: EngineDeps, input: JobInput, editing?: number): Promise<JobInput> {
  const source = deps.sources.find((one) => one.id === input.type)
  if (!source || source.secrets.length === 0) return input
  const job = editing === undefined ? null : await getJob(deps.db, editing)
  const same = job?.type === input.type ? job : null
  const stored = () => same && openConfig(deps.vault, source, jobPlace(same.uid), same.config)
  if (!isObject(input.config)) return input
  // Whoever edits a job may hand back what the database holds: that is the stored one, not a new one.
  const given = Object.entries(input.config).filter(
    ([key, value]) => !source.secrets.includes(key) || value === undefined || value !== same?.config[key],
  )
  return { ...input, config: completeSecrets(source, Object.fromEntries(given), stored) }
}

/** The new job. Rejects with `validation_failed`; nothing is written then. */
export async function createJob(deps: EngineDeps, input: JobInput, actor: Actor): Promise<Job> {
  const uid = randomUUID()
  const fields = await accepted(deps, input, uid)
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    const job = await insertJob(trx, {
      ...fields,
      uid,
      // Soon: the first proof should not wait for a whole period.
      nextDrillAt: fields.drill && now,
      createdAt: now,
      updatedAt: now,
      nextRunAt: nextRun(deps, fields.enabled, fields.cronExpr),
      retentionHold: null,
    })
    await addActivity(trx, { at: now, actor, action: 'job.create', subject: job.name, jobId: job.id })
    return job
  })
}

/** The changed job; its next run is computed anew. */
export async function changeJob(deps: EngineDeps, id: number, input: JobInput, actor: Actor): Promise<Job> {
  const before = await mustGetJob(deps, id)
  const fields = await accepted(deps, input, before.uid, id)
  const now = deps.clock.now()
  const sameDrill =
    before.drill?.depth === fields.drill?.depth && before.drill?.everyDays === fields.drill?.everyDays
  return deps.db.transaction().execute(async (trx) => {
    const job = await updateJob(trx, id, {
      ...fields,
      ...(!sameDrill && { nextDrillAt: fields.drill && now }),
      updatedAt: now,
      nextRunAt: nextRun(deps, fields.enabled, fields.cronExpr),
    })
    if (!job) throw new Problem('job_not_found', { id })
    await addActivity(trx, { at: now, actor, action: 'job.update', subject: job.name, jobId: id })
    return job
  })
}

/** Removes the job and its history; refused while it has an open run. Its archives stay. */
export async function removeJob(deps: EngineDeps, id: number, actor: Actor): Promise<void> {
  const job = await mustGetJob(deps, id)
  const runs = await runIdsOfJob(deps.db, id)
  await deps.db.transaction().execute(async (trx) => {
    if ((await openRuns(trx)).some((run) => run.jobId === id)) {
      throw new Problem('job_already_running', { job: job.name })
    }
    await deleteJob(trx, id)
    await addActivity(trx, {
      at: deps.clock.now(),
      actor,
      action: 'job.delete',
      subject: job.name,
      jobId: id,
    })
  })
  await removeRunLogs(deps.dataDir, runs)
}

/** Turning a job on computes its next run from now: what it missed while off is not caught up. */
export async function enableJob(deps: EngineDeps, id: number, enabled: boolean, actor: Actor): Promise<Job> {
  const job = await mustGetJob(deps, id)
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    const changed = await updateJob(trx, id, { enabled, updatedAt: now })
    await setNextRun(trx, id, nextRun(deps, enabled, job.cronExpr))
    await addActivity(trx, {
      at: now,
      actor,
      action: enabled ? 'job.enable' : 'job.disable',
      subject: job.name,
      jobId: id,
    })
    if (!changed) throw new Problem('job_not_found', { id })
    return mustGet(await getJob(trx, id), id)
  })
}

/** Lets retention remove again after an anomaly. */
export async function releaseRetention(deps: EngineDeps, id: number, actor: Actor): Promise<Job> {
  const job = await mustGetJob(deps, id)
  return deps.db.transaction().execute(async (trx) => {
    await setRetentionHold(trx, id, null)
    await addActivity(trx, {
      at: deps.clock.now(),
      actor,
      action: 'retention.release',
      subject: job.name,
      jobId: id,
    })
    return mustGet(await getJob(trx, id), id)
  })
}

/** The job, or `job_not_found`. */
export async function mustGetJob(deps: EngineDeps, id: number): Promise<Job> {
  return mustGet(await getJob(deps.db, id), id)
}

function mustGet(job: Job | null, id: number): Job {
  if (!job) throw new Problem('job_not_found', { id })
  return job
}

async function accepted(deps: EngineDeps, input: JobInput, uid: string, editing?: number) {
  const { checked, errors } = await checkJob(deps, input, editing)
  if (errors.length > 0 || !checked.ok) throw invalid(...errors)
  const { source, config, ...fields } = checked.job
  return { ...fields, type: source.id, config: sealConfig(deps.vault, source, jobPlace(uid), config) }
}

function nextRun(deps: EngineDeps, enabled: boolean, cronExpr: string): number | null {
  const cron = parseCron(cronExpr, deps.timeZone)
  return enabled && cron.ok ? cron.schedule.next(deps.clock.now()) : null
}

/** Names differ in more than case, also in letters beyond ASCII, which the database does not fold. */
async function findByName(deps: EngineDeps, name: string): Promise<Job | null> {
  const folded = fold(name)
  return (await listJobs(deps.db)).find((job) => fold(job.name) === folded) ?? null
}

function fold(name: string): string {
  return name.normalize('NFC').toLowerCase()
}
