// Deletes an archive through YunoHost, so that the admin's `pre_backup_delete` and `post_backup_delete` hooks run.
import { z } from 'zod'
import { isProblem } from '../../domain/problem.ts'
import { commandYunohost, readYunohost, type YunohostIo } from './command.ts'
import { shortLockWaitS } from './patience.ts'

const listSchema = z.object({ archives: z.array(z.string()) })

/**
 * True when YunoHost knew the archive and deleted it; false when it does not know it or is not installed. The name must
 * be one that YunoHost accepts. Throws `yunohost_busy` when its lock was not free within `lockWaitS` seconds.
 */
export async function deleteThroughYunohost(
  name: string,
  io: YunohostIo,
  lockWaitS = shortLockWaitS,
): Promise<boolean> {
  try {
    const { archives } = await readYunohost(io, ['backup', 'list'], listSchema)
    if (!archives.includes(name)) return false
  } catch (error) {
    if (isProblem(error, 'tool_missing')) return false
    throw error
  }
  await commandYunohost(io, ['backup', 'delete', name], { lockWaitS })
  return true
}
