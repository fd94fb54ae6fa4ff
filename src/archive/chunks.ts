// Reads a file from its beginning to its end in large pieces, with flat memory.
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { Problem } from '../domain/problem.ts'

const chunkSize = 1024 * 1024

export interface ChunkOptions {
  readonly signal?: AbortSignal | undefined
  /** Called in order; the buffer is used again afterwards. Nothing is read ahead further than one piece. */
  readonly onChunk: (chunk: Buffer) => void | Promise<void>
}

/**
 * Gives every byte of a regular file to `onChunk`, reading the next piece meanwhile. Returns the number of bytes.
 * Rejects with the signal's reason, the system's error, or `internal` when it is not a regular file.
 */
export async function readChunks(path: string, options: ChunkOptions): Promise<number> {
  // Without O_NONBLOCK, opening a fifo that somebody put there would hang for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!(await handle.stat()).isFile()) throw new Problem('internal', { detail: 'not a regular file' })
    return await readAll(handle, options)
  } finally {
    await handle.close()
  }
}

async function readAll(handle: FileHandle, { signal, onChunk }: ChunkOptions): Promise<number> {
  let current = Buffer.allocUnsafeSlow(chunkSize)
  let next = Buffer.allocUnsafeSlow(chunkSize)
  let position = 0
  let reading = handle.read(current, 0, chunkSize, position)
  for (;;) {
    const { bytesRead } = await reading
    signal?.throwIfAborted()
    if (bytesRead === 0) return position
    position += bytesRead
    reading = handle.read(next, 0, chunkSize, position)
    try {
      await onChunk(current.subarray(0, bytesRead))
    } catch (error) {
      await reading.catch(() => undefined)
      throw error
    }
    ;[current, next] = [next, current]
  }
}
