// How each job is doing, decided in SQL from indexes alone, so that the home page can put the worst first.
import { sql, type RawBuilder } from 'kysely'
import { lostArchives } from './good-backup.ts'
import { verdictStatuses } from './run-row.ts'

/** A tick that passed this long ago without a run waiting or working means that scheduling is stuck. */
const LATE_MS = 3_600_000

/** The standings that an admin should look at, worst first. */
export const problemStandings = [
  'failing',
  'no_archive',
  'drill_failed',
  'late',
  'overdue',
  'retention_held',
  'warning',
] as const
/** Those of them that leave something unprotected. */
export const unsafeStandings = ['failing', 'no_archive', 'drill_failed', 'late', 'overdue'] as const

/**
 * Worst first; the order of the home page. `no_archive`: its runs end well, but none of the archives it had is there and
 * undamaged. `drill_failed`: the last test restore that says something says that it cannot be restored. `ok` includes jobs that have not run yet, `disabled` whatever happened.
 */
export const standings = [...problemStandings, 'ok', 'disabled'] as const
export type Standing = (typeof standings)[number]

const verdicts = sql.join(verdictStatuses.map((one) => sql.lit(one)))

/**
 * A CTE `standing (job_id, name, type, enabled, status, rank)`; `status` is that of the last run that says something (not a
 * cancelled one), `rank` the index in {@link standings}. `now` in epoch ms; null leaves `late` out. `overdue` are
 * the ids of jobs whose last good backup is older than their schedule allows, which SQL cannot tell.
 */
export function standingCte(now: number | null, overdue: readonly number[] = []): RawBuilder<unknown> {
  return sql`
    verdict AS MATERIALIZED (
      SELECT j.id, j.name, j.type, j.enabled, j.retention_hold, j.next_run_at,
        (SELECT r.status FROM runs r INDEXED BY runs_of_job
          WHERE r.job_id = j.id AND r.status IN (${verdicts})
          ORDER BY r.id DESC LIMIT 1) AS status
      FROM jobs j
    ),
    standing AS MATERIALIZED (
      SELECT id AS job_id, name, type, enabled, status, CASE
        WHEN enabled = 0 THEN ${rank('disabled')}
        WHEN status IN ('error', 'interrupted') THEN ${rank('failing')}
        WHEN ${lostArchives(sql`verdict.id`)} THEN ${rank('no_archive')}
        WHEN (SELECT d.verdict FROM drills d INDEXED BY drills_of_job
          WHERE d.job_id = verdict.id AND d.verdict <> 'inconclusive' ORDER BY d.id DESC LIMIT 1
        ) = 'failed' THEN ${rank('drill_failed')}
        WHEN next_run_at < ${(now ?? 0) - LATE_MS} AND NOT EXISTS (
          SELECT 1 FROM runs r WHERE r.job_id = verdict.id AND r.status IN ('queued', 'running')
        ) THEN ${rank('late')}
        WHEN id IN (SELECT value FROM json_each(${JSON.stringify(overdue)})) THEN ${rank('overdue')}
        WHEN retention_hold IS NOT NULL THEN ${rank('retention_held')}
        WHEN status = 'warning' THEN ${rank('warning')}
        ELSE ${rank('ok')} END AS rank
      FROM verdict
    )`
}

/** The place of a standing in {@link standings}, as a literal. */
export function rank(standing: Standing): RawBuilder<number> {
  return sql.lit(standings.indexOf(standing))
}

/** A scalar subquery: the id of the last run of a job that says something. */
export function verdictRun(jobId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`(SELECT r.id FROM runs r INDEXED BY runs_of_job
    WHERE r.job_id = ${jobId} AND r.status IN (${verdicts}) ORDER BY r.id DESC LIMIT 1)`
}

/** The standing of a rank from {@link standingCte}. */
export function standingOf(rank: number): Standing {
  return standings[rank] ?? 'ok'
}
