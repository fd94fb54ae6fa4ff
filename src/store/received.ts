// The table `received_archives`: whose the archives are that came from somebody else. And what they take up.
import { sql } from 'kysely'
import type { Amount } from '../domain/upload-rules.ts'
import type { ArchiveState } from '../domain/archive.ts'
import type { Q } from './schema.ts'

/** Times are epoch milliseconds. */
export interface ReceivedArchive {
  readonly name: string
  readonly owner: string
  readonly ownerName: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly receivedAt: number
  /** Until then its owner cannot delete it here; 0: no such time. */
  readonly holdUntil: number
}

/** What is held here for one owner. */
export interface Holding extends Amount {
  readonly owner: string
  readonly ownerName: string
}

const columns = [
  'archive_name as name',
  'owner',
  'owner_name as ownerName',
  'size_bytes as sizeBytes',
  'sha256',
  'received_at as receivedAt',
  'hold_until as holdUntil',
] as const

/** Replaces what was known under that name: the archive is another one then. */
export async function recordReceived(q: Q, received: ReceivedArchive): Promise<void> {
  const values = {
    archive_name: received.name,
    owner: received.owner,
    owner_name: received.ownerName,
    size_bytes: received.sizeBytes,
    sha256: received.sha256,
    received_at: received.receivedAt,
    hold_until: received.holdUntil,
  }
  await q
    .insertInto('received_archives')
    .values(values)
    .onConflict((conflict) => conflict.column('archive_name').doUpdateSet(values))
    .execute()
}

/**
 * Whose the archive will be, before it appears: whoever finds it in the directory then knows that it is not ours. Nothing is
 * changed when an archive is on record under that name that scans cannot take for another one.
 */
export async function claimReceived(q: Q, received: ReceivedArchive): Promise<void> {
  const known = await q
    .selectFrom('archives')
    .select('name')
    .where('name', '=', received.name)
    .where((eb) => eb.or([eb('sha256', 'is not', null), eb('job_id', 'is not', null)]))
    .executeTakeFirst()
  if (!known) await recordReceived(q, received)
}

/** It did not appear. What is on record of an archive with these bytes stays. */
export async function unclaimReceived(
  q: Q,
  claim: Pick<ReceivedArchive, 'name' | 'owner' | 'sha256'>,
): Promise<void> {
  await q
    .deleteFrom('received_archives')
    .where('archive_name', '=', claim.name)
    .where('owner', '=', claim.owner)
    .where('sha256', '=', claim.sha256)
    .where('archive_name', 'not in', (eb) =>
      eb.selectFrom('archives').select('name').where('archives.sha256', '=', claim.sha256),
    )
    .execute()
}

/**
 * Those of the names under which something came from somebody else, or was to: as an upload, or fetched and never entered.
 * What such an archive says of itself must not make it one of our jobs.
 */
export async function namesFromElsewhere(q: Q, names: readonly string[]): Promise<ReadonlySet<string>> {
  const list = JSON.stringify(names)
  const { rows } = await sql<{ name: string }>`
    SELECT archive_name AS name FROM received_archives WHERE archive_name IN (SELECT value FROM json_each(${list}))
    UNION
    SELECT archive_name FROM transfers WHERE direction = 'fetch' AND status != 'success'
      AND archive_name IN (SELECT value FROM json_each(${list}))`.execute(q)
  return new Set(rows.map((row) => row.name))
}

export async function getReceived(q: Q, name: string): Promise<ReceivedArchive | null> {
  const row = await q
    .selectFrom('received_archives')
    .select(columns)
    .where('archive_name', '=', name)
    .executeTakeFirst()
  return row ?? null
}

export async function forgetReceived(q: Q, name: string): Promise<void> {
  await q.deleteFrom('received_archives').where('archive_name', '=', name).execute()
}

/** Forgets whose archives were that are gone for good. Those that came after `before` (epoch ms), or are on their way, stay. */
export async function forgetReceivedGone(q: Q, before: number): Promise<void> {
  await q
    .deleteFrom('received_archives')
    .where('received_at', '<', before)
    .where('archive_name', 'not in', (eb) => eb.selectFrom('archives').select('name'))
    .where('archive_name', 'not in', (eb) =>
      eb
        .selectFrom('uploads')
        .select((upload) => upload.ref('archive_name').$notNull().as('name'))
        .where('archive_name', 'is not', null)
        .where('status', 'in', ['pending', 'in_progress']),
    )
    .execute()
}

/** Of archives that are there: by owner, or of this one. */
export async function holdings(q: Q, owner?: string): Promise<Holding[]> {
  const { rows } = await sql<Holding>`
    SELECT owner, max(owner_name) AS ownerName, count(*) AS count, sum(archives.size_bytes) AS bytes
    FROM received_archives JOIN archives ON archives.name = archive_name AND archives.sha256 = received_archives.sha256
    WHERE deleting = 0 AND missing_at IS NULL AND (${owner ?? null} IS NULL OR owner = ${owner ?? null})
    GROUP BY owner ORDER BY ownerName, owner`.execute(q)
  return rows
}

/** The newest archive that came from this owner for the same application of the same instance, and is there; null: none. */
export async function lastReceived(
  q: Q,
  owner: string,
  of: { readonly app: string | null; readonly instanceName: string | null; readonly type: string | null },
): Promise<string | null> {
  const row = await q
    .selectFrom('received_archives')
    .innerJoin('archives', 'archives.name', 'received_archives.archive_name')
    .select('archives.name')
    .where('received_archives.owner', '=', owner)
    .where('deleting', '=', 0)
    .where('missing_at', 'is', null)
    .where('state', '!=', 'corrupted')
    .where('app', 'is', of.app)
    .where('instance_name', 'is', of.instanceName)
    .where('type', 'is', of.type)
    .orderBy('created_at', 'desc')
    .orderBy('archives.name', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.name ?? null
}

/** What counts against the owner's quota: archives that are there, and open uploads as if they were finished. */
export async function usedBy(q: Q, owner: string): Promise<Amount & { readonly open: number }> {
  const kept = (await holdings(q, owner))[0]
  const open = await q
    .selectFrom('uploads')
    .select((eb) => [
      eb.fn.countAll<number>().as('count'),
      eb.fn.sum<number | null>('total_size').as('bytes'),
    ])
    .where('owner', '=', owner)
    .where('status', 'in', ['pending', 'in_progress'])
    .executeTakeFirst()
  return {
    count: (kept?.count ?? 0) + (open?.count ?? 0),
    bytes: (kept?.bytes ?? 0) + (open?.bytes ?? 0),
    open: open?.count ?? 0,
  }
}

/** What is on record under an archive's name, also of one whose file is missing; null: nothing. */
export async function recordedUnder(
  q: Q,
  name: string,
): Promise<{
  readonly sha256: string | null
  readonly sizeBytes: number
  readonly state: ArchiveState
  readonly missing: boolean
  readonly deleting: boolean
} | null> {
  const row = await q
    .selectFrom('archives')
    .select(['sha256', 'size_bytes', 'state', 'missing_at', 'deleting'])
    .where('name', '=', name)
    .executeTakeFirst()
  if (!row) return null
  return {
    sha256: row.sha256,
    sizeBytes: row.size_bytes,
    state: row.state,
    missing: row.missing_at !== null,
    deleting: row.deleting === 1,
  }
}
