// For work that several callers want done at the same moment and that must not run beside itself.

/**
 * The work, never twice at once: callers that come while it runs share the next round, which begins when this one has
 * ended, so that everybody gets a result that began after the call.
 */
export function oneAtATime<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | null = null
  let next: Promise<T> | null = null

  const begin = (): Promise<T> => {
    const round = work()
    const ended = () => {
      // Unless a next round has been asked for: that one begins in the same turn.
      if (next === null) running = null
    }
    running = round.then(ended, ended)
    return round
  }

  return () => {
    if (next !== null) return next
    if (running === null) return begin()
    const after = running
    next = after.then(() => {
      next = null
      return begin()
    })
    return next
  }
}
