// The table `archives`: the database's copy of the archives directory. Lists leave out what is missing or being deleted.
import { sql } from 'kysely'
import type { Archive, ArchiveState } from '../domain/archive.ts'
import { Problem } from '../domain/problem.ts'
import { present, toArchive } from './archive-row.ts'
import { readListed, readOne, type Listed } from './json.ts'
import type { ArchivesTable, Q } from './schema.ts'

export type { ArchiveEntry } from './archive-row.ts'
export { facets, listArchives, type ArchiveFilter } from './archive-list.ts'
export {
  catalogueRows,
  fingerprints,
  forgetMissing,
  markMissing,
  upsertArchives,
} from './archive-catalogue.ts'

/** Null also when its file is gone or being deleted. Throws `record_damaged` when the row's JSON cannot be read. */
export async function getArchive(q: Q, name: string): Promise<Archive | null> {
  const row = await q
    .selectFrom('archives')
    .selectAll()
    .where('name', '=', name)
    .where(present)
    .executeTakeFirst()
  return row ? readOne('archives', row.name, row, toArchive) : null
}

/** Newest first. */
export async function archivesOfJob(q: Q, jobId: number): Promise<Listed<Archive>[]> {
  const rows = await q
    .selectFrom('archives')
    .selectAll()
    .where('job_id', '=', jobId)
    .where(present)
    .orderBy('created_at', 'desc')
    .orderBy('name', 'desc')
    .execute()
  return rows.map((row) => readListed(row, toArchive))
}

/** What the rotation of verification chooses from, the longest unproven first. */
export async function verifyCandidates(
  q: Q,
): Promise<Pick<Archive, 'name' | 'sizeBytes' | 'createdAt' | 'verifiedAt' | 'state'>[]> {
  return q
    .selectFrom('archives')
    .select([
      'name',
      'state',
      'size_bytes as sizeBytes',
      'created_at as createdAt',
      'verified_at as verifiedAt',
    ])
    .where(present)
    .orderBy('verified_at')
    .orderBy('created_at')
    .execute()
}

/** Number and bytes of the archives that are there. */
export async function totals(q: Q): Promise<{ count: number; bytes: number }> {
  const { count, bytes } = await q
    .selectFrom('archives')
    .select((eb) => [
      eb.fn.countAll<number>().as('count'),
      eb.fn.sum<number | null>('size_bytes').as('bytes'),
    ])
    .where(present)
    .executeTakeFirstOrThrow()
  return { count, bytes: bytes ?? 0 }
}

/**
 * Every name that must not be used again: of archives, also missing ones and those being deleted, and of archives that
 * runs made and that are gone. A name means one content for ever: copies of it may lie elsewhere.
 */
export async function takenNames(q: Q, prefix = ''): Promise<string[]> {
  const after = `${prefix}\u{10FFFF}`
  const rows = await q
    .selectFrom('archives')
    .select('name')
    .where('name', '>=', prefix)
    .where('name', '<', after)
    .union(
      q
        .selectFrom('runs')
        .select((eb) => eb.ref('archive_name').$notNull().as('name'))
        .where('archive_name', 'is not', null)
        .where('archive_name', '>=', prefix)
        .where('archive_name', '<', after),
    )
    .orderBy('name')
    .execute()
  return rows.map((row) => row.name)
}

/** Names whose deletion was begun and not finished. */
export async function deletingArchives(q: Q): Promise<string[]> {
  const rows = await q.selectFrom('archives').select('name').where('deleting', '=', 1).execute()
  return rows.map((row) => row.name)
}

/**
 * First step of a deletion; true when it may go on. False when `unlessJobHeld` is asked for and removal is suspended for
 * the archive's job: looked at in the same statement, so that a suspension in between counts. Throws `archive_pinned`,
 * `archive_in_use` (it is being deleted already) or `archive_not_found`. Unless it is true nothing may be deleted.
 */
export async function markDeleting(
  q: Q,
  name: string,
  options: { readonly unlessJobHeld?: boolean } = {},
): Promise<boolean> {
  let update = q
    .updateTable('archives')
    .set({ deleting: 1 })
    .where('name', '=', name)
    .where('pinned', '=', 0)
    .where('deleting', '=', 0)
  if (options.unlessJobHeld) update = update.where(sql<boolean>`NOT ${jobHeld}`)
  if (await set(update)) return true
  const row = await q
    .selectFrom('archives')
    .select(['pinned', 'deleting', sql<number>`${jobHeld}`.as('held')])
    .where('name', '=', name)
    .executeTakeFirst()
  if (!row) throw new Problem('archive_not_found', { archive: name })
  if (row.pinned === 1) throw new Problem('archive_pinned', { archive: name })
  if (options.unlessJobHeld && row.held === 1 && row.deleting === 0) return false
  throw new Problem('archive_in_use', { archive: name })
}

const jobHeld = sql`EXISTS (SELECT 1 FROM jobs WHERE jobs.id = archives.job_id AND retention_hold IS NOT NULL)`

/** The deletion did not happen: the archive counts again. */
export async function unmarkDeleting(q: Q, name: string): Promise<void> {
  await q.updateTable('archives').set({ deleting: 0 }).where('name', '=', name).execute()
}

/** Last step of a deletion. */
export async function removeArchives(q: Q, names: readonly string[]): Promise<void> {
  if (names.length > 0) await q.deleteFrom('archives').where('name', 'in', names).execute()
}

/** `until` (epoch ms): the pin ends by itself. False when there is no such archive, or its deletion has begun. */
export async function setPinned(
  q: Q,
  name: string,
  pinned: boolean,
  until: number | null = null,
): Promise<boolean> {
  return set(
    q
      .updateTable('archives')
      .set({ pinned: Number(pinned), pinned_until: pinned ? until : null })
      .where('name', '=', name)
      .where('deleting', '=', 0),
  )
}

/**
 * Pins that have ended at `now`; the archives are no longer pinned afterwards. Their names. The state before a restore that
 * failed or is not over stays: it may be all that is left of it.
 */
export async function endPins(q: Q, now: number): Promise<string[]> {
  const rows = await q
    .updateTable('archives')
    .set({ pinned: 0, pinned_until: null })
    .where('pinned', '=', 1)
    .where('pinned_until', '<=', now)
    .where('deleting', '=', 0)
    .where('name', 'not in', (eb) =>
      eb
        .selectFrom('restores')
        .select('safety_archive')
        .where('safety_archive', 'is not', null)
        .where('status', 'in', ['queued', 'running', 'error'])
        .$castTo<{ safety_archive: string }>(),
    )
    .returning('name')
    .execute()
  return rows.map((row) => row.name)
}

/** Records what a look at the archive has shown. False when there is no such archive. */
export async function setState(
  q: Q,
  name: string,
  found: {
    readonly state: ArchiveState
    /** Why it is `corrupted`, in English; null otherwise. */
    readonly detail: string | null
    readonly sha256?: string
    /** Epoch milliseconds. */
    readonly verifiedAt?: number
  },
): Promise<boolean> {
  const columns: Partial<Pick<ArchivesTable, 'sha256' | 'verified_at'>> = {
    ...(found.sha256 === undefined ? {} : { sha256: found.sha256 }),
    ...(found.verifiedAt === undefined ? {} : { verified_at: found.verifiedAt }),
  }
  return set(
    q
      .updateTable('archives')
      .set({ state: found.state, state_detail: found.detail, ...columns })
      .where('name', '=', name),
  )
}

interface Update {
  executeTakeFirst(): Promise<{ readonly numUpdatedRows: bigint }>
}

async function set(update: Update): Promise<boolean> {
  return (await update.executeTakeFirst()).numUpdatedRows > 0n
}
