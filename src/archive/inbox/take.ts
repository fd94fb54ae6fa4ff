// Takes a file that has come by rsync out of the inbox: proven to be a plain file of that size, hashed, and moved to where
// uploads wait for their publication. What the inbox's account could have put there is not trusted.
import { createHash } from 'node:crypto'
import { constants, statSync, type BigIntStats } from 'node:fs'
import { open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Problem } from '../../domain/problem.ts'
import { errorCode, removeIfExists, syncDirectory } from '../../sys/files.ts'
import { openPartFolder, refused, type PartFolder } from '../upload-part.ts'
import {
  closeUploadFolder,
  openInbox,
  removeUpload,
  reopenUploadFolder,
  uploadPaths,
  type InboxIo,
  type InboxUpload,
} from './place.ts'

export interface TakeOrder extends InboxUpload {
  readonly filename: string
  readonly sizeBytes: number
  /** Path of the upload's file in a folder for uploads. */
  readonly part: string
}

const pieceBytes = 1024 * 1024

/**
 * SHA-256 of the file, which is at `part` then. Done again it goes on from there. Rejects with `upload_incomplete` while it is not
 * there in its size, `helper_refused` for what rsync cannot have made, the system's error, or the signal's reason.
 */
export async function takeUpload(order: TakeOrder, io: InboxIo): Promise<string> {
  const place = await openInbox(io.places)
  const parts = await openPartFolder(order.part, io.places)
  try {
    const { folder } = uploadPaths(place, order)
    const path = join(folder, order.filename)
    // First: whoever still writes there finds no name to write under.
    const file = (await closeUploadFolder(folder)) ? await openFile(path) : null
    if (file === null) {
      const sha256 = await takenBefore(parts, order, io)
      if (sha256 === null) {
        await reopenIfThere(folder)
        throw new Problem('upload_incomplete')
      }
      await removeUpload(place, order)
      return sha256
    }
    try {
      const sha256 = await move(file, path, parts, order, io)
      await removeUpload(place, order)
      return sha256
    } catch (error) {
      await reopenIfThere(folder)
      throw error
    } finally {
      await file.close()
    }
  } finally {
    await parts.close()
  }
}

async function reopenIfThere(folder: string): Promise<void> {
  if (await closeUploadFolder(folder)) await reopenUploadFolder(folder)
}

async function takenBefore(parts: PartFolder, order: TakeOrder, io: InboxIo): Promise<string | null> {
  const part = await parts.open()
  if (part === null) return null
  try {
    return part.stats.size === BigInt(order.sizeBytes) ? await hash(part.handle, order.sizeBytes, io) : null
  } finally {
    await part.handle.close()
  }
}

async function move(
  file: FileHandle,
  path: string,
  parts: PartFolder,
  order: TakeOrder,
  io: InboxIo,
): Promise<string> {
  const stats = await file.stat({ bigint: true })
  mustBePlain(stats)
  if (stats.size !== BigInt(order.sizeBytes)) throw new Problem('upload_incomplete')
  const owner = statSync(io.places.dataDir)
  const near = statSync(parts.path.slice(0, parts.path.lastIndexOf('/'))).dev === Number(stats.dev)
  if (near) {
    await give(file, owner)
    await file.sync()
    const sha256 = await hash(file, order.sizeBytes, io)
    const moved = await rename(path, parts.path).then(
      () => true,
      (error: unknown) => {
        // Bind mounts have equal device numbers and still refuse.
        if (errorCode(error) === 'EXDEV') return false
        throw error
      },
    )
    if (moved) {
      await syncDirectory(parts.path.slice(0, parts.path.lastIndexOf('/')))
      return sha256
    }
  }
  return copy(file, path, parts, order, owner, io)
}

/** One that is cut off is shorter than it should be, and its original still there. */
async function copy(
  file: FileHandle,
  path: string,
  parts: PartFolder,
  order: TakeOrder,
  owner: { readonly uid: number; readonly gid: number },
  io: InboxIo,
): Promise<string> {
  await removeIfExists(parts.path)
  const into = await open(parts.path, 'wx', 0o600)
  try {
    const sha256 = await hash(file, order.sizeBytes, io, (piece) => into.writeFile(piece))
    await give(into, owner)
    await into.sync()
    await syncDirectory(parts.path.slice(0, parts.path.lastIndexOf('/')))
    await unlink(path)
    return sha256
  } catch (error) {
    await removeIfExists(parts.path)
    throw error
  } finally {
    await into.close()
  }
}

async function give(
  file: FileHandle,
  { uid, gid }: { readonly uid: number; readonly gid: number },
): Promise<void> {
  if (process.geteuid?.() === 0) await file.chown(uid, gid)
  await file.chmod(0o600)
}

function mustBePlain(stats: BigIntStats): void {
  if (!stats.isFile()) throw refused('it is not a regular file')
  if (stats.nlink !== 1n) throw refused('it has other names')
}

/** Null when there is none. */
async function openFile(path: string): Promise<FileHandle | null> {
  try {
    // Without O_NONBLOCK, opening a fifo would hang for ever.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (code === 'ENOENT') return null
    if (['ELOOP', 'ENXIO', 'ENODEV'].includes(code)) throw refused('it is not a regular file')
    throw error
  }
}

async function hash(
  file: FileHandle,
  sizeBytes: number,
  io: InboxIo,
  onPiece?: (piece: Buffer) => Promise<void>,
): Promise<string> {
  const sum = createHash('sha256')
  const buffer = Buffer.allocUnsafeSlow(pieceBytes)
  let at = 0
  for (;;) {
    io.signal.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, pieceBytes, at)
    if (bytesRead === 0) break
    const piece = buffer.subarray(0, bytesRead)
    sum.update(piece)
    await onPiece?.(piece)
    at += bytesRead
    io.progress(at, sizeBytes)
  }
  if (at !== sizeBytes) throw refused('it changed while it was read')
  return sum.digest('hex')
}
