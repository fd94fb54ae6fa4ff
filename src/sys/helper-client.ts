// How the server reaches the root helper: one short-lived process (or socket connection) per operation.
import type { HelperFrame, Verb, VerbArgs, VerbResults } from '../domain/helper-protocol.ts'

export interface HelperCall {
  readonly signal?: AbortSignal
  /** Marks every process of the operation; a new one is made when absent. */
  readonly operation?: string
  /** Frames other than the last one, in order. */
  onFrame?(frame: Exclude<HelperFrame, { t: 'result' } | { t: 'problem' }>): void
}

/**
 * Calls the helper. Rejects with a `Problem`: what the helper reported, `cancelled` when the signal aborted (only after
 * the helper confirmed that nothing is left running, or is gone), `helper_unavailable` when it cannot be reached or died.
 */
export interface Helper {
  call<V extends Verb>(verb: V, args: VerbArgs[V], options?: HelperCall): Promise<VerbResults[V]>
}
