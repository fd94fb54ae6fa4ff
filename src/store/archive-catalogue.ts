// Brings the rows of `archives` in line with the directory, without losing what only the database knows.
import { setImmediate } from 'node:timers/promises'
import { sql, type RawBuilder } from 'kysely'
import type { ArchiveEntry } from './archive-row.ts'
import { inTransaction, type Q } from './schema.ts'

/** Rows per statement: with large descriptions a hundred take some milliseconds, and SQLite blocks the event loop. */
const BATCH = 100

/**
 * Inserts or updates entries. Pins and begun deletions always stay. An entry with a `state` is believed: its maker
 * tells; those are written all or none. An entry without one was found in the directory. What a file says of itself
 * then never replaces what is on record: with another fingerprint the archive is `unverified` (or still `corrupted`)
 * and keeps hash, job, origin and identity, so that verification compares it with what was made. Only an archive of
 * no job whose hash was never recorded is described anew.
 * Found entries are written in batches with a pause between them: after an error or a crash the first ones are in, and
 * the next scan brings the others. A job that is gone by now is no error: the entry then belongs to none.
 */
export async function upsertArchives(q: Q, entries: readonly ArchiveEntry[]): Promise<void> {
  const told = entries.filter((entry) => entry.state !== undefined)
  const found = entries.filter((entry) => entry.state === undefined)
  if (told.length > 0) {
    await inTransaction(q, async (trx) => {
      for (const batch of batches(told)) await upsertBatch(trx, batch, asTold)
    })
  }
  for (const [index, batch] of batches(found).entries()) {
    // A caller's transaction is not kept open for a pause: everybody else waits for its end.
    if (index > 0 && !q.isTransaction) await setImmediate()
    await inTransaction(q, (trx) => upsertBatch(trx, batch, asFound))
  }
}

function batches(entries: readonly ArchiveEntry[]): (readonly ArchiveEntry[])[] {
  return Array.from({ length: Math.ceil(entries.length / BATCH) }, (_, n) =>
    entries.slice(n * BATCH, (n + 1) * BATCH),
  )
}

const asTold = sql`
  type = excluded.type, app = excluded.app, instance_name = excluded.instance_name, created_at = excluded.created_at,
  sha256 = excluded.sha256, state = excluded.state, state_detail = excluded.state_detail,
  verified_at = excluded.verified_at, origin = excluded.origin, job_id = excluded.job_id, job_uid = excluded.job_uid,
  backup_info_json = excluded.backup_info_json`

const same = sql`excluded.fingerprint = archives.fingerprint`
/** Nothing was ever proven of it and no job made it. */
const unclaimed = sql`(archives.sha256 IS NULL AND archives.job_id IS NULL AND archives.job_uid IS NULL)`
const stillCorrupted = sql`(archives.state = 'corrupted' AND NOT ${unclaimed})`
const keptOrFilled = (column: string) =>
  sql`${sql.ref(column)} = iif(${unclaimed}, ${sql.ref(`excluded.${column}`)},
    coalesce(${sql.ref(`archives.${column}`)}, ${sql.ref(`excluded.${column}`)}))`
const asFound = sql`
  ${sql.join(['type', 'app', 'instance_name', 'created_at', 'sha256', 'origin'].map(keptOrFilled))},
  job_id = iif(${unclaimed} OR (archives.job_id IS NULL AND excluded.job_uid = archives.job_uid),
    excluded.job_id, archives.job_id),
  job_uid = iif(${unclaimed}, excluded.job_uid, archives.job_uid),
  state = iif(${same} OR ${stillCorrupted}, archives.state, excluded.state),
  state_detail = iif(${same} OR ${stillCorrupted}, archives.state_detail, excluded.state_detail),
  verified_at = iif(${same}, archives.verified_at, excluded.verified_at),
  backup_info_json = iif(${unclaimed}, excluded.backup_info_json,
    coalesce(excluded.backup_info_json, archives.backup_info_json))`

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
      file = excluded.file, fingerprint = excluded.fingerprint, size_bytes = excluded.size_bytes,
      info_json = excluded.info_json, missing_at = NULL, ${known}`.execute(q)
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

/**
 * Archives whose file is gone since `now` (epoch ms), with the fingerprint known before the directory was read, or is
 * back. One that was recorded anew since, or that is being deleted, is not marked. The rows keep what is known.
 */
export async function markMissing(
  q: Q,
  change: {
    readonly gone: readonly { readonly name: string; readonly fingerprint: string }[]
    readonly back: readonly string[]
  },
  now: number,
): Promise<void> {
  await inTransaction(q, async (trx) => {
    if (change.gone.length > 0) {
      await sql`UPDATE archives SET missing_at = ${now} WHERE deleting = 0 AND (name, fingerprint) IN
        (SELECT value ->> 'name', value ->> 'fingerprint' FROM json_each(${JSON.stringify(change.gone)}))`.execute(
        trx,
      )
    }
    if (change.back.length > 0) {
      await sql`UPDATE archives SET missing_at = NULL
        WHERE name IN (SELECT value FROM json_each(${JSON.stringify(change.back)}))`.execute(trx)
    }
  })
}

/** Removes the rows of archives that have been missing since before `at` (epoch ms). A pinned one is remembered. */
export async function forgetMissing(q: Q, at: number): Promise<void> {
  await q.deleteFrom('archives').where('missing_at', '<', at).where('pinned', '=', 0).execute()
}
