// One line of the job table: state, name, what, the last runs, last good backup, size, next run.
import type { Drill } from '../../../domain/drill.ts'
import type { JobOverview } from '../../../store/overview.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { historyBars, type HistoryBars } from '../jobs/bars.ts'
import { minuteInWords } from '../jobs/days.ts'
import { thingOf, typeName } from '../jobs/what.ts'
import { stateOfRun, type ShownState } from '../runs/state.ts'

export interface JobRow {
  readonly id: number
  readonly name: string
  readonly what: string
  readonly thing: string
  readonly state: ShownState
  readonly bars: HistoryBars
  readonly lastGood: Moment | null
  readonly size: string
  /** When an archive of it was last proven to come back; empty when none was, or when the last proof failed. */
  readonly proven: string
  readonly next: Moment | null
  /** Instead of a next run: off, or never again. */
  readonly noNext: string
  /** The open run, to look at; else the job can be run now. */
  readonly openRunId: number | null
}

/** The line of a job. */
export function jobRow(
  facts: JobOverview,
  drill: Drill | null,
  now: number,
  language: string,
  t: T,
  f: Formats,
): JobRow {
  const { job } = facts
  return {
    id: job.id,
    name: job.name,
    what: typeName(job.type, t),
    thing: thingOf(job.config),
    state: stateOfJob(facts, t),
    bars: historyBars(
      facts.history.map((run) => run.status),
      t,
    ),
    lastGood: facts.lastSuccessAt === null ? null : shortMoment(facts.lastSuccessAt, now, language, f),
    size: facts.lastSuccessSize === null ? '' : f.size(facts.lastSuccessSize),
    proven:
      drill?.verdict === 'passed' ? t('drills.proven', { when: f.moment(drill.finishedAt).relative }) : '',
    next: job.enabled && job.nextRunAt !== null ? shortMoment(job.nextRunAt, now, language, f) : null,
    noNext: t(job.enabled ? 'home.next.never' : 'home.next.off'),
    openRunId: facts.openRun?.id ?? null,
  }
}

/** To the minute: fifty lines with two moments each are worth making short. */
function shortMoment(at: number, now: number, language: string, f: Formats): Moment {
  return {
    iso: `${new Date(at).toISOString().slice(0, 16)}Z`,
    exact: minuteInWords(at, now, language, f.timeZone),
    relative: f.moment(at).relative,
  }
}

/** What a glance must tell of a job: what goes on now, else what is wrong with it, else how the last run ended. */
export function stateOfJob(facts: JobOverview, t: T): ShownState {
  const { standing, openRun, lastRun } = facts
  if (openRun !== null) return stateOfRun(openRun.status, t)
  if (standing === 'disabled') return { state: 'never', label: t('jobs.state.off') }
  // The last run may have been a cancelled one, which says nothing.
  if (standing === 'failing')
    return stateOfRun(lastRun?.status === 'interrupted' ? 'interrupted' : 'error', t)
  if (standing === 'no_archive') return { state: 'failed', label: t('jobs.state.no_archive') }
  if (standing === 'drill_failed') return { state: 'failed', label: t('jobs.state.drill_failed') }
  if (standing === 'late' || standing === 'overdue')
    return { state: 'failed', label: t('jobs.state.overdue') }
  if (lastRun === null) return { state: 'never', label: t('jobs.state.never') }
  return stateOfRun(lastRun.status, t)
}
