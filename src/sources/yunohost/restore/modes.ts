// Against a trap of YunoHost 12.1: when the folder of the admin's restore hooks is there, which it is from the second
// restore on, its umask is 0 during a restore. Folders that it makes are open to everybody then, and `cp -a` hands the mode
// of the folder that it has unpacked into on to /home and its like.
import { chmod, lstat, rmdir } from 'node:fs/promises'
import { errorCode } from '../../../sys/files.ts'
import type { SourceIo } from '../../source.ts'

/** Folders that stock hooks copy into, or make anew. */
const folders = [
  '/home',
  '/home/yunohost.multimedia',
  '/var/mail',
  '/var/lib/ldap',
  '/etc/ldap/slapd.d',
  '/etc/dkim',
  '/etc/yunohost/certs',
  '/etc/yunohost/domains',
  '/etc/yunohost/dyndns',
  '/etc/yunohost/portal',
]
const sticky = 0o1000
const others = 0o022

/** Takes that folder away while nothing is in it. YunoHost makes it anew, and keeps its umask. */
export async function spareUmask(io: Pick<SourceIo, 'places'>): Promise<void> {
  try {
    await rmdir(`${io.places.systemRoot}/etc/yunohost/hooks.d/restore`)
  } catch (error) {
    // Not there, or with hooks of the admin's in it: then the modes of well-known folders are looked after.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error
  }
}

/** `755 /home` for each of them that is there. */
export async function modesNow(io: Pick<SourceIo, 'places'>): Promise<string[]> {
  const modes: string[] = []
  for (const folder of folders) {
    const mode = await modeOf(io.places.systemRoot + folder)
    if (mode !== null) modes.push(`${mode.toString(8)} ${folder}`)
  }
  return modes
}

/** Gives them these modes again; folders that are new do not stay writable for everybody. */
export async function keepModes(
  modes: readonly string[],
  io: Pick<SourceIo, 'places' | 'log'>,
): Promise<void> {
  const before = new Map(modes.map((line) => [line.slice(line.indexOf(' ') + 1), Number.parseInt(line, 8)]))
  for (const folder of folders) {
    const path = io.places.systemRoot + folder
    const mode = await modeOf(path)
    if (mode === null) continue
    const open = (mode & 0o002) !== 0 && (mode & sticky) === 0
    const wanted = before.get(folder) ?? (open ? mode & ~others : mode)
    if (wanted === mode) continue
    io.log(
      'info',
      `${folder}: mode ${mode.toString(8)} after YunoHost’s restore, set to ${wanted.toString(8)} again`,
    )
    await chmod(path, wanted)
  }
}

/** Null for what is no folder. */
async function modeOf(path: string): Promise<number | null> {
  try {
    const stats = await lstat(path)
    return stats.isDirectory() ? stats.mode & 0o7777 : null
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null
    throw error
  }
}
