// The table `remote_restores`: restores that other instances carry out for this one. Open ones change, ended ones never.
import type { Selectable } from 'kysely'
import { z } from 'zod'
import { restoreStatusSchema, type WireRestoreStatus } from '../domain/api/archives.ts'
import type { ArchiveContent } from '../domain/archive.ts'
import type { RemoteRestoreStatus } from '../domain/peer.ts'
import type { Facts } from '../domain/problem.ts'
import { restoreOptionsSchema, type RestoreOptions } from '../domain/restore.ts'
import { factsSchema } from './error-columns.ts'
import { readListed, readOne, type Listed, type ReadJson } from './json.ts'
import type { Q, RemoteRestoresTable } from './schema.ts'

export const openRemoteStatuses = [
  'transferring',
  'starting',
  'running',
] as const satisfies readonly RemoteRestoreStatus[]

/** What was asked: the options, whether what exists there may be replaced, and which archive was meant; null: nothing was known of it. */
export interface RemoteRestoreOrder {
  readonly options: RestoreOptions
  readonly force: boolean
  readonly content?: ArchiveContent | null
}
const orderSchema: z.ZodType<RemoteRestoreOrder> = z.object({
  options: restoreOptionsSchema,
  force: z.boolean(),
  content: z.object({ sha256: z.string().nullable(), sizeBytes: z.number() }).nullable().default(null),
})

/** A row. `state` of one that is `starting` is the last restore of that archive there from before it was asked for. */
export interface RemoteRestoreRow {
  readonly id: number
  readonly peerId: number
  readonly archiveName: string
  readonly order: RemoteRestoreOrder
  readonly status: RemoteRestoreStatus
  readonly transferId: number | null
  /** Its id there. */
  readonly remoteId: number | null
  readonly state: WireRestoreStatus | null
  readonly seenAt: number | null
  readonly askedAt: number
  readonly finishedAt: number | null
  readonly actor: string
  readonly errorCode: string | null
  readonly errorFacts: Facts
}

/** What may change of an open one; what is absent stays. */
export interface RemoteRestoreChange {
  readonly status?: RemoteRestoreStatus
  readonly transferId?: number
  readonly remoteId?: number
  readonly state?: WireRestoreStatus | null
  readonly seenAt?: number
  readonly finishedAt?: number
  readonly errorCode?: string | null
  readonly errorFacts?: Facts
}

export async function insertRemoteRestore(
  q: Q,
  row: {
    readonly peerId: number
    readonly archiveName: string
    readonly order: RemoteRestoreOrder
    readonly actor: string
    readonly askedAt: number
  },
): Promise<number> {
  const { id } = await q
    .insertInto('remote_restores')
    .values({
      peer_id: row.peerId,
      archive_name: row.archiveName,
      options_json: JSON.stringify(row.order),
      status: 'starting',
      actor: row.actor,
      asked_at: row.askedAt,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** Throws `record_damaged` when it cannot be read. */
export async function getRemoteRestore(q: Q, id: number): Promise<RemoteRestoreRow | null> {
  const row = await q.selectFrom('remote_restores').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? readOne('remote_restores', id, row, toRow) : null
}

/** Newest first; of one peer when asked. */
export async function listRemoteRestores(
  q: Q,
  page: { readonly limit: number; readonly peerId?: number },
): Promise<readonly Listed<RemoteRestoreRow>[]> {
  let query = q.selectFrom('remote_restores').selectAll()
  if (page.peerId !== undefined) query = query.where('peer_id', '=', page.peerId)
  const rows = await query.orderBy('id', 'desc').limit(page.limit).execute()
  return rows.map((row) => readListed(row, toRow))
}

/** Ids of those that have not ended, oldest first. */
export async function openRemoteRestores(q: Q): Promise<readonly number[]> {
  const rows = await q
    .selectFrom('remote_restores')
    .select('id')
    .where('status', 'in', openRemoteStatuses)
    .orderBy('id')
    .execute()
  return rows.map((row) => row.id)
}

/** An open one with the same archive and peer; null when there is none. */
export async function openRemoteRestoreOf(q: Q, peerId: number, archiveName: string): Promise<number | null> {
  const row = await q
    .selectFrom('remote_restores')
    .select('id')
    .where('peer_id', '=', peerId)
    .where('archive_name', '=', archiveName)
    .where('status', 'in', openRemoteStatuses)
    .executeTakeFirst()
  return row?.id ?? null
}

/** Changes an open one; false when it has ended or is gone. */
export async function changeRemoteRestore(q: Q, id: number, change: RemoteRestoreChange): Promise<boolean> {
  const { status, transferId, remoteId, state, seenAt, finishedAt, errorCode, errorFacts } = change
  const set = {
    ...(status !== undefined && { status }),
    ...(transferId !== undefined && { transfer_id: transferId }),
    ...(remoteId !== undefined && { remote_id: remoteId }),
    ...(state !== undefined && { state_json: state === null ? null : JSON.stringify(state) }),
    ...(seenAt !== undefined && { seen_at: seenAt }),
    ...(finishedAt !== undefined && { finished_at: finishedAt }),
    ...(errorCode !== undefined && { error_code: errorCode }),
    ...(errorFacts !== undefined && { error_facts: JSON.stringify(errorFacts) }),
  }
  const { numUpdatedRows } = await q
    .updateTable('remote_restores')
    .set(set)
    .where('id', '=', id)
    .where('status', 'in', openRemoteStatuses)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

function toRow(row: Selectable<RemoteRestoresTable>, json: ReadJson): RemoteRestoreRow {
  return {
    id: row.id,
    peerId: row.peer_id,
    archiveName: row.archive_name,
    order: json('options_json', row.options_json, orderSchema, { options: {}, force: false }),
    status: row.status,
    transferId: row.transfer_id,
    remoteId: row.remote_id,
    state:
      row.state_json === null
        ? null
        : json<WireRestoreStatus | null>('state_json', row.state_json, restoreStatusSchema, null),
    seenAt: row.seen_at,
    askedAt: row.asked_at,
    finishedAt: row.finished_at,
    actor: row.actor,
    errorCode: row.error_code,
    errorFacts: json('error_facts', row.error_facts, factsSchema, {}),
  }
}
