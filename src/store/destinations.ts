// The tables `destinations` and `job_destinations`: places that copies go to, and which jobs send theirs where.
import { sql, type Selectable } from 'kysely'
import { z } from 'zod'
import { retentionPolicySchema, type RetentionPolicy } from '../domain/retention-policy.ts'
import type { Destination, TransferWindow } from '../domain/transfer.ts'
import { readListed, readOne, type Listed, type ReadJson } from './json.ts'
import { inTransaction, type DestinationsTable, type Q } from './schema.ts'

const minute = z.number().int().min(0).max(1439)
const windowSchema: z.ZodType<TransferWindow> = z.object({ fromMinute: minute, toMinute: minute })

/** By name. */
export async function listDestinations(q: Q): Promise<readonly Listed<Destination>[]> {
  const rows = await q.selectFrom('destinations').selectAll().orderBy('name').execute()
  return rows.map((row) => readListed(row, toDestination))
}

export async function getDestination(q: Q, id: number): Promise<Destination | null> {
  const row = await q.selectFrom('destinations').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? readOne('destinations', id, row, toDestination) : null
}

export async function destinationOfPeer(q: Q, peerId: number): Promise<Destination | null> {
  const row = await q.selectFrom('destinations').selectAll().where('peer_id', '=', peerId).executeTakeFirst()
  return row ? readOne('destinations', row.id, row, toDestination) : null
}

/** Digits are an id first, then a name; names are compared without regard to (ASCII) case. */
export async function findDestination(q: Q, idOrName: string): Promise<Destination | null> {
  const byId = /^\d{1,15}$/.test(idOrName) ? await getDestination(q, Number(idOrName)) : null
  if (byId) return byId
  const row = await q.selectFrom('destinations').selectAll().where('name', '=', idOrName).executeTakeFirst()
  return row ? readOne('destinations', row.id, row, toDestination) : null
}

/** Null when there is none. */
export async function updateDestination(
  q: Q,
  id: number,
  change: Pick<Destination, 'enabled' | 'mode' | 'bandwidthKib' | 'window'> &
    Partial<Pick<Destination, 'retention'>>,
): Promise<Destination | null> {
  const row = await q
    .updateTable('destinations')
    .set({
      enabled: Number(change.enabled),
      mode: change.mode,
      bandwidth_kib: change.bandwidthKib,
      window_json: change.window === null ? null : JSON.stringify(change.window),
      ...(change.retention !== undefined && {
        retention_json: change.retention && JSON.stringify(change.retention),
      }),
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  return row ? readOne('destinations', id, row, toDestination) : null
}

/** Where a job's archives go by themselves, by name. */
export async function destinationsOfJob(q: Q, jobId: number): Promise<readonly Listed<Destination>[]> {
  const rows = await q
    .selectFrom('destinations')
    .selectAll()
    .where('id', 'in', (eb) =>
      eb.selectFrom('job_destinations').select('destination_id').where('job_id', '=', jobId),
    )
    .orderBy('name')
    .execute()
  return rows.map((row) => readListed(row, toDestination))
}

/** Exactly these from now on. */
export async function replaceJobDestinations(q: Q, jobId: number, ids: readonly number[]): Promise<void> {
  await inTransaction(q, async (trx) => {
    await trx.deleteFrom('job_destinations').where('job_id', '=', jobId).execute()
    if (ids.length === 0) return
    const rows = [...new Set(ids)].map((id) => ({ job_id: jobId, destination_id: id }))
    await trx.insertInto('job_destinations').values(rows).execute()
  })
}

/**
 * The newest good archive of every job at every enabled destination of that job where it is not, made since the destination
 * was added. Left out is what is on its way, what somebody here cancelled (not a key of the API: no peer and no script decides which
 * copies are made), and what failed for good after `failedSince` (epoch ms): that is not tried again every hour.
 */
export async function copiesToQueue(
  q: Q,
  failedSince: number,
): Promise<readonly { readonly archive: string; readonly destinationId: number }[]> {
  const by = sql<string>`iif(json_valid(t.error_facts), coalesce(json_extract(t.error_facts, '$.by'), ''), '')`
  const { rows } = await sql<{ archive: string; destinationId: number }>`
    SELECT a.name AS archive, d.id AS destinationId
    FROM job_destinations jd
    JOIN destinations d ON d.id = jd.destination_id AND d.enabled = 1
    JOIN archives a ON a.name = (
      SELECT name FROM archives
      WHERE job_id = jd.job_id AND deleting = 0 AND missing_at IS NULL AND state <> 'corrupted'
      ORDER BY created_at DESC, name DESC LIMIT 1)
    WHERE a.created_at >= d.created_at
      AND NOT EXISTS (SELECT 1 FROM copies c
        WHERE c.archive_name = a.name AND c.destination_id = d.id AND c.state = 'present')
      AND NOT EXISTS (SELECT 1 FROM transfers t
        WHERE t.direction = 'send' AND t.archive_name = a.name AND t.destination_id = d.id
          AND (t.finished_at IS NULL OR (t.status = 'error' AND t.finished_at > ${failedSince})
            OR (t.status = 'cancelled' AND NOT (${by} GLOB 'peer:*' OR ${by} GLOB 'token:*'))))
    ORDER BY a.created_at, d.id`.execute(q)
  return rows
}

function toDestination(row: Selectable<DestinationsTable>, json: ReadJson): Destination {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    peerId: row.peer_id,
    enabled: row.enabled === 1,
    mode: row.mode,
    bandwidthKib: row.bandwidth_kib,
    window:
      row.window_json === null
        ? null
        : json<TransferWindow | null>('window_json', row.window_json, windowSchema, null),
    retention:
      row.retention_json === null
        ? null
        : json<RetentionPolicy | null>('retention_json', row.retention_json, retentionPolicySchema, null),
    createdAt: row.created_at,
  }
}
