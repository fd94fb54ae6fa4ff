// Reads what the first stage offers: for each job, or thing that no job here makes, its newest archive that is good.
import { type Kysely, sql } from 'kysely'
import type { ArchiveState } from '../../../domain/archive.ts'
import { contains } from '../../../store/like.ts'
import type { Schema } from '../../../store/schema.ts'

export const choicesPerPage = 50

export interface Choice {
  readonly name: string
  readonly type: string | null
  readonly app: string | null
  readonly instance: string | null
  readonly job: string | null
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly sizeBytes: number
  readonly state: ArchiveState
  /** Archives of the same thing that could be restored, this one included. */
  readonly alike: number
  /** 1: it holds the state from before a restore. Found by a search, never proposed. */
  readonly safety: number
}

/**
 * The newest of each thing, by the name of its job or app; at most {@link choicesPerPage} and one more. `search` is a part
 * of the job's, app's or archive's name; with it every archive that fits is listed, newest first.
 */
export async function choices(db: Kysely<Schema>, search: string, page: number): Promise<readonly Choice[]> {
  // What no job here makes belongs together when it is the same app of the same instance; the rest stands alone.
  const thing = sql`coalesce('j' || a.job_id, 'a' || a.type || char(0) || a.instance_name || char(0) || a.app, 'n' || a.name)`
  const found = sql<boolean>`(${contains('a.name', search)} OR ${contains('a.app', search)} OR ${contains('j.name', search)})`
  const safety = sql<boolean>`a.name IN (SELECT safety_archive FROM restores WHERE safety_archive IS NOT NULL)`
  const { rows } = await sql<Choice>`
    SELECT name, type, app, instance, job, createdAt, sizeBytes, state, alike, safety FROM (
      SELECT a.name, a.type, a.app, a.instance_name AS instance, j.name AS job, a.created_at AS createdAt,
        a.size_bytes AS sizeBytes, a.state,
        ${safety} AS safety,
        row_number() OVER (PARTITION BY ${thing} ORDER BY a.created_at DESC, a.name DESC) AS place,
        count(*) OVER (PARTITION BY ${thing}) AS alike,
        ${search === '' ? sql`1` : found} AS fits
      FROM archives a LEFT JOIN jobs j ON j.id = a.job_id
      WHERE a.deleting = 0 AND a.missing_at IS NULL AND a.state <> 'corrupted' ${search === '' ? sql`AND NOT ${safety}` : sql``}
    )
    WHERE fits ${search === '' ? sql`AND place = 1` : sql``}
    ORDER BY ${search === '' ? sql`lower(coalesce(job, app, name)), name` : sql`createdAt DESC, name DESC`}
    LIMIT ${choicesPerPage + 1} OFFSET ${page * choicesPerPage}`.execute(db)
  return rows
}
