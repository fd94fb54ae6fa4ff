// What the home page shows beside a job, for one page of jobs in two statements that read indexes only.
import { sql } from 'kysely'
import type { RunStatus } from '../domain/run.ts'
import { present } from './archive-row.ts'
import { newestGood } from './good-backup.ts'
import type { Q } from './schema.ts'

export interface JobFacts {
  /** Ids of runs: the newest ended one, the open one. */
  readonly lastId: number | null
  readonly openId: number | null
  /** The newest good backup: epoch ms and bytes. */
  readonly goodAt: number | null
  readonly goodSize: number | null
  /** Oldest first. */
  readonly history: readonly { readonly id: number; readonly status: RunStatus }[]
  readonly archiveCount: number
  readonly totalBytes: number
}

interface RunFacts {
  readonly job_id: number
  readonly last_id: number | null
  readonly open_id: number | null
  readonly good_at: number | null
  readonly good_size: number | null
}

/** Facts by job id; `history` is the number of runs wanted. */
export async function jobFacts(
  q: Q,
  ids: readonly number[],
  history: number,
): Promise<Map<number, JobFacts>> {
  const jobIds = JSON.stringify(ids)
  const runs = await sql<RunFacts>`
    SELECT j.value AS job_id,
      (SELECT r.id FROM runs r INDEXED BY runs_of_job
        WHERE r.job_id = j.value AND r.status NOT IN ('queued', 'running') ORDER BY r.id DESC LIMIT 1) AS last_id,
      (SELECT r.id FROM runs r INDEXED BY runs_one_open_per_job
        WHERE r.job_id = j.value AND r.status IN ('queued', 'running')) AS open_id,
      ${newestGood('at', sql`j.value`)} AS good_at, ${newestGood('size', sql`j.value`)} AS good_size
    FROM json_each(${jobIds}) j`.execute(q)
  const past = await sql<{ job_id: number; id: number; status: RunStatus }>`
    SELECT r.job_id, r.id, r.status FROM json_each(${jobIds}) j
    JOIN runs r INDEXED BY runs_of_job ON r.job_id = j.value AND r.id >= coalesce((
      SELECT id FROM runs WHERE job_id = j.value ORDER BY id DESC LIMIT 1 OFFSET ${history - 1}), 0)
    ORDER BY r.id`.execute(q)
  const kept = await sql<{ job_id: number; n: number; bytes: number }>`
    SELECT job_id, count(*) AS n, sum(size_bytes) AS bytes FROM archives
    WHERE job_id IN (SELECT value FROM json_each(${jobIds})) AND ${present} GROUP BY job_id`.execute(q)

  const historyOf = Map.groupBy(past.rows, (row) => row.job_id)
  const archivesOf = new Map(kept.rows.map((row) => [row.job_id, row]))
  return new Map(
    runs.rows.map((row): [number, JobFacts] => [
      row.job_id,
      {
        lastId: row.last_id,
        openId: row.open_id,
        goodAt: row.good_at,
        goodSize: row.good_size,
        history: (historyOf.get(row.job_id) ?? []).map(({ id, status }) => ({ id, status })),
        archiveCount: archivesOf.get(row.job_id)?.n ?? 0,
        totalBytes: archivesOf.get(row.job_id)?.bytes ?? 0,
      },
    ]),
  )
}
