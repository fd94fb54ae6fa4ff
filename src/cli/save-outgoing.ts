// Writes bytes that come from an archive: to standard output, or into a new file that is whole or not there.
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Writable } from 'node:stream'
import type { Outgoing } from '../engine/contents.ts'
import { errorCode, publishExclusive, removeIfExists, temporaryName } from '../sys/files.ts'
import { ExitError, exitCodes } from './output.ts'

/** `to`: a stream, or the absolute path of a file that does not exist. Rejects with what the archive's side says. */
export async function saveOutgoing(
  sent: Outgoing,
  to: Writable | string,
  signal: AbortSignal,
): Promise<void> {
  try {
    if (typeof to === 'string') await intoFile(sent, to)
    else for await (const piece of sent.bytes) if (!to.write(piece)) await once(to, 'drain', { signal })
  } catch (error) {
    await sent.bytes.cancel().catch(() => undefined)
    throw error
  }
}

async function intoFile(sent: Outgoing, path: string): Promise<void> {
  const temporary = temporaryName(path)
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      for await (const piece of sent.bytes) await handle.writeFile(piece)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await publishExclusive(temporary, path)
  } catch (error) {
    await removeIfExists(temporary)
    if (errorCode(error) === 'EEXIST')
      throw new ExitError(exitCodes.failed, `${path} is there already`, { cause: error })
    if (errorCode(error) === 'ENOENT') {
      throw new ExitError(exitCodes.notFound, `there is no folder ${dirname(path)}`, { cause: error })
    }
    throw error
  }
}
