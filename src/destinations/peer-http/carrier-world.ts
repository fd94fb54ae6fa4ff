// What a carrier is given in tests: an archive in memory, its chunks, and an io that records.
import { randomBytes } from 'node:crypto'
import { isProblem, problems } from '../../domain/problem.ts'
import { chunkRegion } from '../../domain/upload.ts'
import { randomOf } from '../../archive/fuzz-world.ts'
import type { Cargo, CarrierIo, ChunkSource } from '../carrier.ts'
import type { Patience } from './patience.ts'
import { sha256, type Fault, type What } from './receiver-world.ts'

export const kib64 = 65_536

export function cargoOf(bytes: Buffer, name = 'jerry_nocodb_20260508'): Cargo {
  return {
    name,
    file: `${name}.tar`,
    sizeBytes: bytes.length,
    sha256: sha256(bytes),
    info: { description: 'nightly' },
    backupInfo: null,
  }
}

export const bytesOf = (size: number): Buffer => randomBytes(size)

/** Reads like the root helper: each chunk's hash first, then its bytes; a refused chunk ends it. */
export function memoryChunks(bytes: Buffer, piece = 10_000): ChunkSource & { readonly asked: number[][] } {
  const asked: number[][] = []
  return {
    asked,
    async read(numbers, chunkSize, onChunk, signal) {
      asked.push([...numbers])
      for (const n of numbers) {
        signal.throwIfAborted()
        const { offset, length } = chunkRegion(n, { totalSize: bytes.length, chunkSize })
        const chunk = bytes.subarray(offset, offset + length)
        async function* pieces() {
          for (let at = 0; at < length; at += piece) {
            signal.throwIfAborted()
            yield chunk.subarray(at, at + piece)
          }
        }
        await onChunk({ n, length, sha256: sha256(chunk), bytes: pieces() })
      }
    },
  }
}

export interface RecordedIo extends CarrierIo {
  readonly stop: AbortController
  readonly done: number[]
  readonly said: string[]
  sent: number
  throttled: number
}

export function recordingIo(): RecordedIo {
  const stop = new AbortController()
  const io: RecordedIo = {
    stop,
    signal: stop.signal,
    done: [],
    said: [],
    sent: 0,
    throttled: 0,
    progress(done, sent) {
      io.done.push(done)
      io.sent += sent
    },
    async throttle(bytes) {
      io.throttled += bytes
    },
    say: (text) => void io.said.push(text),
  }
  return io
}

/** Pauses that take no time, and how long they would have been. */
export function noPauses(): Patience & { readonly pauses: number[] } {
  const pauses: number[] = []
  return {
    pauses,
    async sleep(ms, signal) {
      signal.throwIfAborted()
      pauses.push(ms)
    },
    random: () => 0.5,
  }
}

/** Misbehaviour by seed: about one request in `oneIn` has a fault, at most `most` in all. */
export function seededFaults(seed: number, oneIn: number, most = 25): (what: What) => Fault | null {
  const random = randomOf(seed)
  let left = most
  return (what) => {
    if (left === 0 || random.below(oneIn) > 0) return null
    left -= 1
    const afterBytes = random.below(kib64) + 1
    if (what === 'download') {
      return random.pick<Fault>([
        { how: 'cut', afterBytes },
        { how: 'truncate' },
        { how: 'whole' },
        { how: 'html' },
        { how: 'refuse', status: 503, code: 'internal' },
        { how: 'refuse', status: 429, code: 'too_many_failures', retryAfterS: 2 },
      ])
    }
    return random.pick<Fault>([
      { how: 'cut', afterBytes },
      { how: 'lose' },
      { how: 'truncate' },
      { how: 'html' },
      { how: 'twice' },
      { how: 'delay' },
      { how: 'refuse', status: 500, code: 'internal' },
      { how: 'refuse', status: 429, code: 'upload_busy', retryAfterS: 1 },
    ])
  }
}

/** Begins again after each failure that may pass, as the transfers engine does. */
export async function untilItSucceeds<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 30; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if (left === 0 || !isProblem(error) || problems[error.code].retry === 'never') throw error
    }
  }
}
