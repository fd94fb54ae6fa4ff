// Removes what an operation that was killed has left. Only for names of operations that are certainly over.
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { exists, removeIfExists, syncDirectory } from '../sys/files.ts'
import { archiveOfPartial, archivePaths } from './format.ts'
import { locate } from './locate.ts'
import { removeWorkDir, workDirOf } from './work-dir.ts'

/** Nobody writes to a file in progress that has not changed for so long: a backup writes all the time. */
const staleMs = 24 * 3_600_000

/**
 * Files in progress of `name`; and, when there were any, also half of an archive (a tar or a sidecar without the other:
 * both are written before an archive counts) and YunoHost's work folder. Without a file in progress what stands under
 * that name is somebody else's. A whole archive is left alone. Returns the removed paths.
 */
export async function recoverArchive(archivesDir: string, name: string): Promise<string[]> {
  const halves = await halvesOf(archivesDir, name)
  const partials = await partialsOf(archivesDir, (owner) => owner === name)
  if (partials.length === 0) return []
  const removed: string[] = []
  const work = workDirOf(archivesDir, name)
  if ((await removeWorkDir(work)) === 'removed') removed.push(work)
  // The files in progress last: until then they say that the rest is ours.
  for (const path of [...halves, ...partials]) if (await removeIfExists(path)) removed.push(path)
  await syncDirectory(archivesDir)
  return removed
}

/** Files in progress that no crash of a known operation explains, once they are stale. `now` in epoch milliseconds. */
export async function cleanPartials(archivesDir: string, now: number): Promise<string[]> {
  const removed: string[] = []
  for (const path of await partialsOf(archivesDir, () => true)) {
    const { mtimeMs } = await lstat(path)
    if (now - mtimeMs > staleMs && (await removeIfExists(path))) removed.push(path)
  }
  if (removed.length > 0) await syncDirectory(archivesDir)
  return removed
}

async function partialsOf(archivesDir: string, mine: (owner: string) => boolean): Promise<string[]> {
  const found: string[] = []
  for (const file of await readdir(archivesDir)) {
    const owner = archiveOfPartial(file)
    const path = join(archivesDir, file)
    if (owner !== null && mine(owner) && (await lstat(path)).isFile()) found.push(path)
  }
  return found
}

async function halvesOf(archivesDir: string, name: string): Promise<string[]> {
  const paths = archivePaths(archivesDir, name)
  const hasSidecar = await exists(paths.sidecar)
  if (hasSidecar && locate(archivesDir, name)) return []
  return hasSidecar ? [paths.sidecar, paths.backupInfo] : [paths.tar, paths.gzip, paths.backupInfo]
}
