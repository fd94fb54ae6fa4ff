// Which files one `backup create` leaves under an archive's name, whether they are a finished archive, and their removal.
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, exists, removeIfExists, syncDirectory } from '../../sys/files.ts'
import { readJsonFile } from '../../archive/read-json.ts'
import { removeWorkDir, workDirOf } from '../../archive/work-dir.ts'
import { Problem } from '../../domain/problem.ts'

/** File names in the archives folder that belong to the archive NAME. */
export function traceNames(name: string): string[] {
  return [`${name}.tar`, `${name}.tar.gz`, `${name}.info.json`, `${name}.backup_info.json`]
}

/** Those that are there now, also as dangling links. */
export async function tracesOf(archivesDir: string, name: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (const file of traceNames(name)) if (await exists(join(archivesDir, file))) found.add(file)
  return found
}

/** True when YunoHost would refuse the name: a tar stands there, finished or not. */
export function isTaken(traces: ReadonlySet<string>, name: string): boolean {
  return traces.has(`${name}.tar`) || traces.has(`${name}.tar.gz`)
}

export interface FinishedArchive {
  readonly file: string
  readonly sizeBytes: number
  /** Its sidecar. */
  readonly info: Readonly<Record<string, unknown>>
}

/**
 * The archive's real file and its sidecar, or null when it is not finished: YunoHost writes the sidecar last.
 * With compression NAME.tar is a link to NAME.tar.gz, and that is the file. Throws `yunohost_failed` for a sidecar that
 * is no JSON object in a regular file.
 */
export async function finishedArchive(archivesDir: string, name: string): Promise<FinishedArchive | null> {
  const sidecar = await readJsonFile(join(archivesDir, `${name}.info.json`))
  if (!sidecar.ok && sidecar.missing) return null
  if (!sidecar.ok) {
    const detail = `${name}.info.json: ${sidecar.error}`
    throw new Problem('yunohost_failed', { command: 'backup create', detail })
  }
  const info = sidecar.value
  for (const file of [`${name}.tar`, `${name}.tar.gz`]) {
    const sizeBytes = await fileSize(join(archivesDir, file))
    if (sizeBytes !== null) return { file, sizeBytes, info }
  }
  return null
}

/** What {@link removeTraces} did: names of what is gone, paths of what had to stay. */
export interface Removal {
  readonly removed: readonly string[]
  readonly left: readonly string[]
}

/**
 * Removes files of the archive NAME and its work dir. `keep`: files that were there before the call that failed.
 * A work dir in which something is mounted stays.
 */
export async function removeTraces(
  archivesDir: string,
  name: string,
  keep: ReadonlySet<string> = new Set(),
): Promise<Removal> {
  const removed: string[] = []
  const left: string[] = []
  for (const file of traceNames(name)) {
    if (!keep.has(file) && (await removeIfExists(join(archivesDir, file)))) removed.push(file)
  }
  if (removed.length > 0) await syncDirectory(archivesDir)
  const workDir = workDirOf(archivesDir, name)
  const gone = await removeWorkDir(workDir)
  if (gone === 'removed') removed.push(workDir)
  if (gone === 'mounted') left.push(workDir)
  return { removed, left }
}

/** Null for anything but a regular file. */
async function fileSize(path: string): Promise<number | null> {
  try {
    const stats = await lstat(path)
    return stats.isFile() ? stats.size : null
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}
