// The folder in which YunoHost collects an archive's files, which a killed command and every dry run leave behind.
// YunoHost may have mounted the live data of an app in it: removing must never follow a mount.
import { readFile, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode } from '../../sys/files.ts'

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
    real = await realpath(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'absent'
    throw error
  }
  const mounts = await mountPoints(mountInfo)
  if (mounts.some((point) => point === real || point.startsWith(`${real}/`))) return 'mounted'
  // Symbolic links are removed, not followed.
  await rm(path, { recursive: true, force: true })
  return 'removed'
}

/** Every mount point that the kernel tells there. */
async function mountPoints(mountInfo: string): Promise<string[]> {
  const lines = (await readFile(mountInfo, 'utf8')).split('\n')
  return lines.flatMap((line) => {
    const point = line.split(' ')[4]
    return point === undefined ? [] : [unescapeOctal(point)]
  })
}

/** The kernel writes space, tab, newline and backslash as `\040` and so on. */
function unescapeOctal(escaped: string): string {
  return escaped.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
}
