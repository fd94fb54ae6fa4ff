// The last step of every archive that was brought here: all of its files appear under their names, or none does.
import { mustLeaveRoom } from '../domain/disk-guard.ts'
import { Problem } from '../domain/problem.ts'
import { diskOf } from '../sys/disk.ts'
import { errorCode, exists, publishExclusive, writeFileAtomic } from '../sys/files.ts'
import type { ArchivePaths } from './format.ts'

export const archiveMode = 0o640

export interface Nameless {
  /** The tar, whole and on the disk. */
  readonly partial: string
  readonly gzip: boolean
  readonly sidecar: Buffer
  /** For `NAME.backup_info.json`; null for none. */
  readonly backupInfo: Buffer | null
}

/**
 * Sidecar, description, then the tar: only with it do they count. `own` gets what must be taken away again when this
 * rejects, and is empty when it has succeeded. `archive_exists` when any of the names is taken; nothing is replaced.
 * `sealed` comes right before the tar's name is given.
 */
export async function giveNames(
  paths: ArchivePaths,
  name: string,
  { partial, gzip, sidecar, backupInfo }: Nameless,
  own: string[],
  sealed?: () => Promise<void>,
): Promise<void> {
  const put = async (path: string, data: Buffer): Promise<void> => {
    await writeFileAtomic(path, data, { mode: archiveMode, exclusive: true })
    own.push(path)
  }
  try {
    await put(paths.sidecar, sidecar)
    if (backupInfo !== null) await put(paths.backupInfo, backupInfo)
    const [final, other] = gzip ? [paths.gzip, paths.tar] : [paths.tar, paths.gzip]
    if (await exists(other)) throw taken(name)
    await sealed?.()
    await publishExclusive(partial, final)
    own.length = 0
  } catch (error) {
    throw errorCode(error) === 'EEXIST' ? taken(name, error) : error
  }
}

/** `insufficient_storage` unless so many bytes more leave enough free; `archives_dir_missing`. */
export async function mustFit(archivesDir: string, neededBytes: number): Promise<void> {
  const disk = await diskOf(archivesDir).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new Problem('archives_dir_missing', { path: archivesDir }, { cause: error })
  })
  mustLeaveRoom({ neededBytes, ...disk, reserveBytes: null })
}

/** `archive_exists`. */
export function taken(name: string, cause?: unknown): Problem {
  return new Problem('archive_exists', { archive: name }, cause === undefined ? {} : { cause })
}
