// Which old runs may be forgotten. Never an open one, never the newest good ones of a job.
import { sql, type RawBuilder } from 'kysely'
import { inTransaction, type Q } from './schema.ts'

/** Ids of runs that ended before `at` (epoch ms) and are not among the newest `keepPerJob` of their job. */
export async function runsBefore(q: Q, at: number, keepPerJob: number): Promise<number[]> {
  const floor =
    keepPerJob > 0
      ? sql`coalesce((SELECT id FROM runs WHERE job_id = j.id ORDER BY id DESC LIMIT 1 OFFSET ${keepPerJob - 1}), 0)`
      : sql`9007199254740991`
  const { rows } = await sql<{ id: number }>`
    WITH kept AS MATERIALIZED (
      SELECT j.id AS job_id, ${floor} AS floor_id, ${newest('success')} AS success_id, ${newest('warning')} AS warning_id
      FROM jobs j
    )
    SELECT r.id FROM kept k
    JOIN runs r ON r.job_id = k.job_id AND r.id < k.floor_id
    WHERE r.finished_at < ${at} AND r.id NOT IN (k.success_id, k.warning_id)
    ORDER BY r.id`.execute(q)
  return rows.map((row) => row.id)
}

function newest(status: 'success' | 'warning'): RawBuilder<number> {
  return sql`coalesce((
    SELECT id FROM runs WHERE job_id = j.id AND status = ${status} ORDER BY finished_at DESC LIMIT 1), 0)`
}

/** Removes what {@link runsBefore} finds; the ids that are gone, so that their logs can follow. */
export function deleteRunsBefore(q: Q, at: number, keepPerJob: number): Promise<number[]> {
  return inTransaction(q, async (trx) => {
    const ids = await runsBefore(trx, at, keepPerJob)
    await sql`DELETE FROM runs WHERE id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`.execute(trx)
    return ids
  })
}

/** Ids of all runs of a job, whose logs go with it. */
export async function runIdsOfJob(q: Q, jobId: number): Promise<number[]> {
  const rows = await q.selectFrom('runs').select('id').where('job_id', '=', jobId).execute()
  return rows.map((row) => row.id)
}
