// Removes what an operation that was killed has left. Only for names of operations that are certainly over.
import { lstat, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { exists, removeIfExists, syncDirectory } from '../sys/files.ts'
import { archiveOfPartial, archivePaths } from './format.ts'
import { locate } from './locate.ts'

/**
 * Files in progress of `name`, half of an archive (a tar or a sidecar without the other: both are written before an
 * archive counts), and YunoHost's work folder. A whole archive is left alone. Returns the removed paths.
 */
export async function recoverArchive(archivesDir: string, name: string): Promise<string[]> {
  const removed = await removePartials(archivesDir, (owner) => owner === name)
  removed.push(...(await removeHalves(archivesDir, name)))
  const work = join(dirname(archivesDir), 'tmp', name)
  if ((await exists(work)) && !(await hasMounts(work))) {
    await rm(work, { recursive: true, force: true })
    removed.push(work)
  }
  if (removed.length > 0) await syncDirectory(archivesDir)
  return removed
}

/** All files in progress, but not those of archives that are being written now (`busy`). Returns the removed paths. */
export async function cleanPartials(
  archivesDir: string,
  busy: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const removed = await removePartials(archivesDir, (owner) => !busy.has(owner))
  if (removed.length > 0) await syncDirectory(archivesDir)
  return removed
}

async function removePartials(archivesDir: string, mine: (owner: string) => boolean): Promise<string[]> {
  const removed: string[] = []
  for (const file of await readdir(archivesDir)) {
    const owner = archiveOfPartial(file)
    if (owner === null || !mine(owner)) continue
    const path = join(archivesDir, file)
    if ((await lstat(path)).isFile() && (await removeIfExists(path))) removed.push(path)
  }
  return removed
}

async function removeHalves(archivesDir: string, name: string): Promise<string[]> {
  const paths = archivePaths(archivesDir, name)
  const hasSidecar = await exists(paths.sidecar)
  if (hasSidecar && locate(archivesDir, name)) return []
  const removed: string[] = []
  const halves = hasSidecar ? [paths.sidecar, paths.backupInfo] : [paths.tar, paths.gzip, paths.backupInfo]
  for (const half of halves) if (await removeIfExists(half)) removed.push(half)
  return removed
}

/** YunoHost binds real folders into its work folder: what is behind a mount must never be removed. */
async function hasMounts(folder: string): Promise<boolean> {
  const real = (await realpath(folder, 'buffer')).toString('latin1')
  return mountPoints(await readFile('/proc/self/mountinfo', 'latin1')).some(
    (point) => point === real || point.startsWith(`${real}/`),
  )
}

/** Mount points in the text of /proc/self/mountinfo, as latin1: bytes, not characters. Pure. */
export function mountPoints(mountinfo: string): string[] {
  return mountinfo
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point !== '')
    .map((point) =>
      point.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8))),
    )
}
