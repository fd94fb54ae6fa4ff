// Reads one archive for its page, with what its deletion would mean.
import type { Kysely, Selectable } from 'kysely'
import { Problem } from '../../../domain/problem.ts'
import type { ArchivesTable, Schema } from '../../../store/schema.ts'

export interface ArchiveRow extends Selectable<ArchivesTable> {
  readonly job_name: string | null
}

/** The row of that name, null when the catalogue has none. */
export async function findArchive(db: Kysely<Schema>, name: string): Promise<ArchiveRow | null> {
  const row = await db
    .selectFrom('archives')
    .leftJoin('jobs', 'jobs.id', 'archives.job_id')
    .selectAll('archives')
    .select('jobs.name as job_name')
    .where('archives.name', '=', name)
    .executeTakeFirst()
  return row ?? null
}

/** The row of an archive whose file is there and stays. Throws `archive_not_found`. */
export async function presentArchive(db: Kysely<Schema>, name: string): Promise<ArchiveRow> {
  const row = await findArchive(db, name)
  if (row === null || row.missing_at !== null || row.deleting === 1) {
    throw new Problem('archive_not_found', { archive: name })
  }
  return row
}

/** Other archives of the same thing that could still be restored: of its job, or else of its app and instance. */
export async function countOthers(db: Kysely<Schema>, archive: ArchiveRow): Promise<number> {
  const others = db
    .selectFrom('archives')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('name', '!=', archive.name)
    .where('state', '!=', 'corrupted')
    .where('missing_at', 'is', null)
    .where('deleting', '=', 0)
  const same =
    archive.job_id === null
      ? others
          .where('app', 'is', archive.app)
          .where('type', 'is', archive.type)
          .where('instance_name', 'is', archive.instance_name)
      : others.where('job_id', '=', archive.job_id)
  return (await same.executeTakeFirstOrThrow()).count
}

/** True when nothing else could be restored in its place. */
export async function isLastGood(db: Kysely<Schema>, archive: ArchiveRow): Promise<boolean> {
  if (archive.state === 'corrupted' || archive.missing_at !== null) return false
  return (await countOthers(db, archive)) === 0
}
