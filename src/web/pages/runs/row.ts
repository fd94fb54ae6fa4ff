// A run as one line of a list.
import type { Run } from '../../../domain/run.ts'
import { triggerInWords } from '../../actor.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { problemText } from '../../problem-text.ts'
import { stateOfRun, type ShownState } from './state.ts'

export interface ShownRun {
  readonly id: number
  readonly state: ShownState
  readonly at: Moment
  readonly took: string
  readonly size: string
  /** What went wrong, or who started it. */
  readonly note: string
  /** The note says only who started it. */
  readonly plain: boolean
}

/** The line of a run; its time is when it started, or was queued. */
export function shownRun(run: Run, t: T, f: Formats): ShownRun {
  const took = run.startedAt === null || run.finishedAt === null ? null : run.finishedAt - run.startedAt
  return {
    id: run.id,
    state: stateOfRun(run.status, t),
    at: f.moment(run.startedAt ?? run.queuedAt),
    took: took === null ? '' : f.duration(took),
    size: run.sizeBytes === null ? '' : f.size(run.sizeBytes),
    note: noteOf(run, t, f),
    plain: run.errorCode === null && run.warningCount === 0,
  }
}

function noteOf(run: Run, t: T, f: Formats): string {
  if (run.errorCode !== null) return problemText({ t, f }, run.errorCode, run.errorFacts).title
  if (run.warningCount > 0) return t('runs.warning_count', { count: run.warningCount })
  return triggerInWords(run, t)
}
