// Sends the body of a request: exactly as many bytes as were promised, never faster than they are taken, and not one more
// once the other side has answered.
import type { ClientRequest } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Problem } from '../../domain/problem.ts'
import type { Watch } from './watch.ts'

/** Small enough for a slow line to take one within the idle time. */
const pieceBytes = 64 * 1024

export interface RawBody {
  readonly length: number
  /** A piece must not be changed after it was handed out. */
  readonly bytes: AsyncIterable<Uint8Array>
}

/**
 * Resolves when all of it was handed to the system, or when `answered` is aborted: then the rest stays unsent and the request
 * unfinished. A piece is not used any more once the next one is asked for. Rejects with what the body's source says, or
 * `internal` when it has more or fewer bytes than promised. A connection that breaks is told by the request itself; this
 * comes back then as if it had been answered.
 */
export async function sendBody(
  request: ClientRequest,
  { length, bytes }: RawBody,
  watch: Watch,
  answered: AbortSignal,
): Promise<void> {
  const over = AbortSignal.any([answered, watch.signal])
  const source = bytes[Symbol.asyncIterator]()
  const wait = interruptible(over)
  let left = length
  let ended = false
  try {
    while (!over.aborted) {
      watch.resting()
      const next = await wait<IteratorResult<Uint8Array>>((resolve, reject) => {
        source.next().then(resolve, reject)
      })
      if (next === null || over.aborted) return
      if (next.done === true) {
        ended = true
        if (left > 0) throw wrongLength(length)
        request.end()
        watch.waiting()
        return
      }
      left -= next.value.length
      if (left < 0) throw wrongLength(length)
      if (!(await sendPiece(request, next.value, watch, over, wait))) return
    }
  } finally {
    // Not waited for: a source that hangs would hold up the answer.
    if (!ended) source.return?.().catch(() => undefined)
  }
}

type Wait = <T>(
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
) => Promise<T | null>

/** Waits for one thing after the other, or for the signal: null. Leaves nothing behind at the signal for each of them. */
function interruptible(signal: AbortSignal): Wait {
  let interrupt = (): void => undefined
  signal.addEventListener('abort', () => interrupt(), { once: true })
  return (start) =>
    new Promise((resolve, reject) => {
      interrupt = () => resolve(null)
      if (signal.aborted) resolve(null)
      else start(resolve, reject)
    })
}

/** False when it was stopped. */
async function sendPiece(
  request: ClientRequest,
  piece: Uint8Array,
  watch: Watch,
  over: AbortSignal,
  wait: Wait,
): Promise<boolean> {
  for (let at = 0; at < piece.length; at += pieceBytes) {
    // An answer, or the end, that has come already is seen before anything is written: a write into a connection that the
    // other side has closed would throw its answer away.
    await nextTurn()
    if (over.aborted || request.destroyed) return false
    watch.waiting()
    const taken = await wait<boolean>((resolve) => {
      // Called when the system has it, or when the connection broke: who waits for the answer is told why.
      request.write(piece.subarray(at, at + pieceBytes), (error) => resolve(!error))
    })
    if (taken !== true) return false
  }
  return true
}

function wrongLength(length: number): Problem {
  return new Problem('internal', { detail: `the body has not the ${length} bytes that were promised` })
}
