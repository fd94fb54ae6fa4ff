// How a restore's state and those of its steps are shown: shape, word and tone together, never colour alone (ui.md).
import type { RestoreStatus, StepState } from '../../../domain/restore.ts'
import type { T } from '../../i18n.ts'
import type { ShownState, Tone } from '../runs/state.ts'

const tones: Readonly<Record<RestoreStatus, Tone>> = {
  queued: 'running',
  running: 'running',
  success: 'ok',
  error: 'failed',
  rolled_back: 'warning',
  cancelled: 'never',
}

/** The state of a restore. */
export function stateOfRestore(status: RestoreStatus, t: T): ShownState {
  return { state: tones[status], label: t(`restore.state.${status}`) }
}

/** True once nothing will change any more. */
export function hasEnded(status: RestoreStatus): boolean {
  return status !== 'queued' && status !== 'running'
}

const steps: Readonly<Record<StepState, { readonly mark: string; readonly tone: Tone }>> = {
  waiting: { mark: '·', tone: 'never' },
  running: { mark: '◌', tone: 'running' },
  done: { mark: '✓', tone: 'ok' },
  failed: { mark: '■', tone: 'failed' },
  undone: { mark: '↩', tone: 'warning' },
  skipped: { mark: '–', tone: 'never' },
}

/** Mark and tone of a step. */
export function markOfStep(state: StepState): { readonly mark: string; readonly tone: Tone } {
  return steps[state]
}
