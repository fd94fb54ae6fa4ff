// One chunk from the connection to the disk: written as it comes, hashed on the way, synced before anybody says it is there.
import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { Problem } from '../../domain/problem.ts'
import { asProblem, errorCode } from '../../sys/files.ts'
import { attentive } from './attentive.ts'
import { openPart } from './part-file.ts'

/** Pieces are collected until they are worth a call of the system; two such buffers per connection. */
const writeBytes = 256 * 1024
/** A sender that is silent for so long is gone. */
export const idleMs = 60_000

export interface ArrivingChunk {
  readonly length: number
  /** SHA-256 as its sender told it, 64 hex characters. */
  readonly digest: string
  /** A piece is not used any more once the next one is asked for. */
  readonly body: AsyncIterable<Uint8Array>
}

/**
 * Writes the chunk at `offset` of the file at `path` and syncs it. `also` is fed the same bytes. Rejects with
 * `chunk_size_mismatch`, `chunk_digest_mismatch`, `disk_full`, what {@link attentive} throws, or the system's error ENOENT when
 * the file is gone; whatever was written until then means nothing.
 */
export async function takeChunk(
  place: { readonly path: string; readonly offset: number },
  chunk: ArrivingChunk,
  also: Hash | null,
  signal: AbortSignal,
  given: { readonly silenceMs?: number | undefined; readonly hurry?: AbortSignal } = {},
): Promise<void> {
  const file = await openPart(place.path)
  const out = collector(file, place.offset, chunk.length)
  try {
    const own = createHash('sha256')
    let come = 0
    for await (const piece of attentive(chunk.body, given.silenceMs ?? idleMs, signal, given.hurry)) {
      come += piece.length
      if (come > chunk.length) throw wrongSize(chunk.length, come)
      own.update(piece)
      also?.update(piece)
      await out.take(piece)
    }
    if (come !== chunk.length) throw wrongSize(chunk.length, come)
    if (own.digest('hex') !== chunk.digest) throw new Problem('chunk_digest_mismatch')
    await out.end()
    await file.datasync()
  } catch (error) {
    throw errorCode(error) === 'ENOENT' ? error : asProblem(error)
  } finally {
    await out.settled()
    await file.close()
  }
}

export function wrongSize(expected: number, found: number): Problem {
  return new Problem('chunk_size_mismatch', { expected, found })
}

/**
 * Copies pieces into one of two buffers, while the system writes the other one: a piece is not needed any more when `take`
 * has resolved. `settled`: nothing is being written any more, however it ended.
 */
function collector(file: FileHandle, offset: number, length: number) {
  const size = Math.min(writeBytes, length)
  let [filling, spare] = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)]
  let filled = 0
  let at = offset
  let writing: Promise<void> = Promise.resolve()
  const flush = async (): Promise<void> => {
    await writing
    writing = writeAll(file, filling.subarray(0, filled), at)
    // Whoever waits for it next is told.
    writing.catch(() => undefined)
    at += filled
    filled = 0
    ;[filling, spare] = [spare, filling]
  }
  return {
    async take(piece: Uint8Array): Promise<void> {
      for (let done = 0; done < piece.length;) {
        const part = piece.subarray(done, done + size - filled)
        filling.set(part, filled)
        filled += part.length
        done += part.length
        if (filled === size) await flush()
      }
    },
    async end(): Promise<void> {
      await flush()
      await writing
    },
    settled: () => writing.catch(() => undefined),
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
  }
}
