// Removes a folder of ours with everything in it, and never what somebody has mounted there.
import { setTimeout as sleep } from 'node:timers/promises'
import { Problem } from '../../domain/problem.ts'
import { exists } from '../../sys/files.ts'
import { CommandError } from '../../sys/process.ts'
import type { SourceIo } from '../source.ts'
import { readMounts } from './mounts.ts'

const tries = 4
const pauseMs = 250

/**
 * Removes the folder at `path` (absolute, without links), if there is one. Throws `command_failed` when something is
 * mounted in it, or when some of it cannot be removed.
 */
export async function removeTree(path: string, io: Pick<SourceIo, 'run' | 'signal'>): Promise<void> {
  if (!(await exists(path))) return
  const mounts = await readMounts()
  const [mounted] = mounts.at(path) ? [path] : mounts.below(path)
  if (mounted !== undefined) {
    throw new Problem('command_failed', { command: 'rm', detail: `something is mounted at ${mounted}` })
  }
  for (let left = tries; ; left -= 1) {
    try {
      await io.run('rm', ['-rf', '--one-file-system', '--', path], { signal: io.signal })
      return
    } catch (error) {
      // After a crash a program may still be writing there, for the moment that it takes to notice.
      if (left === 1 || io.signal.aborted || !(error instanceof CommandError)) throw error
      await sleep(pauseMs)
    }
  }
}
