// The table `copies`: what is known to be at a destination. A row outlives the archive here: it may be the last one there is.
import { sql, type Selectable } from 'kysely'
import type { Copy, CopyState } from '../domain/transfer.ts'
import { inTransaction, type CopiesTable, type Q } from './schema.ts'

/** Newest first. */
export async function copiesAt(q: Q, destinationId: number): Promise<readonly Copy[]> {
  const rows = await q
    .selectFrom('copies')
    .selectAll()
    .where('destination_id', '=', destinationId)
    .orderBy('archive_at', 'desc')
    .orderBy('archive_name', 'desc')
    .execute()
  return rows.map(toCopy)
}

/** Where these archives are besides here, by archive. */
export async function copiesOf(
  q: Q,
  archives: readonly string[],
): Promise<ReadonlyMap<string, readonly Copy[]>> {
  const found = new Map<string, Copy[]>()
  if (archives.length === 0) return found
  const rows = await q
    .selectFrom('copies')
    .selectAll()
    .where('archive_name', 'in', sql<string>`(SELECT value FROM json_each(${JSON.stringify(archives)}))`)
    .orderBy('archive_name')
    .orderBy('destination_id')
    .execute()
  for (const row of rows) {
    const list = found.get(row.archive_name)
    if (list) list.push(toCopy(row))
    else found.set(row.archive_name, [toCopy(row)])
  }
  return found
}

export async function getCopy(q: Q, archiveName: string, destinationId: number): Promise<Copy | null> {
  const row = await q
    .selectFrom('copies')
    .selectAll()
    .where('archive_name', '=', archiveName)
    .where('destination_id', '=', destinationId)
    .executeTakeFirst()
  return row ? toCopy(row) : null
}

/** Every SHA-256 that is on record for this name, here (also of an archive that is gone) and at destinations. */
export async function recordedHashes(q: Q, archiveName: string): Promise<ReadonlySet<string>> {
  const rows = await q
    .selectFrom('copies')
    .select('sha256')
    .where('archive_name', '=', archiveName)
    .union(
      q
        .selectFrom('archives')
        .select((eb) => eb.ref('sha256').$notNull().as('sha256'))
        .where('name', '=', archiveName)
        .where('sha256', 'is not', null),
    )
    .execute()
  return new Set(rows.map((row) => row.sha256))
}

/** SHA-256 of the copies on record of an archive of that name, wherever they are. */
export async function copiedHashes(q: Q, archiveName: string): Promise<ReadonlySet<string>> {
  const rows = await q.selectFrom('copies').select('sha256').where('archive_name', '=', archiveName).execute()
  return new Set(rows.map((row) => row.sha256))
}

/**
 * It is there, as of `now`. The job that made it and its age are those of the archive here; `archiveAt` stands in when there
 * is none.
 */
export async function recordCopy(
  q: Q,
  copy: Pick<Copy, 'archiveName' | 'destinationId' | 'sizeBytes' | 'sha256' | 'archiveAt'>,
  now: number,
): Promise<void> {
  await sql`
    INSERT INTO copies (archive_name, destination_id, state, size_bytes, sha256, job_uid, archive_at, copied_at, checked_at)
    VALUES (${copy.archiveName}, ${copy.destinationId}, 'present', ${copy.sizeBytes}, ${copy.sha256},
      (SELECT job_uid FROM archives WHERE name = ${copy.archiveName}),
      coalesce((SELECT created_at FROM archives WHERE name = ${copy.archiveName}), ${copy.archiveAt}), ${now}, ${now})
    ON CONFLICT (archive_name, destination_id) DO UPDATE SET
      state = 'present', size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
      job_uid = coalesce(excluded.job_uid, copies.job_uid), archive_at = excluded.archive_at,
      copied_at = excluded.copied_at, checked_at = excluded.checked_at`.execute(q)
}

/** What the holder said at `now`. A copy that was sent again since it was asked is left as it is. */
export async function markCopies(
  q: Q,
  found: readonly { readonly copy: Copy; readonly state: CopyState }[],
  now: number,
): Promise<void> {
  await inTransaction(q, async (trx) => {
    for (const { copy, state } of found) {
      await trx
        .updateTable('copies')
        .set({ state, checked_at: now })
        .where('archive_name', '=', copy.archiveName)
        .where('destination_id', '=', copy.destinationId)
        .where('copied_at', '=', copy.copiedAt)
        .execute()
    }
  })
}

/** It is not there any more, and nobody expects it. */
export async function forgetCopy(q: Q, archiveName: string, destinationId: number): Promise<void> {
  await q
    .deleteFrom('copies')
    .where('archive_name', '=', archiveName)
    .where('destination_id', '=', destinationId)
    .execute()
}

/** Archives that are pinned here and have a copy there. */
export async function pinnedWithCopy(q: Q, destinationId: number): Promise<ReadonlySet<string>> {
  const rows = await q
    .selectFrom('copies')
    .innerJoin('archives', 'archives.name', 'copies.archive_name')
    .select('archives.name')
    .where('copies.destination_id', '=', destinationId)
    .where('archives.pinned', '=', 1)
    .execute()
  return new Set(rows.map((row) => row.name))
}

/** Destinations that hold, or should hold, something. */
export async function destinationsWithCopies(q: Q): Promise<readonly number[]> {
  const rows = await q.selectFrom('copies').select('destination_id').distinct().execute()
  return rows.map((row) => row.destination_id)
}

function toCopy(row: Selectable<CopiesTable>): Copy {
  return {
    archiveName: row.archive_name,
    destinationId: row.destination_id,
    state: row.state,
    sizeBytes: row.size_bytes,
    sha256: row.sha256,
    jobUid: row.job_uid,
    archiveAt: row.archive_at,
    copiedAt: row.copied_at,
    checkedAt: row.checked_at,
  }
}
