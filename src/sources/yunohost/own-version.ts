// Which YunoHost an archive of our own says it comes from: a stock YunoHost looks at it before it restores.
import { isProblem } from '../../domain/problem.ts'
import type { SourceIo } from '../source.ts'
import { installedVersion } from './facts.ts'

/**
 * Stands in where this machine has no YunoHost to ask: the oldest version on which restoring such an archive was
 * proven. An older one would make a restore run migrations, none would make it fail.
 */
export const provenYunohostVersion = '12.1.25'

/** The installed version; null without YunoHost, and when it cannot tell: that must not stop a backup. */
export async function yunohostVersion(io: SourceIo): Promise<string | null> {
  try {
    return await installedVersion(io)
  } catch (error) {
    if (io.signal.aborted || !isProblem(error)) throw error
    io.log('err', `yunohost could not tell its version: ${error.message}`)
    return null
  }
}
