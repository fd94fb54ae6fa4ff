// The folder in which YunoHost collects an archive's files, which a killed command and every dry run leave behind.
// YunoHost may have mounted the live data of an app in it: removing must never follow a mount.
import { readFile, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode } from '../sys/files.ts'

/** `/home/yunohost.backup/tmp/NAME` for `/home/yunohost.backup/archives`. */
export function workDirOf(archivesDir: string, name: string): string {
  return join(dirname(archivesDir), 'tmp', name)
}

/** Removes a work dir: `removed`, `absent`, or `mounted`: left as it is because something is mounted in it. */
export async function removeWorkDir(
  path: string,
  mountInfo = '/proc/self/mountinfo',
): Promise<'removed' | 'absent' | 'mounted'> {
  let real: string
  try {
    // As bytes: names on disk and in mountinfo need not be text.
    real = (await realpath(path, 'buffer')).toString('latin1')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'absent'
    throw error
  }
  const mounts = mountPoints(await readFile(mountInfo, 'latin1'))
  if (mounts.some((point) => point === real || point.startsWith(`${real}/`))) return 'mounted'
  // Symbolic links are removed, not followed.
  await rm(path, { recursive: true, force: true })
  return 'removed'
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
