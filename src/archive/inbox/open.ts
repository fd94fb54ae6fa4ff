// Makes the place for one file in a peer's inbox, with an earlier archive beside it as the basis of what is sent.
import { constants } from 'node:fs'
import { chmod, chown, copyFile, open, readdir, lstat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { diskGuard } from '../../domain/disk-guard.ts'
import { Problem } from '../../domain/problem.ts'
import { inboxFileSchema, inboxNoteSchema, isTemporary, type InboxNote } from '../../domain/rsync-server.ts'
import { diskOf } from '../../sys/disk.ts'
import { errorCode, removeIfExists, writeFileAtomic } from '../../sys/files.ts'
import { locate } from '../locate.ts'
import { openRegular } from '../open-regular.ts'
import { readJsonFile } from '../read-json.ts'
import { joinBasis } from './join-basis.ts'
import {
  makeClosedFolder,
  makeUploadFolder,
  openInbox,
  uploadPaths,
  type InboxIo,
  type InboxPlace,
  type InboxUpload,
} from './place.ts'

export interface InboxOrder extends InboxUpload {
  readonly filename: string
  readonly sizeBytes: number
  /** The name of an archive. */
  readonly basis: string | null
  /** Bytes that others still have to write on the same disk. */
  readonly toCome: number
}

/** rsync writes at least every minute: older ones belong to nobody. */
const temporaryMs = 10 * 60_000
const pieceBytes = 1024 * 1024

/** True when there is a basis now. `insufficient_storage`, `not_supported`, or the signal's reason. */
export async function openUpload(order: InboxOrder, io: InboxIo): Promise<boolean> {
  const place = await openInbox(io.places)
  const { peer, folder, note } = uploadPaths(place, order)
  await makeClosedFolder(peer, place)
  const before = await noted(note)
  if (before === null) await mustFit(place, order.sizeBytes, order.toCome)
  const basis = order.basis === null ? null : basisOf(io.places.archivesDir, order.basis, order.filename)
  const now: InboxNote = {
    filename: order.filename,
    sizeBytes: order.sizeBytes,
    basis: basis?.file ?? null,
    spare: Number(basis?.stats.size ?? 0),
    joined: before?.joined ?? null,
  }
  await write(note, now, place)
  // The folder last: without it nothing is let in.
  const made = await makeUploadFolder(folder, place)
  if (!made) await removeTemporary(folder, order.filename, io.now())
  if (basis === null) return false
  const target = join(folder, basis.file)
  try {
    if (!(await copyBasis(basis, target, order, place, io))) return false
  } catch (error) {
    // Without it the archive comes all the same.
    await removeIfExists(target)
    io.signal.throwIfAborted()
    if (errorCode(error) === undefined) throw error
    return false
  }
  const joined = await joinBasis({ ...now, folder, basis: basis.file }, io.signal)
  if (joined !== now.joined) await write(note, { ...now, joined }, place)
  return true
}

/** Null when there is none that can be read. */
async function noted(path: string): Promise<InboxNote | null> {
  const read = await readJsonFile(path)
  const parsed = inboxNoteSchema.safeParse(read.ok ? read.value : null)
  return parsed.success ? parsed.data : null
}

async function write(path: string, note: InboxNote, place: InboxPlace): Promise<void> {
  await writeFileAtomic(path, JSON.stringify(note), { mode: 0o640 })
  if (process.geteuid?.() === 0) await chown(path, 0, place.gid)
}

interface Basis {
  readonly file: string
  readonly path: string
  readonly stats: NonNullable<ReturnType<typeof locate>>['stats']
}

function basisOf(archivesDir: string, name: string, filename: string): Basis | null {
  const found = locate(archivesDir, name)
  if (!found || found.file === filename || !inboxFileSchema.safeParse(found.file).success) return null
  return found
}

async function mustFit(place: InboxPlace, neededBytes: number, toCome: number): Promise<void> {
  const disk = await diskOf(place.folder)
  const freeBytes = disk.freeBytes - toCome
  const verdict = diskGuard({ neededBytes, freeBytes, totalBytes: disk.totalBytes, reserveBytes: null })
  if (verdict.ok) return
  throw new Problem('insufficient_storage', {
    needed: neededBytes,
    free: Math.max(0, freeBytes),
    reserve: verdict.reserveBytes,
    short: verdict.shortBytes,
  })
}

/** Shares the bytes with the archive where the file system can; else a copy, when that leaves room for the rest. */
async function copyBasis(
  basis: Basis,
  target: string,
  order: InboxOrder,
  place: InboxPlace,
  io: InboxIo,
): Promise<boolean> {
  const source = await openRegular(basis.path, basis.stats)
  try {
    const shared = await share(source, target)
    if (shared === 'there') return true
    if (shared === 'cannot') {
      const neededBytes = order.sizeBytes + Number(basis.stats.size)
      const disk = await diskOf(place.folder)
      const freeBytes = disk.freeBytes - order.toCome
      if (!diskGuard({ neededBytes, freeBytes, totalBytes: disk.totalBytes, reserveBytes: null }).ok)
        return false
      await copy(source, target, io)
    }
    if (process.geteuid?.() === 0) await chown(target, 0, place.gid)
    await chmod(target, 0o640)
    return true
  } finally {
    await source.close()
  }
}

async function share(source: FileHandle, target: string): Promise<'shared' | 'there' | 'cannot'> {
  const how = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE
  try {
    await copyFile(`/proc/self/fd/${source.fd}`, target, how)
    return 'shared'
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return 'there'
    await removeIfExists(target)
    return 'cannot'
  }
}

async function copy(source: FileHandle, target: string, { signal }: InboxIo): Promise<void> {
  const into = await open(target, 'wx', 0o600)
  try {
    const buffer = Buffer.allocUnsafeSlow(pieceBytes)
    for (let at = 0; ;) {
      signal.throwIfAborted()
      const { bytesRead } = await source.read(buffer, 0, pieceBytes, at)
      if (bytesRead === 0) return
      await into.writeFile(buffer.subarray(0, bytesRead))
      at += bytesRead
    }
  } finally {
    await into.close()
  }
}

async function removeTemporary(folder: string, filename: string, now: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!isTemporary(name, filename)) continue
    const path = join(folder, name)
    const stats = await lstat(path).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return null
      throw error
    })
    if (stats && stats.mtimeMs + temporaryMs < now) await removeIfExists(path)
  }
}
