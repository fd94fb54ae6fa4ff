// The folder below which other instances put archives by rsync, and how root works in it: only root may make names directly
// below it or below a peer's folder; the inbox's account, which is known by the folder's group, writes in an upload's folder.
import { constants } from 'node:fs'
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Problem } from '../../domain/problem.ts'
import { errorCode, removeIfExists, syncDirectory } from '../../sys/files.ts'

export interface InboxPlaces {
  readonly archivesDir: string
  readonly dataDir: string
  readonly inboxDir?: string
}

export interface InboxIo {
  readonly signal: AbortSignal
  readonly places: InboxPlaces
  /** Epoch milliseconds. */
  now(): number
  progress(done: number, total: number | null): void
}

export interface InboxPlace {
  readonly folder: string
  /** The group of the inbox's account. */
  readonly gid: number
}

export interface InboxUpload {
  readonly uid: string
  readonly uploadId: string
}

const searchable = 0o750
const writable = 0o770
const closed = 0o700

/** The inbox, taken over by root. `not_supported` without one, `helper_refused` when it is no folder. */
export async function openInbox(places: InboxPlaces): Promise<InboxPlace> {
  const folder = places.inboxDir
  if (folder === undefined) throw new Problem('not_supported', { detail: 'BM_INBOX_DIR is not set' })
  const handle = await openFolder(folder)
  try {
    const { gid } = await handle.stat()
    await own(handle, gid, searchable)
    return { folder, gid }
  } finally {
    await handle.close()
  }
}

/** Where the file of an upload comes, and what is noted of it. */
export function uploadPaths(place: InboxPlace, { uid, uploadId }: InboxUpload) {
  const peer = join(place.folder, uid)
  return { peer, folder: join(peer, uploadId), note: join(peer, `${uploadId}.json`) }
}

/** Makes a folder that only root may change names in. */
export function makeClosedFolder(path: string, place: InboxPlace): Promise<boolean> {
  return makeFolder(path, place, searchable)
}

/** Makes a folder that the account may write in; false when it was there. */
export function makeUploadFolder(path: string, place: InboxPlace): Promise<boolean> {
  return makeFolder(path, place, writable)
}

async function makeFolder(path: string, { gid }: InboxPlace, mode: number): Promise<boolean> {
  const made = await mkdir(path, { mode: closed }).then(
    () => true,
    (error: unknown) => {
      if (errorCode(error) === 'EEXIST') return false
      throw error
    },
  )
  const handle = await openFolder(path)
  try {
    await own(handle, gid, mode)
  } finally {
    await handle.close()
  }
  if (made) await syncDirectory(join(path, '..'))
  return made
}

/** From now on nobody but root gets at what is in the folder by name. False when there is none. */
export async function closeUploadFolder(path: string): Promise<boolean> {
  try {
    const handle = await openFolder(path)
    try {
      await handle.chmod(closed)
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    if (error instanceof MissingFolder) return false
    throw error
  }
}

/** The opposite. */
export async function reopenUploadFolder(path: string): Promise<void> {
  const handle = await openFolder(path)
  try {
    await handle.chmod(writable)
  } finally {
    await handle.close()
  }
}

/** Removes what is there of an upload; false when that is nothing. */
export async function removeUpload(place: InboxPlace, upload: InboxUpload): Promise<boolean> {
  const { folder, note, peer } = uploadPaths(place, upload)
  const noted = await removeIfExists(note).catch((error: unknown) => {
    if (errorCode(error) === 'ENOTDIR') return false
    throw error
  })
  const there = await closeUploadFolder(folder)
  if (there) await rm(folder, { recursive: true, force: true })
  if (there || noted) await syncDirectory(peer)
  return there || noted
}

/** `helper_refused`: what should be a folder of ours is missing. */
class MissingFolder extends Problem {}

async function openFolder(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    const code = errorCode(error)
    const reason = `the inbox: no folder at ${path}`
    if (code === 'ENOENT') throw new MissingFolder('helper_refused', { reason }, { cause: error })
    if (code === 'ENOTDIR' || code === 'ELOOP') throw new Problem('helper_refused', { reason })
    throw error
  }
}

/** A helper that is not root has nothing to give away. */
async function own(handle: FileHandle, gid: number, mode: number): Promise<void> {
  const stats = await handle.stat()
  if (process.geteuid?.() === 0 && (stats.uid !== 0 || stats.gid !== gid)) await handle.chown(0, gid)
  if ((stats.mode & 0o7777) !== mode) await handle.chmod(mode)
}
