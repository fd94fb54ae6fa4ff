// The SHA-256 of a file that arrives in chunks of any order: taken on the way as far as they come in order; the others are
// read back from the file, soon after they came, while the system still has them in memory.
import { createHash, type Hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { Problem } from '../../domain/problem.ts'
import { chunkRegion } from '../../domain/upload.ts'

const pieceBytes = 512 * 1024

/** How many bytes were hashed on their way in, and how many had to be read again. */
export interface HashedBytes {
  passing: number
  readBack: number
}

export interface WholeHash {
  /** To be fed the bytes of chunk `n` while they arrive, when it is the next one in order; else null. */
  along(n: number): Hash | null
  /** Chunk `n` is on the disk for good; `along` is what was fed all of it, or null. */
  recorded(n: number, along: Hash | null): void
  /** The hash of the whole file. All chunks must be there. Rejects with the system's error, or the signal's reason. */
  finish(): Promise<string>
  /** Resolves when what is being read now has been. */
  idle(): Promise<void>
}

/**
 * `recorded`: chunks that are there already; nothing is read before there is a reason to. A failure to read in the
 * background is told to `complain`, and tried again by `finish`.
 */
export function createWholeHash(
  file: {
    readonly path: string
    readonly totalSize: number
    readonly chunkSize: number
    readonly totalChunks: number
  },
  recorded: Iterable<number>,
  given: {
    readonly counted: HashedBytes
    readonly signal: AbortSignal
    complain(error: unknown): void
  },
): WholeHash {
  const there = new Set(recorded)
  let state = createHash('sha256')
  let next = 0
  let reading: Promise<void> | null = null

  const readOn = async (): Promise<void> => {
    if (!there.has(next)) return
    const handle = await open(file.path, 'r')
    try {
      const buffer = Buffer.allocUnsafeSlow(pieceBytes)
      while (there.has(next)) {
        const hash = state.copy()
        const { offset, length } = chunkRegion(next, file)
        for (let done = 0; done < length;) {
          given.signal.throwIfAborted()
          const wanted = Math.min(pieceBytes, length - done)
          const { bytesRead } = await handle.read(buffer, 0, wanted, offset + done)
          if (bytesRead === 0) throw new Problem('internal', { detail: 'the partial file is too short' })
          hash.update(buffer.subarray(0, bytesRead))
          done += bytesRead
        }
        given.counted.readBack += length
        state = hash
        next += 1
      }
    } finally {
      await handle.close()
    }
  }
  /** One reader at a time; who comes later gets a round that has seen what they recorded. */
  const catchUp = (): Promise<void> => {
    const round = (reading ?? Promise.resolve()).catch(() => undefined).then(readOn)
    reading = round
    const over = () => {
      if (reading === round) reading = null
    }
    round.then(over, over)
    return round
  }

  return {
    along: (n) => (n === next && !there.has(n) ? state.copy() : null),
    recorded(n, along) {
      if (there.has(n)) return
      there.add(n)
      if (along !== null && n === next) {
        state = along
        next += 1
        given.counted.passing += chunkRegion(n, file).length
      }
      if (reading === null && there.has(next)) {
        catchUp().catch((error: unknown) => {
          if (!given.signal.aborted) given.complain(error)
        })
      }
    },
    async finish() {
      await catchUp()
      if (next < file.totalChunks) throw new Problem('internal', { detail: `chunk ${next} is not there` })
      return state.copy().digest('hex')
    },
    async idle() {
      await reading?.catch(() => undefined)
    },
  }
}
