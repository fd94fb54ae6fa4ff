// Chunks of an archive's file for another instance: each one is hashed before its bytes are sent. Should the file change in
// between, the receiver finds another hash and takes nothing.
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { Problem } from '../domain/problem.ts'
import { chunkRegion } from '../domain/upload.ts'
import { mustLocate } from './locate.ts'
import { openRegular } from './open-regular.ts'

const pieceBytes = 512 * 1024

export interface ChunkOrder {
  readonly name: string
  /** Size of the file. */
  readonly expected: number
  readonly chunkSize: number
  /** In the order in which they are sent. */
  readonly chunks: readonly number[]
}

export interface ChunkIo {
  readonly signal: AbortSignal
  /** Before the bytes of each chunk. */
  onChunk(chunk: { readonly n: number; readonly bytes: number; readonly sha256: string }): void
  /** The bytes; the buffer is used again when what this returns has resolved. */
  data(bytes: Uint8Array): Promise<void> | undefined
}

/**
 * How many bytes were sent. Rejects with `archive_not_found`, `archive_truncated` when the file has not the expected size or
 * becomes shorter meanwhile, `chunk_out_of_range` (before anything is sent), or the signal's reason.
 */
export async function sendChunks(archivesDir: string, order: ChunkOrder, io: ChunkIo): Promise<number> {
  const { name, expected, chunkSize } = order
  const found = mustLocate(archivesDir, name)
  const handle = await openRegular(found.path, found.stats)
  let ahead: Promise<string> | undefined
  try {
    const { size } = await handle.stat()
    if (size !== expected) throw changed(name, `${size} bytes, expected were ${expected}`)
    const regions = order.chunks.map((n) => ({ n, ...chunkRegion(n, { totalSize: size, chunkSize }) }))
    const hashAhead = (region: Region | undefined): Promise<string> | undefined => {
      const hashing = region && hashOf(handle, name, region, io.signal)
      // It may fail long before anybody asks.
      hashing?.catch(() => undefined)
      return hashing
    }
    ahead = hashAhead(regions[0])
    let sent = 0
    for (const [at, region] of regions.entries()) {
      const sha256 = await ahead
      if (sha256 === undefined) break
      io.onChunk({ n: region.n, bytes: region.length, sha256 })
      // The next one is hashed while this one waits for its reader.
      ahead = hashAhead(regions[at + 1])
      await readRegion(handle, name, region, io.signal, (piece) => io.data(piece))
      sent += region.length
    }
    return sent
  } finally {
    await ahead?.catch(() => undefined)
    await handle.close()
  }
}

interface Region {
  readonly offset: number
  readonly length: number
}

async function hashOf(
  handle: FileHandle,
  name: string,
  region: Region,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256')
  await readRegion(handle, name, region, signal, (piece) => void hash.update(piece))
  return hash.digest('hex')
}

async function readRegion(
  handle: FileHandle,
  name: string,
  { offset, length }: Region,
  signal: AbortSignal,
  onPiece: (piece: Buffer) => Promise<void> | undefined,
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, length))
  for (let done = 0; done < length;) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, length - done), offset + done)
    if (bytesRead === 0) throw changed(name, 'it became shorter')
    await onPiece(buffer.subarray(0, bytesRead))
    done += bytesRead
  }
}

function changed(archive: string, detail: string): Problem {
  return new Problem('archive_truncated', { archive, detail })
}
