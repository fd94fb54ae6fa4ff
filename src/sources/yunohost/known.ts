// Whether YunoHost means the same file as we do by the name of an archive. It goes by names in its own folder; ours may
// be another one, and an archive of the same name can be there, too.
import { stat } from 'node:fs/promises'
import { z } from 'zod'
import { locate } from '../../archive/locate.ts'
import { isProblem } from '../../domain/problem.ts'
import { errorCode } from '../../sys/files.ts'
import { readYunohost, type YunohostIo } from './command.ts'

const infoSchema = z.object({ path: z.string() })

/** True when `yunohost backup …` with this name works on our archive. Throws `tool_missing`, `timed_out` or `cancelled`. */
export async function knownToYunohost(name: string, io: YunohostIo): Promise<boolean> {
  // A dash would be an option; an ending would be cut off, and another archive be taken.
  if (name.startsWith('-') || /\.tar(?:\.gz)?$/.test(name)) return false
  const ours = locate(io.places.archivesDir, name)
  if (ours === null) return false
  try {
    const { path } = await readYunohost(io, ['backup', 'info', name], infoSchema)
    const theirs = await stat(path, { bigint: true })
    return theirs.dev === ours.stats.dev && theirs.ino === ours.stats.ino
  } catch (error) {
    // YunoHost gives no path of an archive that it cannot read.
    if (isProblem(error, 'yunohost_failed') || errorCode(error) === 'ENOENT') return false
    throw error
  }
}
