// Brings the rows of `archives` in line with the directory, without losing what only the database knows.
import { sql, type RawBuilder } from 'kysely'
import type { ArchiveEntry } from './archive-row.ts'
import { inTransaction, type Q } from './schema.ts'

const BATCH = 500

/**
 * Inserts or updates entries, all or none. Pins and begun deletions always stay. An entry with a `state` is believed:
 * its maker tells. An entry without one was found in the directory; then, for a name that is known already,
 * - the same fingerprint: state, hash, origin and job stay as they are;
 * - another fingerprint, same creation time: the file was touched. It must be proven again, against the hash on record;
 * - another creation time: another archive of that name. Nothing known of the old one counts.
 * A job that is gone by now is no error: the entry then belongs to none.
 */
export async function upsertArchives(q: Q, entries: readonly ArchiveEntry[]): Promise<void> {
  if (entries.length === 0) return
  const told = entries.filter((entry) => entry.state !== undefined)
  const found = entries.filter((entry) => entry.state === undefined)
  await inTransaction(q, async (trx) => {
    for (let from = 0; from < told.length; from += BATCH) {
      await upsertBatch(trx, told.slice(from, from + BATCH), asTold)
    }
    for (let from = 0; from < found.length; from += BATCH) {
      await upsertBatch(trx, found.slice(from, from + BATCH), asFound)
    }
  })
}

const asTold = sql`sha256 = excluded.sha256, state = excluded.state, state_detail = excluded.state_detail,
  verified_at = excluded.verified_at, origin = excluded.origin, job_id = excluded.job_id, job_uid = excluded.job_uid`

const same = sql`excluded.fingerprint = archives.fingerprint`
const touched = sql`excluded.created_at = archives.created_at`
const asFound = sql`
  sha256 = iif(${touched}, coalesce(archives.sha256, excluded.sha256), excluded.sha256),
  state = iif(${same}, archives.state, excluded.state),
  state_detail = iif(${same}, archives.state_detail, excluded.state_detail),
  verified_at = iif(${same}, archives.verified_at, excluded.verified_at),
  origin = iif(${same}, archives.origin, excluded.origin),
  job_id = iif(${same}, archives.job_id, excluded.job_id),
  job_uid = iif(${same}, archives.job_uid, excluded.job_uid)`

/** One statement with one parameter for a whole batch: much faster than a parameter per column. */
async function upsertBatch(
  q: Q,
  entries: readonly ArchiveEntry[],
  known: RawBuilder<unknown>,
): Promise<void> {
  await sql`
    INSERT INTO archives (name, file, fingerprint, type, app, instance_name, created_at, size_bytes, sha256, state,
                          state_detail, origin, job_id, job_uid, verified_at, info_json, backup_info_json)
    SELECT e ->> 'name', e ->> 'file', e ->> 'fingerprint', e ->> 'type', e ->> 'app', e ->> 'instanceName',
           e ->> 'createdAt', e ->> 'sizeBytes', e ->> 'sha256', e ->> 'state', e ->> 'stateDetail', e ->> 'origin',
           (SELECT id FROM jobs WHERE id = e ->> 'jobId'), e ->> 'jobUid', e ->> 'verifiedAt', e ->> 'info',
           e ->> 'backupInfo'
    FROM (SELECT value AS e FROM json_each(${JSON.stringify(entries.map(toJson))})) WHERE true
    ON CONFLICT (name) DO UPDATE SET
      file = excluded.file, fingerprint = excluded.fingerprint, type = excluded.type, app = excluded.app,
      instance_name = excluded.instance_name, created_at = excluded.created_at, size_bytes = excluded.size_bytes,
      info_json = excluded.info_json, backup_info_json = excluded.backup_info_json, missing_at = NULL, ${known}`.execute(
    q,
  )
}

function toJson(entry: ArchiveEntry): Record<string, unknown> {
  return {
    ...entry,
    state: entry.state ?? 'unverified',
    info: JSON.stringify(entry.info),
    backupInfo: entry.backupInfo === null ? null : JSON.stringify(entry.backupInfo),
  }
}

/** Fingerprints of all rows, also missing ones and those being deleted, by name. */
export async function fingerprints(q: Q): Promise<Map<string, string>> {
  return new Map([...(await catalogueRows(q))].map(([name, row]) => [name, row.fingerprint]))
}

/** What a scan compares the directory with: every row by name. */
export async function catalogueRows(q: Q): Promise<Map<string, { fingerprint: string; missing: boolean }>> {
  const rows = await q.selectFrom('archives').select(['name', 'fingerprint', 'missing_at']).execute()
  return new Map(
    rows.map((row) => [row.name, { fingerprint: row.fingerprint, missing: row.missing_at !== null }]),
  )
}

/** Archives whose file is gone since `now` (epoch ms) or is back. Their rows keep what is known of them. */
export async function markMissing(
  q: Q,
  change: { readonly gone: readonly string[]; readonly back: readonly string[] },
  now: number,
): Promise<void> {
  await inTransaction(q, async (trx) => {
    await setMissing(trx, change.gone, now)
    await setMissing(trx, change.back, null)
  })
}

/** Removes the rows of archives that have been missing since before `at` (epoch ms). A pinned one is remembered. */
export async function forgetMissing(q: Q, at: number): Promise<void> {
  await q.deleteFrom('archives').where('missing_at', '<', at).where('pinned', '=', 0).execute()
}

async function setMissing(q: Q, names: readonly string[], at: number | null): Promise<void> {
  if (names.length === 0) return
  await sql`UPDATE archives SET missing_at = ${at}
    WHERE name IN (SELECT value FROM json_each(${JSON.stringify(names)}))`.execute(q)
}
