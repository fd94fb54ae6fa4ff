// Where the server may write what other instances send, so that it gets into the archives directory without being copied.
import { randomBytes } from 'node:crypto'
import { closeSync, constants, mkdirSync, openSync, statSync, unlinkSync, type Stats } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Problem } from '../domain/problem.ts'
import { errorCode, exists, removeIfExists, syncDirectory } from '../sys/files.ts'
import { archivePaths } from './format.ts'

/** In the archives directory. Hidden: neither YunoHost nor our catalogue looks into it. */
const folderName = '.backupmanager-uploads'

/** The folders that uploads may lie in, whether they are there or not. */
export function uploadFolders(
  archivesDir: string,
  dataDir: string,
): { readonly near: string; readonly own: string } {
  return { near: join(archivesDir, folderName), own: join(dataDir, 'uploads') }
}

/**
 * The folder in the archives directory, made when it is missing. Null: use `uploads` in the data folder, because it is on the
 * same file system, or because whoever owns the data folder cannot get into the archives directory.
 */
export async function uploadPlace(archivesDir: string, dataDir: string): Promise<string | null> {
  if (!(await exists(archivesDir))) throw new Problem('archives_dir_missing', { path: archivesDir })
  const { near, own } = uploadFolders(archivesDir, dataDir)
  const data = (await exists(own)) ? own : dataDir
  const owner = statSync(dataDir)
  if (await isNear(archivesDir, data)) return null
  await makeFolder(near, owner, archivesDir)
  return canWrite(near, owner) ? near : null
}

/** Whether a file can be renamed from one to the other: bind mounts have equal device numbers and still refuse. */
async function isNear(archivesDir: string, data: string): Promise<boolean> {
  if (statSync(archivesDir).dev !== statSync(data).dev) return false
  // A name that is cleared up like those of archives in progress, should we die in between.
  const probe = archivePaths(archivesDir, `upload-probe-${randomBytes(6).toString('hex')}`).partial
  const moved = join(data, '.upload-probe')
  await (await open(probe, 'wx', 0o600)).close()
  try {
    await rename(probe, moved)
    await removeIfExists(moved)
    return true
  } catch (error) {
    if (errorCode(error) === 'EXDEV') return false
    throw error
  } finally {
    await removeIfExists(probe)
  }
}

async function makeFolder(folder: string, owner: Stats, archivesDir: string): Promise<void> {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const { uid, gid, mode } = await handle.stat()
    if (isRoot() && (uid !== owner.uid || gid !== owner.gid)) await handle.chown(owner.uid, owner.gid)
    if ((mode & 0o7777) !== 0o700) await handle.chmod(0o700)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await syncDirectory(archivesDir)
}

/**
 * Tries it with the owner's rights: the folders above are closed to most users. Without the groups that the owner may have
 * besides: then uploads are copied, which is slower and right as well. No other work may go on meanwhile: the rights are
 * those of the whole process, and all of it is one turn.
 */
function canWrite(folder: string, { uid, gid }: Stats): boolean {
  const { seteuid, setegid, setgroups, getgroups } = process
  if (!isRoot() || uid === 0 || !seteuid || !setegid || !setgroups || !getgroups) return true
  const groups = getgroups.call(process)
  const probe = join(folder, `.probe-${randomBytes(6).toString('hex')}`)
  setgroups.call(process, [gid])
  setegid.call(process, gid)
  seteuid.call(process, uid)
  try {
    closeSync(openSync(probe, 'wx', 0o600))
    unlinkSync(probe)
    return true
  } catch (error) {
    if (errorCode(error) === 'EACCES' || errorCode(error) === 'EPERM') return false
    throw error
  } finally {
    seteuid.call(process, 0)
    setegid.call(process, 0)
    setgroups.call(process, groups)
  }
}

function isRoot(): boolean {
  return process.geteuid?.() === 0
}
