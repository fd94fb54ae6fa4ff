// The table `transfers`. Every change of state is conditional: of two callers only one wins, the other gets null.
import { sql } from 'kysely'
import type { Facts, ProblemCode } from '../domain/problem.ts'
import { pauseTooLongMs } from '../domain/transfer-queue.ts'
import type {
  Transfer,
  TransferDirection,
  TransferMode,
  TransferStatus,
  TransferTrigger,
} from '../domain/transfer.ts'
import { readListed, readOne, type Listed } from './json.ts'
import type { Q } from './schema.ts'
import { toTransfer } from './transfer-row.ts'

const idle = ['queued', 'waiting'] as const satisfies readonly TransferStatus[]
const open = [...idle, 'running', 'paused'] as const satisfies readonly TransferStatus[]

export interface NewTransfer {
  readonly direction: TransferDirection
  readonly archiveName: string
  readonly destinationId: number
  readonly mode: TransferMode
  readonly trigger: TransferTrigger
  readonly actor: string
  readonly bytesTotal: number | null
  readonly queuedAt: number
}

/** Why it is as it is; null when nothing went wrong. */
export interface TransferError {
  readonly code: ProblemCode
  readonly facts: Facts
}

/** The queued transfer, or null when one of the same archive, direction and destination is open. */
export async function insertTransfer(q: Q, transfer: NewTransfer): Promise<Transfer | null> {
  const row = await q
    .insertInto('transfers')
    .values({
      direction: transfer.direction,
      archive_name: transfer.archiveName,
      destination_id: transfer.destinationId,
      mode: transfer.mode,
      status: 'queued',
      trigger: transfer.trigger,
      actor: transfer.actor,
      job_uid: sql<string>`(SELECT job_uid FROM archives WHERE name = ${transfer.archiveName})`,
      not_before: transfer.queuedAt,
      queued_at: transfer.queuedAt,
      bytes_total: transfer.bytesTotal,
    })
    // Literals, not parameters: SQLite must recognise the condition of its partial index.
    .onConflict((oc) =>
      oc
        .columns(['direction', 'archive_name', 'destination_id'])
        .where(sql<boolean>`status IN ('queued', 'running', 'waiting', 'paused')`)
        .doNothing(),
    )
    .returningAll()
    .executeTakeFirst()
  return row ? readOne('transfers', row.id, row, toTransfer) : null
}

/** Throws `record_damaged` when the row's JSON cannot be read. */
export async function getTransfer(q: Q, id: number): Promise<Transfer | null> {
  const row = await q.selectFrom('transfers').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? readOne('transfers', row.id, row, toTransfer) : null
}

/** The one that is not over; null when there is none. */
export async function openTransferOf(
  q: Q,
  of: Pick<NewTransfer, 'direction' | 'archiveName' | 'destinationId'>,
): Promise<Transfer | null> {
  const row = await q
    .selectFrom('transfers')
    .selectAll()
    .where('direction', '=', of.direction)
    .where('archive_name', '=', of.archiveName)
    .where('destination_id', '=', of.destinationId)
    .where('status', 'in', open)
    .executeTakeFirst()
  return row ? readOne('transfers', row.id, row, toTransfer) : null
}

/** Newest first, older than `before`. */
export async function listTransfers(
  q: Q,
  page: {
    readonly limit: number
    readonly before?: number
    readonly archive?: string
    readonly destinationId?: number
    readonly statuses?: readonly TransferStatus[]
  },
): Promise<readonly Listed<Transfer>[]> {
  let query = q.selectFrom('transfers').selectAll()
  if (page.before !== undefined) query = query.where('id', '<', page.before)
  if (page.archive !== undefined) query = query.where('archive_name', '=', page.archive)
  if (page.destinationId !== undefined) query = query.where('destination_id', '=', page.destinationId)
  if (page.statuses !== undefined) query = query.where('status', 'in', page.statuses)
  const rows = await query.orderBy('id', 'desc').limit(page.limit).execute()
  return rows.map((row) => readListed(row, toTransfer))
}

/** Queued, waiting and running ones, oldest first: what the queue looks at. */
export async function liveTransfers(q: Q): Promise<readonly Listed<Transfer>[]> {
  const rows = await q
    .selectFrom('transfers')
    .selectAll()
    .where('status', 'in', [...idle, 'running'])
    .orderBy('id')
    .execute()
  return rows.map((row) => readListed(row, toTransfer))
}

/** Ids of those whose partial files may still be needed. */
export async function unfinishedFetches(q: Q): Promise<ReadonlySet<number>> {
  const rows = await q
    .selectFrom('transfers')
    .select('id')
    .where('direction', '=', 'fetch')
    .where('status', 'in', open)
    .execute()
  return new Set(rows.map((row) => row.id))
}

/** `queued` or `waiting` → `running` when its time has come ({@link pauseTooLongMs}); null when somebody else was faster, or something else is wanted of it. */
export async function claimTransfer(q: Q, id: number, now: number): Promise<Transfer | null> {
  const row = await q
    .updateTable('transfers')
    .set({
      status: 'running',
      started_at: sql<number>`coalesce(started_at, ${now})`,
      attempt: sql<number>`attempt + 1`,
      // The facts stay: they tell how long it has been failing.
      error_code: null,
    })
    .where('id', '=', id)
    .where('status', 'in', idle)
    .where((eb) => eb.or([eb('not_before', '<=', now), eb('not_before', '>', now + pauseTooLongMs)]))
    .where('wanted', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return row ? readOne('transfers', row.id, row, toTransfer) : null
}

export interface TransferProgress {
  readonly bytesDone: number
  /** Sent since this was last told. */
  readonly moreSent: number
}

export async function setTransferProgress(q: Q, id: number, progress: TransferProgress): Promise<void> {
  await q
    .updateTable('transfers')
    .set({ bytes_done: progress.bytesDone, bytes_sent: sql<number>`bytes_sent + ${progress.moreSent}` })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .execute()
}

/** What became known when it began. */
export async function setTransferFacts(
  q: Q,
  id: number,
  known: { readonly chosen: 'http' | 'rsync'; readonly bytesTotal: number },
): Promise<void> {
  await q
    .updateTable('transfers')
    .set({ chosen: known.chosen, bytes_total: known.bytesTotal })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .execute()
}

/** `running` → not running for now. What is wanted of it stays wanted. Null when it was not running. */
export async function parkTransfer(
  q: Q,
  id: number,
  how: {
    readonly status: 'queued' | 'waiting'
    readonly notBefore: number
    /** Absent: what was known of an earlier failure stays. */
    readonly error?: TransferError
  },
): Promise<Transfer | null> {
  const row = await q
    .updateTable('transfers')
    .set({ status: how.status, not_before: how.notBefore, ...(how.error && errorColumns(how.error)) })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .returningAll()
    .executeTakeFirst()
  return row ? readOne('transfers', row.id, row, toTransfer) : null
}

/** One that could begin has to wait for its hours. */
export async function delayTransfer(q: Q, id: number, until: number): Promise<void> {
  await q
    .updateTable('transfers')
    // The facts tell how long it has been failing.
    .set({ status: 'waiting', not_before: until, error_code: null })
    .where('id', '=', id)
    .where('status', 'in', idle)
    .execute()
}

/** Those that wait for their hours are looked at again: the hours have changed. */
export async function forgetHours(q: Q, destinationId: number, now: number): Promise<void> {
  await q
    .updateTable('transfers')
    .set({ status: 'queued', not_before: now })
    .where('destination_id', '=', destinationId)
    .where('status', '=', 'waiting')
    .where('error_code', 'is', null)
    .execute()
}

/** Null when it was over already, or not in `onlyFrom`. */
export async function finishTransfer(
  q: Q,
  id: number,
  end: {
    readonly status: 'success' | 'error' | 'cancelled'
    readonly finishedAt: number
    readonly error: TransferError | null
    /** All of them are done. */
    readonly bytesTotal?: number
    readonly onlyFrom?: readonly TransferStatus[]
  },
): Promise<Transfer | null> {
  const total = end.bytesTotal
  const row = await q
    .updateTable('transfers')
    .set({
      status: end.status,
      finished_at: end.finishedAt,
      wanted: null,
      ...errorColumns(end.error),
      ...(total !== undefined && { bytes_done: total, bytes_total: total }),
    })
    .where('id', '=', id)
    .where('status', 'in', end.onlyFrom ?? open)
    .returningAll()
    .executeTakeFirst()
  return row ? readOne('transfers', row.id, row, toTransfer) : null
}

/** Asks it of an open one; whoever carries it out, in whatever process, finds it in the row. Null when it is over. */
export async function wantOfTransfer(
  q: Q,
  id: number,
  wanted: 'pause' | 'cancel',
  actor: string,
): Promise<Transfer | null> {
  const row = await q
    .updateTable('transfers')
    // Whether a copy is made again by itself depends on who did not want it.
    .set({ wanted, ...(wanted === 'cancel' && { error_facts: JSON.stringify({ by: actor }) }) })
    .where('id', '=', id)
    .where('status', 'in', open)
    .returningAll()
    .executeTakeFirst()
  return row ? readOne('transfers', row.id, row, toTransfer) : null
}

/** Does what is wanted of one that nobody carries out (any more). `orphan`: also of a running one. Null: nothing to do. */
export async function settleWanted(
  q: Q,
  id: number,
  now: number,
  options: { readonly orphan: boolean },
): Promise<Transfer | null> {
  const from = options.orphan ? open : open.filter((status) => status !== 'running')
  const row =
    (await q
      .updateTable('transfers')
      .set({ status: 'paused', wanted: null })
      .where('id', '=', id)
      .where('status', 'in', from)
      .where('wanted', '=', 'pause')
      .returningAll()
      .executeTakeFirst()) ??
    (await q
      .updateTable('transfers')
      .set({
        status: 'cancelled',
        finished_at: now,
        wanted: null,
        error_code: 'cancelled' satisfies ProblemCode,
        error_facts: sql<string>`json_patch('{}', json_object('by', json_extract(error_facts, '$.by')))`,
      })
      .where('id', '=', id)
      .where('status', 'in', from)
      .where('wanted', '=', 'cancel')
      .returningAll()
      .executeTakeFirst())
  return row ? readOne('transfers', row.id, row, toTransfer) : null
}

/** Paused, waiting or failed ones are queued anew; of a running one a pause is not wanted any more. Null: it cannot go on. */
export async function resumeTransfer(q: Q, id: number, now: number): Promise<Transfer | null> {
  const row =
    (await q
      .updateTable('transfers')
      .set({
        status: 'queued',
        not_before: now,
        queued_at: now,
        finished_at: null,
        wanted: null,
        ...errorColumns(null),
      })
      .where('id', '=', id)
      .where('status', 'in', ['paused', 'waiting', 'error', 'queued'])
      .returningAll()
      .executeTakeFirst()) ??
    (await q
      .updateTable('transfers')
      .set({ wanted: sql<null>`iif(wanted = 'pause', NULL, wanted)` })
      .where('id', '=', id)
      .where('status', '=', 'running')
      .returningAll()
      .executeTakeFirst())
  return row ? readOne('transfers', row.id, row, toTransfer) : null
}

/** After a crash: what was under way is queued, or what was wanted of it. Needs the instance lock. The ids. */
export async function requeueRunning(q: Q, except: ReadonlySet<number>): Promise<readonly number[]> {
  const rows = await q
    .updateTable('transfers')
    .set({ status: 'queued' })
    .where('status', '=', 'running')
    .where('id', 'not in', [...except])
    .returning('id')
    .execute()
  return rows.map((row) => row.id)
}

/** Ids of ended ones from before `at` (epoch ms), which are forgotten; the newest `keep` stay. */
export async function deleteTransfersBefore(q: Q, at: number, keep: number): Promise<void> {
  await q
    .deleteFrom('transfers')
    .where('finished_at', '<', at)
    .where('id', 'not in', (eb) => eb.selectFrom('transfers').select('id').orderBy('id', 'desc').limit(keep))
    .execute()
}

function errorColumns(error: TransferError | null): { error_code: string | null; error_facts: string } {
  return { error_code: error?.code ?? null, error_facts: JSON.stringify(error?.facts ?? {}) }
}
