// What this instance tells others about itself, in few statements that read indexes: jobs with their last run and archives,
// totals, and what it holds for whom.
import { sql, type RawBuilder } from 'kysely'
import { z } from 'zod'
import type { RunStatus } from '../domain/run.ts'
import { present } from './archive-row.ts'
import { newestGood } from './good-backup.ts'
import { rank, standingCte } from './job-standing.ts'
import type { JobsTable, Q } from './schema.ts'

/** A job and how it stands. Times are epoch milliseconds. Its settings are here only to tell what its archives are called. */
export interface JobSummary {
  readonly id: number
  readonly name: string
  readonly type: string
  /** Null when they cannot be read. */
  readonly config: Readonly<Record<string, unknown>> | null
  readonly enabled: boolean
  readonly cronExpr: string
  readonly retentionMode: JobsTable['retention_mode']
  readonly retentionValue: number
  readonly nextRunAt: number | null
  readonly createdAt: number
  /** The newest one, open or not. */
  readonly lastRun: {
    readonly id: number
    readonly status: RunStatus
    readonly startedAt: number | null
    readonly finishedAt: number | null
    readonly archiveName: string | null
    readonly sizeBytes: number | null
  } | null
  readonly lastSuccessAt: number | null
  readonly archiveCount: number
  readonly totalBytes: number
}

interface JobSummaryRow {
  readonly id: number
  readonly name: string
  readonly type: string
  readonly config: string
  readonly enabled: number
  readonly cronExpr: string
  readonly retentionMode: JobsTable['retention_mode']
  readonly retentionValue: number
  readonly nextRunAt: number | null
  readonly createdAt: number
  readonly runId: number | null
  readonly status: RunStatus
  readonly startedAt: number | null
  readonly finishedAt: number | null
  readonly archiveName: string | null
  readonly sizeBytes: number | null
  readonly lastSuccessAt: number | null
  readonly archiveCount: number | null
  readonly totalBytes: number | null
}

/** Jobs by id, those after `after` only. */
export async function jobSummaries(
  q: Q,
  page: { readonly after?: number; readonly limit: number },
): Promise<JobSummary[]> {
  return summaries(q, sql`j.id > ${page.after ?? 0}`, page.limit)
}

async function summaries(q: Q, wanted: RawBuilder<unknown>, limit: number): Promise<JobSummary[]> {
  const { rows } = await sql<JobSummaryRow>`
    SELECT j.id, j.name, j.type, j.config_json AS config, j.enabled, j.cron_expr AS cronExpr,
      j.retention_mode AS retentionMode, j.retention_value AS retentionValue, j.next_run_at AS nextRunAt,
      j.created_at AS createdAt, r.id AS runId, r.status, r.started_at AS startedAt, r.finished_at AS finishedAt,
      r.archive_name AS archiveName, r.size_bytes AS sizeBytes, ${newestGood('at', sql`j.id`)} AS lastSuccessAt,
      (SELECT count(*) FROM archives INDEXED BY archives_of_job WHERE job_id = j.id AND ${present}) AS archiveCount,
      (SELECT sum(size_bytes) FROM archives INDEXED BY archives_of_job
        WHERE job_id = j.id AND ${present}) AS totalBytes
    FROM jobs j LEFT JOIN runs r ON r.id = (
      SELECT id FROM runs INDEXED BY runs_of_job WHERE job_id = j.id ORDER BY id DESC LIMIT 1)
    WHERE ${wanted} ORDER BY j.id LIMIT ${limit}`.execute(q)
  return rows.map(toSummary)
}

function toSummary(row: JobSummaryRow): JobSummary {
  const { id, name, type, cronExpr, retentionMode, retentionValue, nextRunAt, createdAt } = row
  return {
    id,
    name,
    type,
    cronExpr,
    retentionMode,
    retentionValue,
    nextRunAt,
    createdAt,
    config: readConfig(row.config),
    enabled: row.enabled === 1,
    lastRun:
      row.runId === null
        ? null
        : {
            id: row.runId,
            status: row.status,
            startedAt: row.startedAt,
            finishedAt: row.finishedAt,
            archiveName: row.archiveName,
            sizeBytes: row.sizeBytes,
          },
    lastSuccessAt: row.lastSuccessAt,
    archiveCount: row.archiveCount ?? 0,
    totalBytes: row.totalBytes ?? 0,
  }
}

const configSchema = z.record(z.string(), z.unknown())

function readConfig(text: string): Readonly<Record<string, unknown>> | null {
  try {
    return configSchema.parse(JSON.parse(text))
  } catch {
    // Whoever acts on the job reads it alone and is told; a list only leaves out what its archives are called.
    return null
  }
}

/** Jobs in the standing `failing`, and runs that are running. */
export async function jobCounts(q: Q): Promise<{ readonly failing: number; readonly running: number }> {
  const { rows } = await sql<{ failing: number; running: number }>`
    WITH ${standingCte(null)}
    SELECT count(*) FILTER (WHERE rank = ${rank('failing')}) AS failing,
      (SELECT count(*) FROM runs WHERE status = 'running') AS running
    FROM standing`.execute(q)
  return rows[0] ?? { failing: 0, running: 0 }
}

/** All archives that are there. */
export async function archiveTotals(
  q: Q,
): Promise<{ readonly count: number; readonly bytes: number; readonly newestAt: number | null }> {
  const { rows } = await sql<{ count: number; bytes: number | null; newestAt: number | null }>`
    SELECT count(*) AS count, sum(size_bytes) AS bytes, max(created_at) AS newestAt
    FROM archives INDEXED BY archives_of_job WHERE ${present}`.execute(q)
  const [row] = rows
  return { count: row?.count ?? 0, bytes: row?.bytes ?? 0, newestAt: row?.newestAt ?? null }
}

/** Archives of another instance that lie here, of one app. */
export interface Holding {
  readonly instanceName: string
  readonly app: string | null
  readonly type: string | null
  readonly count: number
  readonly bytes: number
  readonly newestAt: number
  readonly newestName: string
}

/** The newest first, at most `limit`. */
export async function holdings(q: Q, limit: number): Promise<Holding[]> {
  // SQLite takes columns that stand beside a lone max() from the row that has it.
  const { rows } = await sql<Holding>`
    SELECT coalesce(a.instance_name, o.owner_name) AS instanceName, a.app, a.type, count(*) AS count,
      sum(a.size_bytes) AS bytes, max(a.created_at) AS newestAt, a.name AS newestName
    FROM received_archives o JOIN archives a ON a.name = o.archive_name
    WHERE a.deleting = 0 AND a.missing_at IS NULL
    GROUP BY 1, a.app, a.type ORDER BY newestAt DESC LIMIT ${limit}`.execute(q)
  return rows
}

/** What an owner has left here and is still there. */
export async function heldFor(
  q: Q,
  owner: string,
): Promise<{ readonly count: number; readonly bytes: number }> {
  const { rows } = await sql<{ count: number; bytes: number | null }>`
    SELECT count(*) AS count, sum(a.size_bytes) AS bytes
    FROM received_archives o JOIN archives a ON a.name = o.archive_name
    WHERE o.owner = ${owner} AND a.deleting = 0 AND a.missing_at IS NULL`.execute(q)
  return { count: rows[0]?.count ?? 0, bytes: rows[0]?.bytes ?? 0 }
}
