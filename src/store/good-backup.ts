// The newest good backup of a job: what its archives say, and what its runs say only where it never had archives.
import { sql, type RawBuilder } from 'kysely'
import { present } from './archive-row.ts'
import { goodStatuses } from './run-row.ts'
import type { Q } from './schema.ts'

/** A condition: the catalogue knows archives of the job, also missing ones. */
export function hasArchives(jobId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql`EXISTS (SELECT 1 FROM archives INDEXED BY archives_of_job WHERE job_id = ${jobId} AND deleting = 0)`
}

const usable = sql`${present} AND state <> 'corrupted'`

/** A condition: the job has archives on record, and none of them is both there and undamaged. */
export function lostArchives(jobId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql`(${hasArchives(jobId)} AND NOT EXISTS (
    SELECT 1 FROM archives INDEXED BY archives_of_job WHERE job_id = ${jobId} AND ${usable}))`
}

/**
 * A scalar subquery: `at` (epoch ms) or `size` (bytes) of the newest good backup of a job, null without one. The moment
 * is the end of the run that made it. Few seeks, whatever the length of the history.
 */
export function newestGood(what: 'at' | 'size', jobId: RawBuilder<unknown>): RawBuilder<number | null> {
  const archived =
    what === 'size'
      ? sql`size_bytes`
      : sql`coalesce((SELECT max(finished_at) FROM runs INDEXED BY runs_by_archive
          WHERE archive_name = archives.name), created_at)`
  const ran = what === 'size' ? sql`(SELECT size_bytes FROM runs WHERE runs.id = good.id)` : sql`finished_at`
  const each = goodStatuses.map(
    (status) => sql`SELECT * FROM (
      SELECT id, finished_at FROM runs INDEXED BY runs_of_job_by_status
      WHERE job_id = ${jobId} AND status = ${sql.lit(status)} ORDER BY finished_at DESC LIMIT 1)`,
  )
  return sql`iif(${hasArchives(jobId)},
    (SELECT ${archived} FROM archives INDEXED BY archives_of_job
      WHERE job_id = ${jobId} AND ${usable} ORDER BY created_at DESC LIMIT 1),
    (SELECT ${ran} FROM (${sql.join(each, sql` UNION ALL `)}) good ORDER BY finished_at DESC LIMIT 1))`
}

/** What tells whether an enabled job's last good backup is too old. Times are epoch milliseconds. */
export interface BackupAge {
  readonly jobId: number
  readonly type: string
  /** `app_id` of its settings; null where they have none. */
  readonly appId: string | null
  readonly cronExpr: string
  readonly nextRunAt: number | null
  readonly createdAt: number
  readonly lastSuccessAt: number | null
}

/** One row for each enabled job. */
export async function backupAges(q: Q): Promise<BackupAge[]> {
  const { rows } = await sql<BackupAge>`
    SELECT id AS jobId, type, iif(json_valid(config_json), config_json ->> 'app_id', NULL) AS appId,
      cron_expr AS cronExpr, next_run_at AS nextRunAt, created_at AS createdAt,
      ${newestGood('at', sql`jobs.id`)} AS lastSuccessAt
    FROM jobs WHERE enabled = 1`.execute(q)
  return rows
}
