// Only one process at a time puts a received archive of one name in place. The kernel keeps the lock as long as we live: what
// was killed holds nothing, and what outlived the server that asked for it still does.
import { constants } from 'node:fs'
import { lstat, open, unlink, type FileHandle } from 'node:fs/promises'
import { Problem } from '../domain/problem.ts'
import { errorCode } from '../sys/files.ts'
import { CommandError, run } from '../sys/process.ts'
import { archivePaths } from './format.ts'

/** Somebody whose server has died stops soon; who copies from another file system may need long. */
const patienceS = 60
/** What `flock` ends with when it has waited long enough. */
const stillHeld = 75

/**
 * Does the work while nobody else does any under that name. `archive_in_use` when somebody does for more than a minute,
 * `tool_missing` without `flock`, or the signal's reason.
 */
export async function withNameLock<T>(
  archivesDir: string,
  name: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const path = archivePaths(archivesDir, name).lock
  const handle = await locked(path, name, signal)
  try {
    return await work()
  } finally {
    // While it is still ours: who waits for it sees that the name is gone, and makes another.
    await unlink(path)
    await handle.close()
  }
}

async function locked(path: string, name: string, signal: AbortSignal): Promise<FileHandle> {
  for (;;) {
    signal.throwIfAborted()
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    try {
      await lock(handle, name, signal)
      if (await isStill(handle, path)) return handle
    } catch (error) {
      await handle.close()
      throw error
    }
    await handle.close()
  }
}

/** The lock is of the open file, which `flock` gets from us as its output: it stays when `flock` has ended. */
async function lock(handle: FileHandle, name: string, signal: AbortSignal): Promise<void> {
  const args = ['--exclusive', '--timeout', String(patienceS), '--conflict-exit-code', String(stillHeld), '1']
  try {
    const { code } = await run('flock', args, { stdoutFd: handle.fd, signal, okCodes: [0, stillHeld] })
    if (code === stillHeld) throw new Problem('archive_in_use', { archive: name })
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof CommandError) || error.ended.how !== 'not_found') throw error
    throw new Problem('tool_missing', { tool: 'flock' }, { cause: error })
  }
}

/** Whether the name still is of this file: who had it before us took it away. */
async function isStill(handle: FileHandle, path: string): Promise<boolean> {
  const ours = await handle.stat({ bigint: true })
  try {
    const { ino, dev } = await lstat(path, { bigint: true })
    return ino === ours.ino && dev === ours.dev
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}
