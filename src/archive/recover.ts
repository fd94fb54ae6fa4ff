// Removes what an operation that was killed has left. Only for names of operations that are certainly over.
import type { Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errorCode, exists, removeIfExists, syncDirectory } from '../sys/files.ts'
import { settleAppend } from './append.ts'
import { archiveOfPartial, archivePaths } from './format.ts'
import { locate } from './locate.ts'
import { withNameLock } from './name-lock.ts'
import { removeWorkDir, workDirOf } from './work-dir.ts'

/** Nobody writes to a file in progress that has not changed for so long: a backup writes all the time. */
const staleMs = 24 * 3_600_000

/**
 * Files in progress of `name`; and, when there were any, also half of an archive (a tar or a sidecar without the other:
 * both are written before an archive counts; or an empty tar, which only reserves its name) and YunoHost's work folder. Without a file in progress what stands under
 * that name is somebody else's. A whole archive is left alone. Returns the removed paths. `archive_in_use` while another
 * attempt puts a received archive in place under that name.
 */
export async function recoverArchive(
  archivesDir: string,
  name: string,
  signal = new AbortController().signal,
): Promise<string[]> {
  const { lock, received } = archivePaths(archivesDir, name)
  const clear = () => recoverAlone(archivesDir, name)
  // Another attempt may be putting the same archive in place by now.
  const contended = (await exists(lock)) || (await exists(received))
  return contended ? withNameLock(archivesDir, name, signal, clear) : clear()
}

async function recoverAlone(archivesDir: string, name: string): Promise<string[]> {
  const halves = await halvesOf(archivesDir, name)
  const { lock } = archivePaths(archivesDir, name)
  // A lock is taken before anything is known of what stands under that name: it says nothing of it.
  const partials = (await partialsOf(archivesDir, (owner) => owner === name))
    .map(({ path }) => path)
    .filter((path) => path !== lock)
  if (partials.length === 0) return []
  await settleAppend(archivesDir, name)
  const removed: string[] = []
  const work = workDirOf(archivesDir, name)
  if ((await removeWorkDir(work)) === 'removed') removed.push(work)
  // The files in progress last: until then they say that the rest is ours.
  for (const path of [...halves, ...partials]) if (await removeIfExists(path)) removed.push(path)
  await syncDirectory(archivesDir)
  return removed
}

/**
 * Files in progress that no crash of a known operation explains, once they are stale. `now` in epoch milliseconds;
 * `busy` are the names of archives that are being made: some of their files are written once and then stand for days.
 */
export async function cleanPartials(
  archivesDir: string,
  now: number,
  busy: ReadonlySet<string>,
): Promise<string[]> {
  const removed: string[] = []
  for (const { path, mtimeMs } of await partialsOf(archivesDir, (owner) => !busy.has(owner))) {
    if (now - mtimeMs <= staleMs) continue
    for (const half of await sidecarsBeside(archivesDir, path))
      if (await removeIfExists(half)) removed.push(half)
    if (await removeIfExists(path)) removed.push(path)
  }
  if (removed.length > 0) await syncDirectory(archivesDir)
  return removed
}

/** Of a tar in progress that was never named: they would keep its name from being used. Imports and uploads have no other traces. */
async function sidecarsBeside(archivesDir: string, partial: string): Promise<string[]> {
  const name = archiveOfPartial(basename(partial))
  if (name === null) return []
  const paths = archivePaths(archivesDir, name)
  const named = (await exists(paths.tar)) || (await exists(paths.gzip))
  return [paths.partial, paths.received].includes(partial) && !named ? [paths.sidecar, paths.backupInfo] : []
}

interface InProgress {
  readonly path: string
  readonly mtimeMs: number
}

async function partialsOf(archivesDir: string, mine: (owner: string) => boolean): Promise<InProgress[]> {
  const found: InProgress[] = []
  for (const file of await readdir(archivesDir)) {
    const owner = archiveOfPartial(file)
    if (owner === null || !mine(owner)) continue
    const path = join(archivesDir, file)
    const stats = await statsOf(path)
    if (stats?.isFile()) found.push({ path, mtimeMs: stats.mtimeMs })
  }
  return found
}

/** Null when it is gone: an operation that ends takes its files away at any time. */
async function statsOf(path: string): Promise<Stats | null> {
  try {
    return await lstat(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}

async function halvesOf(archivesDir: string, name: string): Promise<string[]> {
  const paths = archivePaths(archivesDir, name)
  const hasSidecar = await exists(paths.sidecar)
  const found = locate(archivesDir, name)
  // `renameUnlessThere` reserves the name of a tar by an empty file, when its sidecar is there already.
  if (found?.path === paths.tar && !found.link && found.stats.size === 0n) {
    return [paths.tar, paths.sidecar, paths.backupInfo]
  }
  if (hasSidecar && found) return []
  return hasSidecar ? [paths.sidecar, paths.backupInfo] : [paths.tar, paths.gzip, paths.backupInfo]
}
