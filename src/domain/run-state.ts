// Which state of a run may follow which, and what state its results add up to.
import { notes, type RunStatus, type RunWarning, type TargetResult } from './run.ts'

/** What can happen to a run. `interrupt`: the server stopped or crashed under it. */
export const runEvents = ['start', 'succeed', 'warn', 'fail', 'cancel', 'interrupt'] as const
export type RunEvent = (typeof runEvents)[number]

type Next = Partial<Record<RunEvent, RunStatus>>

const ends: Next = { fail: 'error', cancel: 'cancelled', interrupt: 'interrupted' }
const table: Record<RunStatus, Next> = {
  queued: { ...ends, start: 'running' },
  running: { ...ends, succeed: 'success', warn: 'warning' },
  success: {},
  warning: {},
  error: {},
  cancelled: {},
  interrupted: {},
}

/** The state after an event; null when that event cannot happen in this state. */
export function nextStatus(from: RunStatus, event: RunEvent): RunStatus | null {
  return table[from][event] ?? null
}

/** True for a state that nothing follows. */
export function isTerminal(status: RunStatus): boolean {
  return status !== 'queued' && status !== 'running'
}

/**
 * The state that a run's results add up to. Partial is never green: a target that failed or was skipped makes it a
 * warning at best, an error when no target was backed up. Warnings that are only notes do not count.
 */
export function outcome(result: {
  readonly targets: readonly Pick<TargetResult, 'status'>[]
  readonly warnings: readonly Pick<RunWarning, 'code'>[]
  readonly error: boolean
}): 'success' | 'warning' | 'error' {
  const { targets, warnings, error } = result
  const done = targets.filter((target) => target.status === 'success' || target.status === 'warning')
  if (error || (targets.length > 0 && done.length === 0)) return 'error'
  const whole = targets.every((target) => target.status === 'success')
  return whole && warnings.every((warning) => notes.has(warning.code)) ? 'success' : 'warning'
}
