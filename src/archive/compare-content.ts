// Reads a file of an archive and the one at its place now, side by side.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { errorCode } from '../sys/files.ts'
import type { Run } from '../sys/process.ts'
import { absolute, type LiveTree } from './compare-entry.ts'
import { expanded } from './member-contents.ts'
import type { TarPart } from './tar-parts.ts'

const chunkSize = 256 * 1024

/** False also when the file cannot be read as one any more. Rejects as reading the archive does. */
export async function sameContent(
  part: TarPart,
  live: LiveTree,
  path: string,
  io: { readonly run: Run; readonly signal: AbortSignal },
): Promise<boolean> {
  const fd = openLive(live, path)
  if (fd === null) return false
  try {
    const beside = comparer(fd)
    if (part.member.sparse) {
      await expanded(part, io.run, (chunk) => {
        beside.take(chunk)
        return undefined
      })
    } else {
      for await (const piece of part.data()) {
        beside.take(piece)
        if (!beside.same()) return false
        io.signal.throwIfAborted()
      }
    }
    return beside.same() && beside.ended()
  } finally {
    closeSync(fd)
  }
}

function comparer(fd: number) {
  const buffer = Buffer.allocUnsafeSlow(chunkSize)
  let position = 0
  let same = true
  const take = (chunk: Buffer): void => {
    for (let at = 0; same && at < chunk.length;) {
      const read = readSync(fd, buffer, 0, Math.min(chunkSize, chunk.length - at), position)
      same = read > 0 && chunk.compare(buffer, 0, read, at, at + read) === 0
      at += read
      position += read
    }
  }
  return {
    take,
    same: () => same,
    /** Whether the live file has no more than was compared. */
    ended: () => readSync(fd, buffer, 0, 1, position) === 0,
  }
}

function openLive(live: LiveTree, path: string): number | null {
  try {
    const fd = openSync(
      absolute(live, path),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    )
    if (fstatSync(fd).isFile()) return fd
    closeSync(fd)
    return null
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(errorCode(error) ?? '')) return null
    throw error
  }
}
