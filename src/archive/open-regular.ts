// Opens files of the archives directory. Others may write there too: what stands under a name can be a trap, such as a
// link to a file that only root may read.
import { constants, type BigIntStats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { Problem } from '../domain/problem.ts'

/**
 * A handle for reading a regular file. A symbolic link is refused with the system's `ELOOP`, unless `known` is the file
 * it was found to lead to. Rejects with the system's error, or `internal` for what is no regular or another file.
 */
export async function openRegular(path: string, known?: BigIntStats): Promise<FileHandle> {
  const follow = known === undefined ? constants.O_NOFOLLOW : 0
  // Without O_NONBLOCK, opening a fifo would hang for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | follow)
  try {
    const stats = await handle.stat({ bigint: true })
    if (!stats.isFile()) throw new Problem('internal', { detail: 'not a regular file' })
    if (known && (known.dev !== stats.dev || known.ino !== stats.ino)) {
      throw new Problem('internal', { detail: 'the file was exchanged for another' })
    }
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}
