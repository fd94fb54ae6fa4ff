// The table `restores`. Every change of state is conditional: of two callers only one wins, the other gets null.
import { sql } from 'kysely'
import { z } from 'zod'
import type { Facts, ProblemCode } from '../domain/problem.ts'
import type {
  PlanRemark,
  Restore,
  RestoreOptions,
  RestorePlan,
  RestoreStatus,
  RestoreStep,
} from '../domain/restore.ts'
import { readListed, readOne, type Listed } from './json.ts'
import { restoreColumns, toRestore } from './restore-row.ts'
import type { Q } from './schema.ts'

const open = ['queued', 'running'] as const satisfies readonly RestoreStatus[]
const settingsSchema = z.record(z.string(), z.unknown())

export interface NewRestore {
  readonly plan: RestorePlan
  readonly steps: readonly RestoreStep[]
  readonly options: RestoreOptions
  /** Of the source; secrets encrypted. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly jobId: number | null
  readonly actor: string
  readonly operation: string
  readonly requestedAt: number
}

/** How a restore ended. */
export interface RestoreEnd {
  readonly status: Exclude<RestoreStatus, (typeof open)[number]>
  readonly finishedAt: number
  readonly errorCode: ProblemCode | null
  readonly errorFacts: Facts
  readonly remarks: readonly PlanRemark[]
  readonly logTail: string
  /** End it only if it is still in this state. */
  readonly onlyFrom?: (typeof open)[number]
}

/** The queued restore, or null when another one into the same place is open. */
export async function insertRestore(q: Q, restore: NewRestore): Promise<Restore | null> {
  const { plan } = restore
  const row = await q
    .insertInto('restores')
    .values({
      archive_name: plan.archive,
      type: plan.type,
      target: plan.target,
      job_id: restore.jobId,
      status: 'queued',
      actor: restore.actor,
      operation: restore.operation,
      settings_json: JSON.stringify(restore.settings),
      options_json: JSON.stringify(restore.options),
      plan_json: JSON.stringify(plan),
      steps_json: JSON.stringify(restore.steps),
      requested_at: restore.requestedAt,
    })
    // Literals, not parameters: SQLite must recognise the condition of its partial index.
    .onConflict((oc) =>
      oc
        .columns(['type', 'target'])
        .where(sql<boolean>`status IN ('queued', 'running')`)
        .doNothing(),
    )
    .returning(restoreColumns)
    .executeTakeFirst()
  return row ? readOne('restores', row.id, row, toRestore) : null
}

/** Throws `record_damaged` when the row's JSON cannot be read. */
export async function getRestore(q: Q, id: number): Promise<Restore | null> {
  const row = await q.selectFrom('restores').select(restoreColumns).where('id', '=', id).executeTakeFirst()
  return row ? readOne('restores', row.id, row, toRestore) : null
}

/** The settings it works with; secrets are encrypted. */
export async function restoreSettings(q: Q, id: number): Promise<Readonly<Record<string, unknown>>> {
  const row = await q
    .selectFrom('restores')
    .select('settings_json')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return readOne('restores', id, row, (one, json) =>
    json('settings_json', one.settings_json, settingsSchema, {}),
  )
}

/** Newest first, older than `before`. */
export async function listRestores(
  q: Q,
  page: { readonly archive?: string; readonly limit: number; readonly before?: number },
): Promise<readonly Listed<Restore>[]> {
  let query = q.selectFrom('restores').select(restoreColumns)
  if (page.archive !== undefined) query = query.where('archive_name', '=', page.archive)
  if (page.before !== undefined) query = query.where('id', '<', page.before)
  const rows = await query.orderBy('id', 'desc').limit(page.limit).execute()
  return rows.map((row) => readListed(row, toRestore))
}

export async function newestRestoreOf(q: Q, archiveName: string): Promise<Restore | null> {
  const [newest] = await listRestores(q, { archive: archiveName, limit: 1 })
  return newest ?? null
}

/** Queued and running ones, oldest first. */
export async function openRestores(q: Q): Promise<readonly Listed<Restore>[]> {
  const rows = await q
    .selectFrom('restores')
    .select(restoreColumns)
    .where('status', 'in', open)
    .orderBy('id')
    .execute()
  return rows.map((row) => readListed(row, toRestore))
}

/** `queued → running`; null when somebody else was faster or it was cancelled. */
export async function claimRestore(q: Q, id: number, now: number): Promise<Restore | null> {
  const row = await q
    .updateTable('restores')
    .set({ status: 'running', started_at: now })
    .where('id', '=', id)
    .where('status', '=', 'queued')
    .where('cancel_requested', '=', 0)
    .returning(restoreColumns)
    .executeTakeFirst()
  return row ? readOne('restores', row.id, row, toRestore) : null
}

/** Marks an open one; null when there is none. */
export async function requestRestoreCancel(q: Q, id: number): Promise<Restore | null> {
  const row = await q
    .updateTable('restores')
    .set({ cancel_requested: 1 })
    .where('id', '=', id)
    .where('status', 'in', open)
    .returning(restoreColumns)
    .executeTakeFirst()
  return row ? readOne('restores', row.id, row, toRestore) : null
}

/** Null when it had ended already. */
export async function finishRestore(q: Q, id: number, end: RestoreEnd): Promise<Restore | null> {
  const row = await q
    .updateTable('restores')
    .set({
      status: end.status,
      finished_at: end.finishedAt,
      error_code: end.errorCode,
      error_facts: JSON.stringify(end.errorFacts),
      remarks_json: JSON.stringify(end.remarks),
      log_text: end.logTail,
      progress_done: null,
      progress_total: null,
    })
    .where('id', '=', id)
    .where('status', 'in', end.onlyFrom === undefined ? open : [end.onlyFrom])
    .returning(restoreColumns)
    .executeTakeFirst()
  return row ? readOne('restores', row.id, row, toRestore) : null
}

export async function setRestoreSteps(q: Q, id: number, steps: readonly RestoreStep[]): Promise<void> {
  await q
    .updateTable('restores')
    .set({ steps_json: JSON.stringify(steps) })
    .where('id', '=', id)
    .execute()
}

export async function setRestoreProgress(
  q: Q,
  id: number,
  done: number,
  total: number | null,
): Promise<void> {
  await q
    .updateTable('restores')
    .set({ progress_done: done, progress_total: total })
    .where('id', '=', id)
    .execute()
}

/** Written before the archive is begun, so that a crash leaves a trace of its name. */
export async function setSafetyArchive(q: Q, id: number, name: string): Promise<void> {
  await q.updateTable('restores').set({ safety_archive: name }).where('id', '=', id).execute()
}

/** Ids of ended ones from before `at` (epoch ms), which are forgotten; the newest `keep` stay. */
export async function deleteRestoresBefore(q: Q, at: number, keep: number): Promise<number[]> {
  const rows = await q
    .deleteFrom('restores')
    .where('finished_at', '<', at)
    .where('id', 'not in', (eb) => eb.selectFrom('restores').select('id').orderBy('id', 'desc').limit(keep))
    .returning('id')
    .execute()
  return rows.map((row) => row.id)
}

/** The restore that made an archive to save the state before it; null for any other archive. */
export async function restoreThatSaved(
  q: Q,
  archiveName: string,
): Promise<Pick<Restore, 'id' | 'type' | 'operation'> | null> {
  const row = await q
    .selectFrom('restores')
    .select(['id', 'type', 'operation'])
    .where('safety_archive', '=', archiveName)
    .orderBy('id', 'desc')
    .executeTakeFirst()
  return row ?? null
}
