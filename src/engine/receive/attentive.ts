// A body as it arrives, given up when nothing comes for too long or nobody wants it any more.
import { Problem } from '../../domain/problem.ts'

/** For how long somebody may be silent when another connection brings the same. */
const hurriedMs = 5000

/**
 * The pieces of the body. Throws the signal's reason, `timed_out` when the sender is silent for `idleMs` (the time that we need
 * ourselves does not count; five seconds are enough once `hurry` aborts), `interrupted` when the connection breaks. The body is left alone then: who has the connection
 * decides what becomes of it.
 */
export async function* attentive(
  body: AsyncIterable<Uint8Array>,
  idleMs: number,
  signal: AbortSignal,
  hurry?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  signal.throwIfAborted()
  const pieces = body[Symbol.asyncIterator]()
  const given = Promise.withResolvers<never>()
  // Nobody may be waiting for it when it happens.
  given.promise.catch(() => undefined)
  const onAbort = () => given.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  let waiting = false
  const watch = (ms: number): NodeJS.Timeout => {
    const timer = setTimeout(() => {
      if (waiting) given.reject(new Problem('timed_out', { seconds: ms / 1000 }))
      else timer.refresh()
    }, ms)
    return timer
  }
  let idle = watch(idleMs)
  const onHurry = () => {
    clearTimeout(idle)
    idle = watch(Math.min(idleMs, hurriedMs))
  }
  if (hurry?.aborted === true) onHurry()
  else hurry?.addEventListener('abort', onHurry, { once: true })
  try {
    for (;;) {
      idle.refresh()
      waiting = true
      const next = await Promise.race([nextOf(pieces), given.promise])
      waiting = false
      if (next.done === true) return
      yield next.value
    }
  } finally {
    clearTimeout(idle)
    // It may be in the middle of waiting: that ends with the connection.
    pieces.return?.().catch(() => undefined)
    signal.removeEventListener('abort', onAbort)
    hurry?.removeEventListener('abort', onHurry)
  }
}

async function nextOf(pieces: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  try {
    return await pieces.next()
  } catch (error) {
    throw new Problem('interrupted', {}, { cause: error })
  }
}
