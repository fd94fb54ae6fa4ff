// Reads a file while another process appends to it, and has it written to the disk meanwhile, so that hashing and
// syncing cost hardly any time of their own.
import { fdatasync, fstatSync, readSync } from 'node:fs'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { blockSize } from './format.ts'

/** Small enough to be still in the processor's cache when it is hashed. */
const chunkSize = 256 * 1024
/** Less is not worth reading yet while the writer is still busy. */
const worthReading = chunkSize
const pollMs = 2
/** The disk gets work each time this much has been written since the last time. */
const syncEvery = 32 * 1024 * 1024

export interface FollowOptions<T> {
  readonly from: number
  /** Settles when the writer has ended. */
  readonly done: Promise<T>
  /** Called in order for every byte from `from` on, in whole blocks but for the last one; the buffer is used again. */
  onChunk(chunk: Buffer): void
  /** Size of the file so far. */
  onBytes?(size: number): void
}

/** What `done` gives, once everything the writer wrote has been handed out. Rejects as `done` does. */
export async function follow<T>(fd: number, options: FollowOptions<T>): Promise<T> {
  const buffer = Buffer.allocUnsafeSlow(chunkSize)
  const writer = { state: 'writing' as 'writing' | 'written' | 'failed' }
  const settled = options.done.then(
    () => void (writer.state = 'written'),
    () => void (writer.state = 'failed'),
  )
  const flusher = startFlusher(fd)
  let position = options.from
  try {
    while (writer.state !== 'failed') {
      // Asked for before the size: whatever was written by then is seen in this round.
      const last = writer.state === 'written'
      const { size } = fstatSync(fd)
      const end = last ? size : size - (size % blockSize)
      flusher.grown(size)
      const worth = last ? 1 : worthReading
      while (end - position >= worth) {
        const length = readSync(fd, buffer, 0, Math.min(chunkSize, end - position), position)
        if (length === 0) break
        options.onChunk(buffer.subarray(0, length))
        position += length
        await nextTurn()
      }
      options.onBytes?.(size)
      if (last) break
      await Promise.race([sleep(pollMs), settled])
    }
  } finally {
    // A writer that still runs must not be left behind with a descriptor that is going to be closed.
    await settled
    await flusher.stop()
  }
  flusher.check()
  return options.done
}

/** One sync at a time in the thread pool. An error is kept: the kernel tells it only once. */
function startFlusher(fd: number): {
  grown(size: number): void
  stop(): Promise<void>
  check(): void
} {
  let asked = 0
  let failure: Error | null = null
  let running: Promise<void> | null = null
  return {
    grown: (size) => {
      if (running || size - asked < syncEvery) return
      asked = size
      running = new Promise<void>((resolve) =>
        fdatasync(fd, (error) => {
          failure ??= error
          running = null
          resolve()
        }),
      )
    },
    stop: async () => running ?? undefined,
    check: () => {
      if (failure) throw failure
    },
  }
}
