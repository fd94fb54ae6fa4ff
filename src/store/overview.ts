// One page of jobs for the home page: a few index look-ups per job shown, whatever the length of the history.
import { sql } from 'kysely'
import type { Job } from '../domain/job.ts'
import type { Run, RunStatus } from '../domain/run.ts'
import { listedJobsByIds } from './jobs.ts'
import { problemStandings, standingCte, standingOf, standings, type Standing } from './job-standing.ts'
import type { Listed } from './json.ts'
import { contains } from './like.ts'
import { jobFacts } from './overview-facts.ts'
import { listedRunsByIds } from './runs.ts'
import type { Q } from './schema.ts'

export { counts, jobsNeedingAttention, type Attention, type Counts, type LastFailure } from './counts.ts'
export { backupAges, type BackupAge } from './good-backup.ts'
export type { Standing } from './job-standing.ts'

const HISTORY = 30

export interface JobOverview {
  readonly job: Listed<Job>
  readonly standing: Standing
  /** The newest run that has ended, also a cancelled one. */
  readonly lastRun: Listed<Run> | null
  readonly openRun: Listed<Run> | null
  /** The last 30 runs with the open one, oldest first. */
  readonly history: readonly { readonly id: number; readonly status: RunStatus }[]
  /** The newest archive that is there and undamaged: the end of its run in epoch ms, and its bytes (good-backup.ts). */
  readonly lastSuccessAt: number | null
  readonly lastSuccessSize: number | null
  readonly archiveCount: number
  readonly totalBytes: number
}

export interface OverviewQuery {
  readonly limit: number
  readonly offset: number
  /** Part of the name or type. */
  readonly search?: string
  readonly only?: 'problem' | 'disabled'
  /** Epoch milliseconds; without it no job is `late`. */
  readonly now?: number
  /** Ids of jobs whose last good backup is too old. */
  readonly overdue?: readonly number[]
}

/** Worst first (see `standings`), then by name. `total` counts all jobs that match. */
export async function jobOverview(
  q: Q,
  query: OverviewQuery,
): Promise<{ items: JobOverview[]; total: number }> {
  const { rows } = await sql<{ id: number; rank: number; total: number }>`
    WITH ${standingCte(query.now ?? null, query.overdue)}
    SELECT job_id AS id, rank, count(*) OVER () AS total FROM standing WHERE ${matching(query)}
    ORDER BY rank, name COLLATE NOCASE LIMIT ${query.limit} OFFSET ${query.offset}`.execute(q)
  if (rows.length === 0) return { items: [], total: query.offset === 0 ? 0 : await countMatching(q, query) }
  const items = await describe(
    q,
    rows.map((row) => ({ id: row.id, standing: standingOf(row.rank) })),
  )
  return { items, total: rows[0]?.total ?? 0 }
}

async function countMatching(q: Q, query: OverviewQuery): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    WITH ${standingCte(query.now ?? null, query.overdue)} SELECT count(*) AS n FROM standing WHERE ${matching(query)}`.execute(
    q,
  )
  return rows[0]?.n ?? 0
}

function matching(query: OverviewQuery) {
  const wanted: readonly Standing[] =
    query.only === 'problem' ? problemStandings : query.only === 'disabled' ? ['disabled'] : standings
  const ranks = sql.join(standings.flatMap((one, at) => (wanted.includes(one) ? [sql.lit(at)] : [])))
  const found =
    query.search === undefined || query.search === ''
      ? sql`true`
      : sql`(${contains('name', query.search)} OR ${contains('type', query.search)})`
  return sql`rank IN (${ranks}) AND ${found}`
}

async function describe(
  q: Q,
  page: readonly { readonly id: number; readonly standing: Standing }[],
): Promise<JobOverview[]> {
  const ids = page.map((one) => one.id)
  const jobs = await listedJobsByIds(q, ids)
  const facts = await jobFacts(q, ids, HISTORY)
  const wanted = [...facts.values()].flatMap((one) => [one.lastId, one.openId])
  const runs = await listedRunsByIds(q, wanted)
  return page.flatMap(({ id, standing }) => {
    const job = jobs.get(id)
    const fact = facts.get(id)
    if (!job || !fact) return []
    return [
      {
        job,
        standing,
        lastRun: runs.get(fact.lastId) ?? null,
        openRun: runs.get(fact.openId) ?? null,
        history: fact.history,
        lastSuccessAt: fact.goodAt,
        lastSuccessSize: fact.goodSize,
        archiveCount: fact.archiveCount,
        totalBytes: fact.totalBytes,
      },
    ]
  })
}
