// Waits until no other YunoHost command runs, without asking YunoHost: a command that waits has begun, and whoever must
// announce what it is going to change cannot announce that it will perhaps wait for an hour.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Problem } from '../../domain/problem.ts'
import { errorCode } from '../../sys/files.ts'
import type { SourceIo } from '../source.ts'

const pollMs = 500

type LockIo = Pick<SourceIo, 'places' | 'signal' | 'log'>

/** True while a living process holds YunoHost's lock. */
export async function isYunohostBusy(io: Pick<SourceIo, 'places'>): Promise<boolean> {
  try {
    const text = await readFile(`${io.places.systemRoot}/var/run/moulinette_yunohost.lock`, 'utf8')
    return text.split(/\s+/).some((pid) => /^\d+$/.test(pid) && existsSync(`/proc/${pid}`))
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false
    throw error
  }
}

/**
 * Resolves when it is free, which it may be no longer a moment later. Rejects with `yunohost_busy` after `waitS` seconds or
 * with the signal's reason.
 */
export async function whenYunohostIsFree(io: LockIo, waitS: number): Promise<void> {
  const until = performance.now() + waitS * 1000
  let told = false
  while (await isYunohostBusy(io)) {
    io.signal.throwIfAborted()
    if (performance.now() > until)
      throw new Problem('yunohost_busy', { detail: 'another command holds its lock' })
    if (!told) io.log('info', `waiting for YunoHost: another command holds its lock (at most ${waitS} s)`)
    told = true
    await sleep(pollMs, undefined, { signal: io.signal })
  }
  io.signal.throwIfAborted()
  if (told) io.log('info', 'YunoHost is free again')
}
