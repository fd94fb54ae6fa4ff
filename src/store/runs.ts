// The table `runs`. Every change of state is conditional: of two callers only one wins, the other gets null.
import { sql } from 'kysely'
import { Problem, type Facts, type ProblemCode } from '../domain/problem.ts'
import type { Run, RunStatus, RunStep, RunTrigger, RunWarning, TargetResult } from '../domain/run.ts'
import { readListed, readOne, type Listed } from './json.ts'
import { goodStatuses, listedRunColumns, openStatuses, runColumns, toRun } from './run-row.ts'
import type { Q } from './schema.ts'
import { sqliteCode } from './sqlite-errors.ts'

export { deleteRunsBefore, runIdsOfJob, runsBefore } from './run-history.ts'

export interface NewRun {
  readonly jobId: number
  readonly trigger: RunTrigger
  readonly actor: string
  readonly operation: string
  readonly queuedAt: number
  readonly notBefore: number
}

/** How a run ended. */
export interface RunEnd {
  readonly status: Exclude<RunStatus, (typeof openStatuses)[number]>
  readonly finishedAt: number
  readonly archiveName: string | null
  readonly sizeBytes: number | null
  readonly errorCode: ProblemCode | null
  readonly errorFacts: Facts
  readonly targets: readonly TargetResult[]
  readonly warnings: readonly RunWarning[]
  readonly warningCount: number
  readonly exitCodes: Readonly<Record<string, number>>
  /** The last lines of the log, kept when the file is gone. */
  readonly logTail: string | null
  /** End it only if it is still in this state. */
  readonly onlyFrom?: (typeof openStatuses)[number]
}

/** The queued run, or null when the job has an open one already. Throws `job_not_found`. */
export async function insertRun(q: Q, run: NewRun): Promise<Run | null> {
  const insert = q
    .insertInto('runs')
    .values({
      job_id: run.jobId,
      status: 'queued',
      trigger: run.trigger,
      actor: run.actor,
      operation: run.operation,
      queued_at: run.queuedAt,
      not_before: run.notBefore,
    })
    // Literals, not parameters: SQLite must recognise the condition of its partial index.
    .onConflict((oc) =>
      oc
        .column('job_id')
        .where(sql<boolean>`status IN ('queued', 'running')`)
        .doNothing(),
    )
    .returning(runColumns)
  try {
    const row = await insert.executeTakeFirst()
    return row ? readListed(row, toRun) : null
  } catch (error) {
    if (sqliteCode(error) !== 'SQLITE_CONSTRAINT_FOREIGNKEY') throw error
    throw new Problem('job_not_found', { id: run.jobId }, { cause: error })
  }
}

/** Throws `record_damaged` when the row's JSON cannot be read. */
export async function getRun(q: Q, id: number): Promise<Run | null> {
  const row = await q.selectFrom('runs').select(runColumns).where('id', '=', id).executeTakeFirst()
  return row ? readOne('runs', row.id, row, toRun) : null
}

/** The last lines of a finished run's log. */
export async function runLogTail(q: Q, id: number): Promise<string | null> {
  const row = await q.selectFrom('runs').select('log_text').where('id', '=', id).executeTakeFirst()
  return row?.log_text ?? null
}

/** Newest first, older than `beforeId`. */
export async function listRunsOfJob(
  q: Q,
  jobId: number,
  page: { readonly limit: number; readonly beforeId?: number; readonly status?: RunStatus },
): Promise<Listed<Run>[]> {
  let query = q.selectFrom('runs').select(listedRunColumns).where('job_id', '=', jobId)
  if (page.status !== undefined) query = query.where('status', '=', page.status)
  if (page.beforeId !== undefined) query = query.where('id', '<', page.beforeId)
  const rows = await query.orderBy('id', 'desc').limit(page.limit).execute()
  return rows.map((row) => readListed(row, toRun))
}

/** Runs of all jobs, newest first, older than `beforeId`. */
export async function listRuns(
  q: Q,
  page: { readonly status?: RunStatus; readonly limit: number; readonly beforeId?: number },
): Promise<Listed<Run>[]> {
  let query = q.selectFrom('runs').select(listedRunColumns)
  if (page.status !== undefined) query = query.where('status', '=', page.status)
  if (page.beforeId !== undefined) query = query.where('id', '<', page.beforeId)
  const rows = await query.orderBy('id', 'desc').limit(page.limit).execute()
  return rows.map((row) => readListed(row, toRun))
}

/** Queued and running ones, oldest first. */
export async function openRuns(q: Q): Promise<Listed<Run>[]> {
  const rows = await q
    .selectFrom('runs')
    .select(listedRunColumns)
    .where('status', 'in', openStatuses)
    .orderBy('id')
    .execute()
  return rows.map((row) => readListed(row, toRun))
}

/** The given runs by id, as lists show them. Nulls are left out, so that the map can be asked with null too. */
export async function listedRunsByIds(
  q: Q,
  ids: readonly (number | null)[],
): Promise<ReadonlyMap<number | null, Listed<Run>>> {
  const wanted = [...new Set(ids.filter((id) => id !== null))]
  if (wanted.length === 0) return new Map()
  const rows = await q.selectFrom('runs').select(listedRunColumns).where('id', 'in', wanted).execute()
  return new Map(rows.map((row) => [row.id, readListed(row, toRun)]))
}

/** The newest run, open or not. */
export async function lastRunOfJob(q: Q, jobId: number): Promise<Run | null> {
  const [run] = await listRunsOfJob(q, jobId, { limit: 1 })
  return run ?? null
}

/** When the job last ended with a usable archive (success or warning); null: never. */
export async function lastSuccessAt(q: Q, jobId: number): Promise<number | null> {
  const row = await q
    .selectFrom('runs')
    .select((eb) => eb.fn.max<number | null>('finished_at').as('at'))
    .where('job_id', '=', jobId)
    .where('status', 'in', goodStatuses)
    .executeTakeFirst()
  return row?.at ?? null
}

/** queued → running; null when it is not queued any more or was cancelled. */
export async function claimRun(q: Q, id: number, now: number): Promise<Run | null> {
  const row = await q
    .updateTable('runs')
    .set({ status: 'running', started_at: now })
    .where('id', '=', id)
    .where('status', '=', 'queued')
    .where('cancel_requested', '=', 0)
    .returning(runColumns)
    .executeTakeFirst()
  return row ? readListed(row, toRun) : null
}

/** False when the run is not running. */
export async function setRunStep(q: Q, id: number, step: RunStep): Promise<boolean> {
  return setWhileRunning(q, id, { step })
}

/** Bytes. False when the run is not running. */
export async function setRunProgress(q: Q, id: number, done: number, total: number | null): Promise<boolean> {
  return setWhileRunning(q, id, {
    progress_done: Math.round(done),
    progress_total: total && Math.round(total),
  })
}

/** Recorded before the archive is begun, so that recovery knows which file was being written. */
export async function setRunArchive(q: Q, id: number, name: string): Promise<boolean> {
  return setWhileRunning(q, id, { archive_name: name })
}

/** The ended run; null when it had ended already (or never was). */
export async function finishRun(q: Q, id: number, end: RunEnd): Promise<Run | null> {
  const row = await q
    .updateTable('runs')
    .set({
      status: end.status,
      finished_at: end.finishedAt,
      archive_name: end.archiveName,
      size_bytes: end.sizeBytes,
      error_code: end.errorCode,
      error_facts: JSON.stringify(end.errorFacts),
      targets_json: JSON.stringify(end.targets),
      warnings_json: JSON.stringify(end.warnings),
      warning_count: end.warningCount,
      exit_codes_json: JSON.stringify(end.exitCodes),
      log_text: end.logTail,
    })
    .where('id', '=', id)
    .where('status', 'in', end.onlyFrom ? [end.onlyFrom] : openStatuses)
    .returning(runColumns)
    .executeTakeFirst()
  return row ? readListed(row, toRun) : null
}

/** A run of the job that only waits is to start now, asked for by `actor`; null when none is waiting. */
export async function hastenRun(q: Q, jobId: number, actor: string, now: number): Promise<Run | null> {
  const row = await q
    .updateTable('runs')
    .set({ not_before: now, actor, trigger: 'manual' })
    .where('job_id', '=', jobId)
    .where('status', '=', 'queued')
    .where('cancel_requested', '=', 0)
    .returning(runColumns)
    .executeTakeFirst()
  return row ? readListed(row, toRun) : null
}

/** Marks an open run as one that must stop; null when there is nothing to stop. */
export async function requestCancel(q: Q, id: number): Promise<Run | null> {
  const row = await q
    .updateTable('runs')
    .set({ cancel_requested: 1 })
    .where('id', '=', id)
    .where('status', 'in', openStatuses)
    .returning(runColumns)
    .executeTakeFirst()
  return row ? readListed(row, toRun) : null
}

async function setWhileRunning(
  q: Q,
  id: number,
  columns: {
    readonly step?: RunStep
    readonly progress_done?: number
    readonly progress_total?: number | null
    readonly archive_name?: string
  },
): Promise<boolean> {
  const { numUpdatedRows } = await q
    .updateTable('runs')
    .set(columns)
    .where('id', '=', id)
    .where('status', '=', 'running')
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
