// The numbers at the top of the home page, and the list of what needs somebody.
import { sql } from 'kysely'
import type { Job } from '../domain/job.ts'
import type { Run } from '../domain/run.ts'
import { present } from './archive-row.ts'
import { lostArchives, newestGood } from './good-backup.ts'
import { listedJobsByIds } from './jobs.ts'
import { problemStandings, rank, standingCte, standingOf, verdictRun, type Standing } from './job-standing.ts'
import type { Listed } from './json.ts'
import { listedRunsByIds } from './runs.ts'
import type { Q } from './schema.ts'

const FAILURES = 20

export interface Counts {
  readonly jobs: number
  readonly enabled: number
  /** Enabled jobs whose last run that says something ended in `error` or `interrupted`. */
  readonly failing: number
  /** Enabled jobs whose last run that says something was a `warning`. */
  readonly warning: number
  /** Enabled jobs whose tick passed over an hour ago with no run open; 0 without `now`. Failing ones are not in it. */
  readonly late: number
  /** Enabled jobs in the standings `no_archive`, `drill_failed` and `overdue`. */
  readonly noArchive: number
  readonly drillFailed: number
  readonly overdue: number
  readonly running: number
  readonly queued: number
  readonly neverRun: number
  readonly archives: number
  readonly archiveBytes: number
  readonly corrupted: number
  /** Archives on record whose file is gone; in none of the numbers before. */
  readonly missing: number
  /** Epoch milliseconds of the newest good backup of any job. */
  readonly newestSuccessAt: number | null
  /** Failing jobs, the latest failure first, at most 20. */
  readonly lastFailures: readonly LastFailure[]
}

export interface LastFailure {
  readonly job: Listed<Job>
  readonly run: Listed<Run>
}

/** A job that an admin should look at. */
export interface Attention {
  readonly job: Listed<Job>
  readonly standing: Standing
  /** The last run that says something about the job. */
  readonly run: Listed<Run> | null
  readonly lastSuccessAt: number | null
  /** It had archives, and none of them is there and undamaged. */
  readonly lost: boolean
}

/** `now` in epoch ms; `overdue` as in `standingCte`. */
export async function counts(q: Q, now?: number, overdue: readonly number[] = []): Promise<Counts> {
  const { rows: jobRows } = await sql<JobCounts>`
    WITH ${standingCte(now ?? null, overdue)}
    SELECT count(*) AS jobs, coalesce(sum(enabled), 0) AS enabled,
      count(*) FILTER (WHERE rank = ${rank('failing')}) AS failing,
      count(*) FILTER (WHERE enabled = 1 AND status = 'warning') AS warning,
      count(*) FILTER (WHERE rank = ${rank('late')}) AS late,
      count(*) FILTER (WHERE rank = ${rank('no_archive')}) AS noArchive,
      count(*) FILTER (WHERE rank = ${rank('drill_failed')}) AS drillFailed,
      count(*) FILTER (WHERE rank = ${rank('overdue')}) AS overdue,
      count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.job_id = standing.job_id)) AS neverRun,
      max(${newestGood('at', sql`standing.job_id`)}) AS newestSuccessAt
    FROM standing`.execute(q)
  const { rows: openRows } = await sql<{ running: number; queued: number }>`
    SELECT count(*) FILTER (WHERE status = 'running') AS running, count(*) FILTER (WHERE status = 'queued') AS queued
    FROM runs WHERE status IN ('queued', 'running')`.execute(q)
  const { rows: archiveRows } = await sql<{
    archives: number
    archiveBytes: number
    corrupted: number
    missing: number
  }>`
    SELECT count(*) FILTER (WHERE ${present}) AS archives,
      coalesce(sum(size_bytes) FILTER (WHERE ${present}), 0) AS archiveBytes,
      count(*) FILTER (WHERE ${present} AND state = 'corrupted') AS corrupted,
      count(*) FILTER (WHERE deleting = 0 AND missing_at IS NOT NULL) AS missing
    FROM archives INDEXED BY archives_of_job`.execute(q)
  return {
    ...(jobRows[0] ?? noJobs),
    ...(openRows[0] ?? { running: 0, queued: 0 }),
    ...(archiveRows[0] ?? { archives: 0, archiveBytes: 0, corrupted: 0, missing: 0 }),
    lastFailures: await lastFailures(q, now ?? null),
  }
}

type JobCounts = Pick<
  Counts,
  | 'jobs'
  | 'enabled'
  | 'failing'
  | 'warning'
  | 'late'
  | 'noArchive'
  | 'drillFailed'
  | 'overdue'
  | 'neverRun'
  | 'newestSuccessAt'
>
const noJobs: JobCounts = {
  jobs: 0,
  enabled: 0,
  failing: 0,
  warning: 0,
  late: 0,
  noArchive: 0,
  drillFailed: 0,
  overdue: 0,
  neverRun: 0,
  newestSuccessAt: null,
}

/** Jobs in one of the problem standings, worst first, then by name. `now` in epoch ms, `overdue` as in `standingCte`. */
export async function jobsNeedingAttention(
  q: Q,
  limit: number,
  now?: number,
  overdue: readonly number[] = [],
): Promise<Attention[]> {
  const ranks = sql.join(problemStandings.map(rank))
  const { rows } = await sql<AttentionRow>`
    WITH ${standingCte(now ?? null, overdue)}
    SELECT job_id AS id, rank, ${verdictRun(sql`standing.job_id`)} AS run_id,
      ${newestGood('at', sql`standing.job_id`)} AS good_at,
      ${lostArchives(sql`standing.job_id`)} AS lost
    FROM standing WHERE rank IN (${ranks}) ORDER BY rank, name COLLATE NOCASE LIMIT ${limit}`.execute(q)
  const { jobs, runs } = await jobsAndRuns(q, rows)
  return rows.flatMap((row) => {
    const job = jobs.get(row.id)
    if (!job) return []
    const run = runs.get(row.run_id) ?? null
    return [{ job, standing: standingOf(row.rank), run, lastSuccessAt: row.good_at, lost: row.lost === 1 }]
  })
}

interface AttentionRow {
  readonly id: number
  readonly rank: number
  readonly run_id: number | null
  readonly good_at: number | null
  readonly lost: number
}

async function lastFailures(q: Q, now: number | null): Promise<LastFailure[]> {
  const { rows } = await sql<{ id: number; run_id: number }>`
    WITH ${standingCte(now)},
    failed AS (SELECT job_id AS id, ${verdictRun(sql`standing.job_id`)} AS run_id
      FROM standing WHERE rank = ${rank('failing')})
    SELECT failed.id, run_id FROM failed JOIN runs ON runs.id = run_id
    ORDER BY runs.finished_at DESC LIMIT ${FAILURES}`.execute(q)
  const { jobs, runs } = await jobsAndRuns(q, rows)
  return rows.flatMap((row) => {
    const job = jobs.get(row.id)
    const run = runs.get(row.run_id)
    return job && run ? [{ job, run }] : []
  })
}

async function jobsAndRuns(q: Q, rows: readonly { readonly id: number; readonly run_id: number | null }[]) {
  const jobs = await listedJobsByIds(
    q,
    rows.map((row) => row.id),
  )
  const runs = await listedRunsByIds(
    q,
    rows.map((row) => row.run_id),
  )
  return { jobs, runs }
}
