// How a run's state is shown everywhere: shape, word and tone together, never colour alone (ui.md).
import type { MessageKey } from '../../../../locales/en.ts'
import type { RunStatus } from '../../../domain/run.ts'
import type { T } from '../../i18n.ts'

export type Tone = 'ok' | 'warning' | 'failed' | 'running' | 'never'

/** For `partials/badge`. */
export interface ShownState {
  readonly state: Tone
  readonly label: string
}

/** The shapes as characters, for window titles; pages draw them with `partials/shape`. */
export const shapes: Readonly<Record<Tone, string>> = {
  ok: '●',
  warning: '▲',
  failed: '■',
  running: '◌',
  never: '–',
}

const statuses: Readonly<Record<RunStatus, readonly [Tone, MessageKey]>> = {
  queued: ['running', 'runs.state.queued'],
  running: ['running', 'runs.state.running'],
  success: ['ok', 'runs.state.success'],
  warning: ['warning', 'runs.state.warning'],
  error: ['failed', 'runs.state.error'],
  cancelled: ['never', 'runs.state.cancelled'],
  interrupted: ['failed', 'runs.state.interrupted'],
}

/** The tone of a run's status. */
export function statusTone(status: RunStatus): Tone {
  return statuses[status][0]
}

/** The state of a run. */
export function stateOfRun(status: RunStatus, t: T): ShownState {
  const [state, key] = statuses[status]
  return { state, label: t(key) }
}
