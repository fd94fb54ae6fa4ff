// Only one engine per data directory. The lock is SQLite's on a file of its own: the kernel frees it when its process dies.
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { z } from 'zod'
import { sqliteCode } from './sqlite-errors.ts'

const LOCK = 'engine.lock'
/** Apart from the lock: reading the locked file would drop the lock of a process that reads it (POSIX). */
const HOLDER = 'engine.json'

export interface LockHolder {
  readonly pid: number
  /** Epoch milliseconds, when the holder said so. */
  readonly since: number | null
}

export interface InstanceLock {
  /** Safe to call twice. */
  release(): void
  [Symbol.dispose](): void
}

/** Null when another process (or another engine of this one) has it; see {@link lockHolder}. Never waits. */
export function acquireInstanceLock(dataDir: string, now: number | null = null): InstanceLock | null {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const file = join(dataDir, LOCK)
  createPrivate(file)
  const raw = new BetterSqlite3(file, { timeout: 0 })
  try {
    raw.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    raw.close()
    if (sqliteCode(error)?.startsWith('SQLITE_BUSY')) return null
    throw error
  }
  tellHolder(dataDir, { pid: process.pid, since: now })
  const release = () => {
    if (!raw.open) return
    rmSync(join(dataDir, HOLDER), { force: true })
    raw.close()
  }
  return { release, [Symbol.dispose]: release }
}

const holderSchema = z.object({ pid: z.number(), since: z.number().nullable() })

/** Who said last that it has the lock; only to tell people, a dead process may have left it. Null: nobody. */
export function lockHolder(dataDir: string): LockHolder | null {
  try {
    return holderSchema.parse(JSON.parse(readFileSync(join(dataDir, HOLDER), 'utf8')))
  } catch {
    return null
  }
}

function tellHolder(dataDir: string, holder: LockHolder): void {
  const temporary = join(dataDir, `${HOLDER}.tmp`)
  writeFileSync(temporary, JSON.stringify(holder), { mode: 0o600 })
  renameSync(temporary, join(dataDir, HOLDER))
}

/** Only when it is not there: opening and closing a file that this process has locked would unlock it. */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
