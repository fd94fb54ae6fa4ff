// A run as one line of a list.
import { notes, type Run } from '../../../domain/run.ts'
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
    plain: run.errorCode === null && shortcomings(run) === 0,
  }
}

function noteOf(run: Run, t: T, f: Formats): string {
  if (run.errorCode !== null) return problemText({ t, f }, run.errorCode, run.errorFacts).title
  const count = shortcomings(run)
  if (count > 0) return t('runs.warning_count', { count })
  return triggerInWords(run, t)
}

/** How many things a run did not do well: its warnings without mere notes, and its targets, each counted once. */
export function shortcomings(run: Run): number {
  const told = run.warnings.filter(({ code }) => notes.has(code) || code === 'target_failed').length
  const targets = run.targets.filter((target) => target.status !== 'success').length
  return Math.max(0, run.warningCount - told) + targets
}
