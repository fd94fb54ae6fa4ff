// SHA-256 of a whole file.
import { createHash } from 'node:crypto'
import { readChunks } from './chunks.ts'

export interface HashOptions {
  readonly signal?: AbortSignal
  /** Bytes hashed so far. */
  onBytes?(done: number): void
}

export interface FileHash {
  /** 64 hexadecimal characters. */
  readonly sha256: string
  readonly sizeBytes: number
}

/** Reads and hashes a regular file with flat memory. Rejects with the signal's reason or the system's error. */
export async function hashFile(path: string, options: HashOptions = {}): Promise<FileHash> {
  const hash = createHash('sha256')
  let done = 0
  const sizeBytes = await readChunks(path, {
    signal: options.signal,
    onChunk: (chunk) => {
      hash.update(chunk)
      done += chunk.length
      options.onBytes?.(done)
    },
  })
  return { sha256: hash.digest('hex'), sizeBytes }
}
