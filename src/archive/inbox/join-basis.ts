// rsync has one basis: of a transfer that was cut it takes what has come, and forgets the earlier archive. So what is still to
// come of that one is put behind what has come: parts of both are found then, wherever they are.
import { constants } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { diskGuard } from '../../domain/disk-guard.ts'
import { partialFolder } from '../../domain/rsync-server.ts'
import { diskOf } from '../../sys/disk.ts'
import { errorCode } from '../../sys/files.ts'

const pieceBytes = 1024 * 1024
/** What was at one place of the earlier archive may be a little before it in the new one. */
const marginBytes = 64 * 1024 * 1024

export interface JoinOrder {
  /** The upload's folder. */
  readonly folder: string
  readonly filename: string
  /** Of the new file. */
  readonly sizeBytes: number
  /** The earlier archive, in the same folder. */
  readonly basis: string
  /** Size of what has come when this was done the last time. */
  readonly joined: number | null
}

/** Where the part of the earlier archive begins that the rest of the new one may be like. Pure. */
export function tailOf(came: number, sizeBytes: number, basisBytes: number): number {
  return Math.min(basisBytes, Math.max(0, came - Math.abs(sizeBytes - basisBytes) - marginBytes))
}

/** Size of what has come, with the rest behind it; null when nothing has come. Doing it again changes nothing. */
export async function joinBasis(order: JoinOrder, signal: AbortSignal): Promise<number | null> {
  const partial = await openPartial(order)
  if (partial === null) return null
  try {
    const found = await partial.stat()
    if (!found.isFile() || found.nlink !== 1 || found.size === 0) return null
    if (found.size === order.joined || found.size >= order.sizeBytes) return found.size
    const path = join(order.folder, order.basis)
    const { size: basisBytes } = await stat(path)
    const from = tailOf(found.size, order.sizeBytes, basisBytes)
    const disk = await diskOf(order.folder)
    const room = { ...disk, neededBytes: order.sizeBytes + basisBytes - from, reserveBytes: null }
    if (!diskGuard(room).ok) return found.size
    await append(partial, path, from, signal)
    return found.size + basisBytes - from
  } finally {
    await partial.close()
  }
}

/** The account may write there: no link is followed. */
async function openPartial({ folder, filename }: JoinOrder): Promise<FileHandle | null> {
  const refusals = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'])
  try {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
    const inside = await open(join(folder, partialFolder), flags)
    try {
      const how = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK
      return await open(`/proc/self/fd/${inside.fd}/${filename}`, how)
    } finally {
      await inside.close()
    }
  } catch (error) {
    if (refusals.has(errorCode(error) ?? '')) return null
    throw error
  }
}

async function append(into: FileHandle, path: string, from: number, signal: AbortSignal): Promise<void> {
  const source = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const buffer = Buffer.allocUnsafeSlow(pieceBytes)
    for (let at = from; ;) {
      signal.throwIfAborted()
      const { bytesRead } = await source.read(buffer, 0, pieceBytes, at)
      if (bytesRead === 0) return
      await into.writeFile(buffer.subarray(0, bytesRead))
      at += bytesRead
    }
  } finally {
    await source.close()
  }
}
