// Reads an archive's file in chunks through the root helper, no faster than they are taken.
import { Problem } from '../../domain/problem.ts'
import type { ChunkSource } from '../../destinations/carrier.ts'
import type { PassingFrame } from '../../sys/helper-answer.ts'
import type { EngineDeps } from '../deps.ts'

type OnChunk = Parameters<ChunkSource['read']>[2]

/** Of the archive with that name, which has to have exactly `sizeBytes` bytes. Every `read` is a helper of its own. */
export function chunkSource(
  deps: Pick<EngineDeps, 'helper'>,
  archive: { readonly name: string; readonly sizeBytes: number },
): ChunkSource {
  return {
    async read(numbers, chunkSize, onChunk, signal) {
      const stop = new AbortController()
      const either = AbortSignal.any([signal, stop.signal])
      const parts = chunkParts(onChunk, (error) => stop.abort(error))
      const leave = (): void => parts.fail(either.reason)
      either.addEventListener('abort', leave, { once: true })
      try {
        await deps.helper.call(
          'archive.chunks',
          { name: archive.name, expected: archive.sizeBytes, chunkSize, chunks: [...numbers] },
          {
            signal: either,
            onFrame: (frame) => parts.onFrame(frame),
            onData: (piece) => parts.onData(piece),
            transient: true,
          },
        )
        await parts.ended()
      } catch (error) {
        parts.fail(error)
        await parts.settled()
        signal.throwIfAborted()
        // Whoever takes the chunks failed first: the helper was only told to stop because of it.
        if (stop.signal.aborted) throw stop.signal.reason
        throw error
      } finally {
        either.removeEventListener('abort', leave)
      }
      signal.throwIfAborted()
      if (parts.taken() !== numbers.length) {
        const detail = `${parts.taken()} of ${numbers.length} chunks were read`
        throw new Problem('archive_truncated', { archive: archive.name, detail })
      }
    },
  }
}

/** Cuts the helper's answer into chunks and hands over one after the other. */
function chunkParts(onChunk: OnChunk, failed: (error: unknown) => void) {
  let current: { readonly pipe: Pipe; left: number; readonly done: Promise<void> } | null = null
  let taken = 0

  const hand = async (chunk: Parameters<OnChunk>[0], pipe: Pipe): Promise<void> => {
    try {
      await onChunk(chunk)
      taken += 1
    } catch (error) {
      failed(error)
      throw error
    } finally {
      // What was not read of it is not wanted.
      pipe.drop()
    }
  }
  const begin = (frame: Extract<PassingFrame, { t: 'chunk' }>): void => {
    if (current !== null && current.left > 0) throw outOfStep('a chunk began within another')
    const pipe = createPipe()
    const { n, bytes: length, sha256 } = frame
    const done = hand({ n, length, sha256, bytes: pipe.bytes }, pipe)
    done.catch(() => undefined)
    current = { pipe, left: length, done }
  }

  return {
    onFrame(frame: PassingFrame): void {
      if (frame.t === 'chunk') begin(frame)
    },
    /** While it is pending the helper has to wait: after the last bytes of a chunk, until somebody has all of it. */
    onData(piece: Uint8Array): Promise<void> {
      if (current === null || piece.length > current.left) throw outOfStep('more bytes than announced')
      current.left -= piece.length
      const { pipe, left, done } = current
      return left === 0 ? pipe.end(piece).then(() => done) : pipe.push(piece)
    },
    fail: (error: unknown): void => current?.pipe.fail(error),
    async ended(): Promise<void> {
      await current?.done
    },
    async settled(): Promise<void> {
      await current?.done.catch(() => undefined)
    },
    taken: () => taken,
  }
}

interface Pipe {
  readonly bytes: AsyncIterable<Uint8Array>
  /** Resolves when the piece was taken, or nobody wants any. */
  push(piece: Uint8Array): Promise<void>
  /** The last one. */
  end(piece: Uint8Array): Promise<void>
  /** What is not taken yet never comes; the reader is told why. */
  fail(error: unknown): void
  drop(): void
}

/** One piece at a time from a writer to a reader. */
function createPipe(): Pipe {
  let piece: Uint8Array | null = null
  let last = false
  let dropped = false
  let failure: { readonly error: unknown } | null = null
  let wakeReader: (() => void) | null = null
  let wakeWriter: (() => void) | null = null

  const arrived = (): boolean => piece !== null || failure !== null || last
  const wake = (): void => {
    wakeReader?.()
    wakeReader = null
  }
  const release = (): void => {
    wakeWriter?.()
    wakeWriter = null
  }
  const drop = (): void => {
    dropped = true
    release()
  }
  async function* read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        if (!arrived()) await new Promise<void>((go) => (wakeReader = go))
        if (failure !== null) throw failure.error
        if (piece === null) return
        const taken: Uint8Array = piece
        piece = null
        yield taken
        // Only now is it read: the next one may come.
        release()
      }
    } finally {
      drop()
    }
  }
  const push = (given: Uint8Array): Promise<void> => {
    if (dropped || failure !== null) return Promise.resolve()
    piece = given
    const taken = new Promise<void>((go) => (wakeWriter = go))
    wake()
    return taken
  }
  return {
    bytes: { [Symbol.asyncIterator]: read },
    push,
    end(given) {
      last = true
      return push(given)
    },
    fail(error) {
      if (!dropped) failure ??= { error }
      wake()
      release()
    },
    drop,
  }
}

function outOfStep(reason: string): Problem {
  return new Problem('helper_unavailable', { reason })
}
