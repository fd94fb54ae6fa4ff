// Who is using an archive: leases, so that a crash frees it by itself. Readers share, a deletion is alone.
import { sql } from 'kysely'
import type { HoldReason, Q } from './schema.ts'

export type { HoldReason } from './schema.ts'

/**
 * True when the holder has the archive until `now + leaseMs`. False when it is being deleted (by somebody else), or when
 * a deletion is wanted and somebody else uses it. One statement: two processes cannot both win.
 */
export async function acquireHold(
  q: Q,
  name: string,
  holder: string,
  reason: HoldReason,
  now: number,
  leaseMs: number,
): Promise<boolean> {
  const deletes = Number(reason === 'delete')
  const { numAffectedRows } = await sql`
    INSERT INTO archive_holds (archive_name, holder, reason, expires_at)
    SELECT ${name}, ${holder}, ${reason}, ${now + leaseMs}
    WHERE NOT EXISTS (
        SELECT 1 FROM archive_holds
        WHERE archive_name = ${name} AND holder <> ${holder} AND expires_at > ${now}
          AND (reason = 'delete' OR ${deletes} = 1))
      AND (${deletes} = 1 OR NOT EXISTS (SELECT 1 FROM archives WHERE name = ${name} AND deleting = 1))
    ON CONFLICT (archive_name, holder) DO UPDATE SET reason = excluded.reason, expires_at = excluded.expires_at`.execute(
    q,
  )
  return numAffectedRows === 1n
}

/** Longer by `leaseMs` from now. False when it has run out or was released: the archive may be somebody else's. */
export async function renewHold(
  q: Q,
  name: string,
  holder: string,
  now: number,
  leaseMs: number,
): Promise<boolean> {
  const { numUpdatedRows } = await q
    .updateTable('archive_holds')
    .set({ expires_at: now + leaseMs })
    .where('archive_name', '=', name)
    .where('holder', '=', holder)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Safe to call for a hold that is gone. */
export async function releaseHold(q: Q, name: string, holder: string): Promise<void> {
  await q.deleteFrom('archive_holds').where('archive_name', '=', name).where('holder', '=', holder).execute()
}

/** Names of archives in use, whatever for. */
export async function heldNames(q: Q, now: number): Promise<Set<string>> {
  const rows = await q
    .selectFrom('archive_holds')
    .select('archive_name')
    .distinct()
    .where('expires_at', '>', now)
    .execute()
  return new Set(rows.map((row) => row.archive_name))
}

/** Forgets leases that have run out at `now`; all of them with a `now` far in the future. */
export async function clearExpiredHolds(q: Q, now: number): Promise<void> {
  await q.deleteFrom('archive_holds').where('expires_at', '<=', now).execute()
}
