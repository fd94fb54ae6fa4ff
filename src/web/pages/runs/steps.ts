// The steps of a run as the page lists them: done, going on, still to come, failed, or not reached.
import type { Job } from '../../../domain/job.ts'
import { runSteps, type Run, type RunStep } from '../../../domain/run.ts'
import type { MessageKey } from '../../../../locales/en.ts'
import type { T } from '../../i18n.ts'
import type { Tone } from './state.ts'
import { isTerminal } from '../../../domain/run-state.ts'

export type StepState = 'done' | 'now' | 'next' | 'failed' | 'cancelled' | 'not_reached'

export interface ShownStep {
  readonly mark: '✓' | '◌' | '·' | '■' | '–'
  readonly name: string
  /** In words, e.g. `done`. */
  readonly word: string
  readonly state: StepState
  /** Its colour. */
  readonly tone: Tone
}

const marks: Readonly<Record<StepState, ShownStep['mark']>> = {
  done: '✓',
  now: '◌',
  next: '·',
  failed: '■',
  cancelled: '–',
  not_reached: '–',
}
const tones: Readonly<Record<StepState, Tone>> = {
  done: 'ok',
  now: 'running',
  next: 'never',
  failed: 'failed',
  cancelled: 'never',
  not_reached: 'never',
}
const stateKeys: Readonly<Record<StepState, MessageKey>> = {
  done: 'runs.step_state.done',
  now: 'runs.step_state.now',
  next: 'runs.step_state.next',
  failed: 'runs.step_state.failed',
  cancelled: 'runs.step_state.cancelled',
  not_reached: 'runs.step_state.not_reached',
}

/** Steps that this run has: those of hooks only when the job has the hook, though runs pass through them anyway. */
export function stepsOf(run: Run, hooks: Job['hooks'], t: T): readonly ShownStep[] {
  const failedAt = failedStep(run)
  // The command may have been removed from the job since it failed.
  const steps = runSteps.filter(
    (step) =>
      (step !== 'pre_hook' ||
        hooks.preBackup !== undefined ||
        (failedAt === step && run.errorCode === 'hook_failed')) &&
      (step !== 'post_hook' || hooks.postBackup !== undefined),
  )
  const at = isTerminal(run.status) ? placeBefore(steps, run.step) : place(steps, run.step)
  return steps.map((step, i) => {
    const state = stateOf(run, step, i, at, place(steps, failedAt))
    return {
      mark: marks[state],
      name: t(`runs.step.${step}`),
      word: t(stateKeys[state]),
      state,
      tone: tones[state],
    }
  })
}

/** Where a step is in the list; one that is left out counts as the one after it: it took no time. -1 for none. */
function place(steps: readonly RunStep[], step: RunStep | null): number {
  if (step === null) return -1
  const from = runSteps.indexOf(step)
  return steps.findIndex((one) => runSteps.indexOf(one) >= from)
}

/** The same for what a run has done: one that is left out counts as the one before it. */
function placeBefore(steps: readonly RunStep[], step: RunStep | null): number {
  return step === null ? -1 : steps.findLastIndex((one) => runSteps.indexOf(one) <= runSteps.indexOf(step))
}

function stateOf(run: Run, step: RunStep, i: number, at: number, failedAt: number): StepState {
  if (!isTerminal(run.status)) return i < at ? 'done' : i === at ? 'now' : 'next'
  if (failedAt >= 0) {
    // post_hook runs whatever happened, so it may be done behind the step that failed.
    if (i === failedAt) return run.status === 'cancelled' ? 'cancelled' : 'failed'
    return i < failedAt || (step === 'post_hook' && run.step === 'post_hook') ? 'done' : 'not_reached'
  }
  return i <= at ? 'done' : 'not_reached'
}

/** The step that ended the run badly; null when it ended well, or before any step. */
function failedStep(run: Run): RunStep | null {
  if (!isTerminal(run.status) || run.status === 'success' || run.status === 'warning') return null
  if (run.step !== 'post_hook') return run.step
  return run.errorCode === 'hook_failed' ? 'pre_hook' : 'backup'
}
