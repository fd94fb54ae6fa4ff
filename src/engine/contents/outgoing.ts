// Bytes of an archive on their way to somebody, no faster than they are taken. The archive is held until the last one is,
// or until nobody wants more.
import { Problem } from '../../domain/problem.ts'
import type { HelperCall } from '../../sys/helper-client.ts'
import type { EngineDeps } from '../deps.ts'
import { withHold } from '../hold.ts'

/** Bytes on their way to somebody. Whoever takes one must read `bytes` to its end or call `cancel`. */
export interface Outgoing {
  /** A name for the file that is saved: without slashes or control characters. */
  readonly fileName: string
  readonly contentType: string
  /** Null when nobody knows before the end. */
  readonly length: number | null
  readonly bytes: ReadableStream<Uint8Array>
  /** Resolves when nothing works for it any more, whatever came of it. */
  readonly ended: Promise<void>
}

/** Bytes that wait for the reader at most, beside one piece. */
const aheadBytes = 512 * 1024
/** A reader that takes nothing for so long is taken for gone: a person whose laptop sleeps may come back. */
const stalledMs = 30 * 60_000

/**
 * Starts a call that hands over bytes. Resolves when the first ones are there, or it is known that there are none; rejects
 * with what went wrong before. Later failures are the stream's. `archive_truncated` when there were not `length` bytes.
 * `limitMs`: a reader that takes nothing for so long is taken for gone; default half an hour.
 */
export function outgoing(
  deps: EngineDeps,
  name: string,
  length: number | null,
  signal: AbortSignal,
  call: (options: HelperCall) => Promise<unknown>,
  limitMs = stalledMs,
): Promise<Pick<Outgoing, 'bytes' | 'ended'>> {
  const begun = Promise.withResolvers<Pick<Outgoing, 'bytes' | 'ended'>>()
  const ended = Promise.withResolvers<void>()
  const gone = new AbortController()
  const left = Promise.withResolvers<never>()
  let sent = 0
  let go: (() => void) | null = null
  let stalled: NodeJS.Timeout | undefined
  let control: ReadableStreamDefaultController<Uint8Array> | undefined

  const leave = (reason: unknown): void => {
    gone.abort(reason)
    left.reject(reason)
    proceed()
  }
  const proceed = (): void => {
    clearTimeout(stalled)
    go?.()
    go = null
  }
  const stream = new ReadableStream<Uint8Array>(
    {
      start: (controller) => void (control = controller),
      pull: proceed,
      cancel: () => leave(new Problem('cancelled')),
    },
    { highWaterMark: aheadBytes, size: (piece) => piece.byteLength },
  )
  const onData = (piece: Uint8Array): Promise<void> | undefined => {
    if (gone.signal.aborted) return undefined
    sent += piece.length
    control?.enqueue(piece)
    begun.resolve({ bytes: stream, ended: ended.promise })
    if ((control?.desiredSize ?? 1) > 0) return undefined
    stalled = setTimeout(() => leave(new Problem('timed_out', { command: 'download' })), limitMs)
    stalled.unref()
    return new Promise((resolve) => (go = resolve))
  }
  const onAbort = (): void => leave(signal.aborted ? new Problem('cancelled') : undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()

  const work = async (): Promise<void> => {
    let calling: Promise<unknown> | null = null
    try {
      // When the reader is gone the hold goes at once: the helper may need a moment to end.
      await withHold(deps, name, 'download', () => {
        calling = call({ signal: gone.signal, onData })
        return Promise.race([calling, left.promise])
      })
      if (length !== null && sent !== length) {
        throw new Problem('archive_truncated', {
          archive: name,
          detail: `${length - sent} bytes are missing`,
        })
      }
      control?.close()
      begun.resolve({ bytes: stream, ended: ended.promise })
    } catch (error) {
      begun.reject(error)
      if (control?.desiredSize !== null) control?.error(error)
    } finally {
      clearTimeout(stalled)
      signal.removeEventListener('abort', onAbort)
      Promise.resolve(calling).then(
        () => ended.resolve(),
        () => ended.resolve(),
      )
    }
  }
  left.promise.catch(() => undefined)
  void work()
  return begun.promise
}

/** A name for a saved file out of a name in an archive. */
export function savedName(name: string): string {
  // Also characters that turn the direction of the text around, which make a name look like another.
  const safe = name.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069/\\]/gu, '_')
  return safe === '' || safe === '.' || safe === '..' ? 'file' : safe
}
