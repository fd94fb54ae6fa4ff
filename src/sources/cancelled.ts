// What a source throws when it was told to stop.
import { isProblem, Problem } from '../domain/problem.ts'

/** The reason of the signal when it is a `Problem`, else `cancelled`; null while the signal is not aborted. */
export function cancelledBy(signal: AbortSignal): Problem | null {
  if (!signal.aborted) return null
  return isProblem(signal.reason) ? signal.reason : new Problem('cancelled')
}
