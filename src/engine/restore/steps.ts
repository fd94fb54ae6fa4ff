// The steps of one restore while they happen: kept in the database, told to pages.
import { isProblem } from '../../domain/problem.ts'
import type { RestorePlan, RestoreStep, StepState } from '../../domain/restore.ts'
import { setRestoreSteps } from '../../store/restores.ts'
import type { EngineDeps } from '../deps.ts'

export interface Steps {
  /** The step with that index is in this state now. */
  set(index: number, state: StepState, detail?: string): void
  /** Does the plan's step of that code; the result may have something to say of it. */
  during<T extends { readonly detail?: string } | null | void>(
    code: RestoreStep['code'],
    work: () => Promise<T>,
  ): Promise<T>
  /** Resolves when everything told so far is in the database. */
  written(): Promise<void>
}

/** Steps that have not begun. */
export function waitingSteps(plan: RestorePlan): readonly RestoreStep[] {
  return plan.steps.map((step) => ({
    ...step,
    state: 'waiting',
    startedAt: null,
    finishedAt: null,
    detail: '',
  }))
}

export function trackSteps(
  deps: EngineDeps,
  restore: { readonly id: number; readonly steps: readonly RestoreStep[] },
  changed: () => void,
): Steps {
  let steps = [...restore.steps]
  let writing = Promise.resolve()
  const set: Steps['set'] = (index, state, detail = '') => {
    const now = deps.clock.now()
    steps = steps.map((step, i) => {
      if (i !== index) return step
      const ends = state !== 'running' && state !== 'waiting'
      return { ...step, state, detail, startedAt: step.startedAt ?? now, finishedAt: ends ? now : null }
    })
    const snapshot = steps
    // One after the other: an older state must not overtake a newer one.
    writing = writing
      .then(() => setRestoreSteps(deps.db, restore.id, snapshot))
      .catch((error: unknown) => deps.log.warn({ err: error, restore: restore.id }, 'could not store a step'))
      .finally(changed)
  }
  return {
    set,
    async during(code, work) {
      const index = steps.findIndex((step) => step.code === code && step.state === 'waiting')
      set(index, 'running')
      try {
        const result = await work()
        set(index, 'done', result?.detail ?? '')
        return result
      } catch (error) {
        set(index, 'failed', isProblem(error) ? error.message : String(error))
        throw error
      }
    },
    written: () => writing,
  }
}
