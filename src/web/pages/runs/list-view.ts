// The list of all runs, with what is running and what waits, in which lane and why. Pure.
import type { Job } from '../../../domain/job.ts'
import type { Run } from '../../../domain/run.ts'
import type { AnySource, Lane } from '../../../sources/source.ts'
import type { Formats, T } from '../../i18n.ts'
import { shownRun, type ShownRun } from './row.ts'

export interface RunsListFacts {
  /** Oldest first. */
  readonly open: readonly Run[]
  /** Newest first; one more than fits when there are older ones. */
  readonly recent: readonly Run[]
  readonly jobs: readonly Pick<Job, 'id' | 'name' | 'type'>[]
  readonly sources: readonly AnySource[]
  readonly before: number | null
  readonly pageSize: number
  readonly laneSize: number
}

export interface ListedRun extends ShownRun {
  readonly jobId: number
  readonly job: string
}

export interface RunsListView {
  readonly lanes: readonly {
    readonly title: string
    readonly runs: readonly (ListedRun & { readonly why: string })[]
  }[]
  readonly runs: readonly ListedRun[]
  readonly older: string
  readonly later: boolean
}

/** The page. `now` is epoch milliseconds. */
export function runsListView(facts: RunsListFacts, now: number, t: T, f: Formats): RunsListView {
  const jobs = new Map(facts.jobs.map((job) => [job.id, job]))
  const listed = (run: Run): ListedRun => ({
    ...shownRun(run, t, f),
    jobId: run.jobId,
    job: jobs.get(run.jobId)?.name ?? t('runs.job_gone'),
  })
  const shown = facts.recent.slice(0, facts.pageSize)
  const oldest = shown.at(-1)
  return {
    lanes: (['yunohost', 'general'] as const)
      .map((lane) => {
        const runs = facts.open.filter((run) => laneOf(jobs.get(run.jobId), facts.sources) === lane)
        return {
          title: t(`runs.lane.${lane}`, { count: facts.laneSize }),
          runs: runs.map((run) => ({ ...listed(run), why: whyOf(run, lane, now, t, f) })),
        }
      })
      .filter((lane) => lane.runs.length > 0),
    runs: shown.map(listed),
    older: facts.recent.length > facts.pageSize && oldest ? `/runs?before=${oldest.id}` : '',
    later: facts.before !== null,
  }
}

/** The queue that a job's runs stand in. */
export function laneOf(job: Pick<Job, 'type'> | undefined, sources: readonly AnySource[]): Lane {
  return sources.find((source) => source.id === job?.type)?.lane ?? 'general'
}

/** What it waits for; or for how long it has been running. */
function whyOf(run: Run, lane: Lane, now: number, t: T, f: Formats): string {
  if (run.status === 'running')
    return t('runs.line.running', { duration: f.duration(now - (run.startedAt ?? now)) })
  if (run.notBefore > now) return t('runs.line.not_before', { time: f.exact(run.notBefore) })
  return t(`runs.waits.${lane}`)
}
