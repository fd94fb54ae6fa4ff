import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acquireInstanceLock, lockHolder } from './lock.ts'
import { T0 } from './testing.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bm-lock-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

/** A process that tells `locked` or `refused` and stays until killed. */
function holdInChild() {
  return spawn(process.execPath, [join(import.meta.dirname, 'children/hold-lock.ts'), dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function firstLine(child: ReturnType<typeof holdInChild>): Promise<unknown> {
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  return line
}

describe('the instance lock', () => {
  it('is had by one at a time, also within one process', () => {
    const lock = acquireInstanceLock(dir, T0)
    expect(lock).not.toBeNull()
    expect(acquireInstanceLock(dir)).toBeNull()
    expect(acquireInstanceLock(dir)).toBeNull()
    expect(lockHolder(dir)).toEqual({ pid: process.pid, since: T0 })
    lock?.release()
    lock?.release()
    expect(lockHolder(dir)).toBeNull()
    using again = acquireInstanceLock(dir)
    expect(again).not.toBeNull()
  })

  it('makes the folder, and files for its owner only', () => {
    using lock = acquireInstanceLock(join(dir, 'data'))
    expect(lock).not.toBeNull()
    expect(statSync(join(dir, 'data')).mode & 0o777).toBe(0o700)
    expect(statSync(join(dir, 'data', 'engine.lock')).mode & 0o777).toBe(0o600)
    expect(statSync(join(dir, 'data', 'engine.json')).mode & 0o777).toBe(0o600)
  })

  it('of another process keeps us out, says who it is, and is free when that process is killed', async () => {
    const child = holdInChild()
    try {
      expect(await firstLine(child)).toBe('locked')
      expect(acquireInstanceLock(dir)).toBeNull()
      expect(lockHolder(dir)?.pid).toBe(child.pid)
      // A refused attempt must not have taken the lock away from its holder.
      expect(acquireInstanceLock(dir)).toBeNull()
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    using mine = acquireInstanceLock(dir)
    expect(mine).not.toBeNull()
    expect(JSON.parse(readFileSync(join(dir, 'engine.json'), 'utf8'))).toMatchObject({ pid: process.pid })
  })

  it('still keeps other processes out after a second attempt of its own process', async () => {
    using lock = acquireInstanceLock(dir)
    expect(lock).not.toBeNull()
    expect(acquireInstanceLock(dir)).toBeNull()
    const child = holdInChild()
    try {
      expect(await firstLine(child)).toBe('refused')
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
})
