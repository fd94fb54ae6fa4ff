// The file in which an upload grows: made at its full size without taking room, written at any place, gone when not needed.
import { constants } from 'node:fs'
import { mkdir, open, readdir, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Problem } from '../../domain/problem.ts'
import { errorCode, removeIfExists, syncDirectory } from '../../sys/files.ts'

const suffix = '.part'
const partName = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.part$/

export function partPath(upload: { readonly id: string; readonly folder: string }): string {
  return join(upload.folder, `${upload.id}${suffix}`)
}

/** Makes the folder of uploads in the data folder. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
}

/** Makes the file, mode 600, with a hole of `size` bytes, and makes both durable. `insufficient_storage` beyond the file system's limits. */
export async function createPart(path: string, folder: string, size: number): Promise<void> {
  const handle = await openWith(path, constants.O_CREAT | constants.O_EXCL)
  try {
    await handle.truncate(size)
    await handle.sync()
  } catch (error) {
    await removeIfExists(path)
    if (errorCode(error) !== 'EFBIG' && errorCode(error) !== 'EINVAL') throw error
    throw new Problem('insufficient_storage', { needed: size }, { cause: error })
  } finally {
    await handle.close()
  }
  await syncDirectory(folder)
}

/** For writing and reading; the system's error ENOENT when it is gone. */
export function openPart(path: string): Promise<FileHandle> {
  return openWith(path, 0)
}

/**
 * On the disk afterwards. Nothing to do when it is gone to its place, or belongs to root already: the helper takes it over and
 * syncs it itself right before it gets its name.
 */
export async function syncPart(upload: { readonly id: string; readonly folder: string }): Promise<void> {
  try {
    const file = await openPart(partPath(upload))
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'EACCES') throw error
  }
}

/** Its size; null when it is not there, `undefined` when not even its folder is: a disk may be away. */
export async function partSize(upload: {
  readonly id: string
  readonly folder: string
}): Promise<number | null | undefined> {
  try {
    return (await stat(partPath(upload))).size
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return (await folderThere(upload.folder)) ? null : undefined
  }
}

export async function removePart(upload: { readonly id: string; readonly folder: string }): Promise<void> {
  if (await removeIfExists(partPath(upload))) await syncDirectory(upload.folder)
}

/** Ids of the uploads whose files lie in the folder; none when there is no such folder. */
export async function partsIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).flatMap((file) => partName.exec(file)?.[1] ?? [])
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

function openWith(path: string, flags: number): Promise<FileHandle> {
  return open(path, constants.O_RDWR | constants.O_NOFOLLOW | flags, 0o600)
}

async function folderThere(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory()
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false
    throw error
  }
}
