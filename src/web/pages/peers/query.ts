// What the peers' pages ask of the database beyond the peers themselves.
import { sql, type Kysely } from 'kysely'
import type { Schema } from '../../../store/schema.ts'

/** An archive that is at a destination and not here. Times are epoch milliseconds. */
export interface LoneCopy {
  readonly name: string
  readonly sizeBytes: number
  readonly archiveAt: number
}

/** Good copies there whose archive is not here any more: nobody else may have them. The newest first, `limit` at most. */
export async function loneCopies(
  db: Kysely<Schema>,
  destinationId: number,
  limit: number,
): Promise<{ readonly count: number; readonly copies: readonly LoneCopy[] }> {
  const lone = db
    .selectFrom('copies as c')
    .where('c.destination_id', '=', destinationId)
    .where('c.state', '=', 'present')
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('archives as a')
            .select(sql`1`.as('here'))
            .whereRef('a.name', '=', 'c.archive_name')
            .where('a.missing_at', 'is', null)
            .where('a.deleting', '=', 0),
        ),
      ),
    )
  const [{ count }, rows] = await Promise.all([
    lone.select((eb) => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow(),
    lone
      .select(['c.archive_name', 'c.size_bytes', 'c.archive_at'])
      .orderBy('c.archive_at', 'desc')
      .limit(limit)
      .execute(),
  ])
  const copies = rows.map((row) => ({
    name: row.archive_name,
    sizeBytes: row.size_bytes,
    archiveAt: row.archive_at,
  }))
  return { count, copies }
}

/** Good copies at a destination, together. */
export async function goodCopies(
  db: Kysely<Schema>,
  destinationId: number,
): Promise<{ readonly count: number; readonly bytes: number }> {
  const row = await db
    .selectFrom('copies')
    .select((eb) => [
      eb.fn.countAll<number>().as('count'),
      eb.fn.sum<number | null>('size_bytes').as('bytes'),
    ])
    .where('destination_id', '=', destinationId)
    .where('state', '=', 'present')
    .executeTakeFirstOrThrow()
  return { count: row.count, bytes: row.bytes ?? 0 }
}

/** Jobs that send their archives to a destination. */
export async function jobsSendingTo(db: Kysely<Schema>, destinationId: number): Promise<number> {
  const row = await db
    .selectFrom('job_destinations')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('destination_id', '=', destinationId)
    .executeTakeFirstOrThrow()
  return row.count
}
