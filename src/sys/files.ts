// The one way a file appears: whole and on the disk under its final name, or not at all.
import { randomBytes } from 'node:crypto'
import { link, lstat, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { Problem } from '../domain/problem.ts'

export { asProblem } from './failure.ts'

export interface WriteOptions {
  /** Default 0600. The mode is there from the beginning, less the umask. */
  readonly mode?: number
  /** Refuses to replace an existing file, with the system's error EEXIST. */
  readonly exclusive?: boolean
}

/** Writes a whole file and syncs it and its folder. After a failure or a crash the old file, or none, is there. */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  const temporary = temporaryName(path)
  try {
    const handle = await open(temporary, 'wx', options.mode ?? 0o600)
    try {
      await handle.writeFile(data)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (options.exclusive === true) await publishExclusive(temporary, path)
    else await rename(temporary, path)
  } catch (error) {
    await removeIfExists(temporary)
    throw error
  }
  await syncDirectory(dirname(path))
}

/** A hidden name in the same folder that is taken for nothing else: `.NAME.<random>.partial`. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`)
}

/** Makes what was created, renamed or removed in a folder durable. */
export async function syncDirectory(directory: string | Buffer): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Gives a finished and synced file its final name in the same file system and syncs the folder. An existing file is
 * never replaced: the system's error EEXIST, and the temporary file stays.
 */
export async function publishExclusive(temporary: string, final: string): Promise<void> {
  const linked = await link(temporary, final).then(
    () => true,
    (error: unknown) => {
      if (hasNoHardLinks(error)) return false
      throw error
    },
  )
  if (linked) await unlink(temporary)
  else await renameUnlessThere(temporary, final)
  await syncDirectory(dirname(final))
}

/**
 * For file systems without hard links (FAT, some network ones); a rename alone would replace. An empty file reserves the
 * name first, so that only ours is replaced. Dying in between leaves it beside the temporary file: recovery takes both.
 */
export async function renameUnlessThere(temporary: string, final: string): Promise<void> {
  await (await open(final, 'wx', 0o600)).close()
  try {
    await rename(temporary, final)
  } catch (error) {
    await removeIfExists(final)
    throw error
  }
}

/** True when something stands under this path, be it a dangling symbolic link. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false
    throw error
  }
}

/** Removes a file or symbolic link; true when there was one. The folder is not synced. */
export async function removeIfExists(path: string): Promise<boolean> {
  try {
    await unlink(path)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

/** The path of `name` below `root`. `name_invalid` for what is absolute, empty, climbs out or holds a NUL. */
export function inside(root: string, name: string): string {
  const steps = name.split('/')
  if (name.includes('\0') || isAbsolute(name) || steps.some((s) => s === '' || s === '.' || s === '..')) {
    throw new Problem('name_invalid', { name: name.replaceAll('\0', '?') })
  }
  return join(root, name)
}

/** `ENOENT` and its like, undefined when the error is not the system's. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function hasNoHardLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errorCode(error) ?? '')
}
