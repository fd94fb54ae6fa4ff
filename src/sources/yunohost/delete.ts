// Deletes an archive through YunoHost, so that the admin's `pre_backup_delete` and `post_backup_delete` hooks run.
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { isProblem } from '../../domain/problem.ts'
import { errorCode } from '../../sys/files.ts'
import { commandYunohost, readYunohost, type YunohostIo } from './command.ts'
import { shortLockWaitS } from './patience.ts'

const listSchema = z.object({ archives: z.array(z.string()) })
const infoSchema = z.object({ path: z.string() })

/**
 * True when YunoHost knew this archive and deleted it; false when it does not know it, keeps its archives in another
 * folder, or is not installed. The name must be one that YunoHost accepts. Throws `yunohost_busy` when its lock was not
 * free within `lockWaitS` seconds.
 */
export async function deleteThroughYunohost(
  name: string,
  io: YunohostIo,
  lockWaitS = shortLockWaitS,
): Promise<boolean> {
  try {
    const { archives } = await readYunohost(io, ['backup', 'list'], listSchema)
    if (!archives.includes(name) || !(await isOurs(name, io))) return false
  } catch (error) {
    if (isProblem(error, 'tool_missing')) return false
    throw error
  }
  await commandYunohost(io, ['backup', 'delete', name], { lockWaitS })
  return true
}

/** YunoHost goes by name alone: an archive of that name in its own folder need not be the one in ours. */
async function isOurs(name: string, io: YunohostIo): Promise<boolean> {
  try {
    const { path } = await readYunohost(io, ['backup', 'info', name], infoSchema)
    return (await realpath(dirname(path))) === (await realpath(io.places.archivesDir))
  } catch (error) {
    // YunoHost gives no path of an archive it cannot read; then it is deleted by hand, if it is ours.
    if (isProblem(error, 'yunohost_failed') || errorCode(error) === 'ENOENT') return false
    throw error
  }
}
