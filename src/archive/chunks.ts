// Reads a file from its beginning to its end in large pieces, with flat memory.
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { openRegular } from './open-regular.ts'

const chunkSize = 1024 * 1024

export interface ChunkOptions {
  readonly signal?: AbortSignal | undefined
  /** The file that `path` must be or lead to; without it a symbolic link is refused. */
  readonly known?: BigIntStats
  /** Called in order; the buffer is used again afterwards. Nothing is read ahead further than one piece. */
  readonly onChunk: (chunk: Buffer) => void | Promise<void>
}

/**
 * Gives every byte of a regular file to `onChunk`, reading the next piece meanwhile. Returns the number of bytes.
 * Rejects with the signal's reason, the system's error, or `internal` as {@link openRegular}.
 */
export async function readChunks(path: string, options: ChunkOptions): Promise<number> {
  const handle = await openRegular(path, options.known)
  try {
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
