// The file of an upload, opened by root in a folder that belongs to the server's user: whatever stands there may be a trap.
import { constants, statSync, type BigIntStats } from 'node:fs'
import { open, readlink, realpath, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { Problem } from '../domain/problem.ts'
import { errorCode } from '../sys/files.ts'
import { uploadFolders } from './receive-place.ts'

export interface UploadPart {
  readonly handle: FileHandle
  readonly stats: BigIntStats
}

export interface PartFolder {
  /** A way to the file that leads into this very folder, whatever its own name leads to by now. */
  readonly path: string
  /** The file, null when it is gone. The caller closes it. */
  open(): Promise<UploadPart | null>
  /** Takes its name away for good. */
  remove(): Promise<void>
  close(): Promise<void>
}

/** Rejects with `helper_refused` unless the file lies directly in one of the folders for uploads. */
export async function openPartFolder(
  part: string,
  places: { readonly archivesDir: string; readonly dataDir: string },
): Promise<PartFolder> {
  const name = basename(part)
  if (!part.startsWith('/') || name === '' || name === '.' || name === '..')
    throw refused('it has no absolute path')
  const folder = await openDirectory(dirname(part))
  try {
    const real = await readlink(`/proc/self/fd/${folder.fd}`)
    const { near, own } = uploadFolders(await realpath(places.archivesDir), await realpath(places.dataDir))
    if (real !== near && real !== own) throw refused('it is in no folder for uploads')
  } catch (error) {
    await folder.close()
    throw error
  }
  const path = `/proc/self/fd/${folder.fd}/${name}`
  const owner = BigInt(statSync(places.dataDir).uid)
  return {
    path,
    open: () => openPart(path, owner),
    async remove() {
      try {
        await unlink(path)
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error
      }
      await folder.sync()
    },
    close: () => folder.close(),
  }
}

async function openDirectory(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? ''))
      throw refused('its folder is not there')
    throw error
  }
}

async function openPart(path: string, owner: bigint): Promise<UploadPart | null> {
  let handle: FileHandle
  try {
    // Without O_NONBLOCK, opening a fifo would hang for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    if (['ELOOP', 'ENXIO', 'ENODEV'].includes(errorCode(error) ?? ''))
      throw refused('it is not a regular file')
    throw error
  }
  try {
    const stats = await handle.stat({ bigint: true })
    if (!stats.isFile()) throw refused('it is not a regular file')
    // Root's: we died after we had taken it over.
    if (stats.uid !== owner && stats.uid !== 0n) throw refused('it belongs to somebody else')
    return { handle, stats }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** `helper_refused`. */
export function refused(why: string): Problem {
  return new Problem('helper_refused', { reason: `the upload: ${why}` })
}
