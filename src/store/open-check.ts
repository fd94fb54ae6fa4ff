// Looks at an existing database file before anything may change it.
import { statSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import { Problem } from '../domain/problem.ts'
import { findings, pendingMigrations, type Migration } from './migrate.ts'
import { saysDamaged } from './sqlite-errors.ts'

/**
 * Throws `database_damaged` or `database_newer`; then neither the file nor its folder has changed.
 *
 * The file is only ever opened by SQLite: closing a descriptor of our own would drop the locks that another connection
 * of this process holds on it (POSIX).
 */
export function checkExisting(
  file: string,
  migrations: readonly Migration[],
  options: { readonly thorough: boolean },
): void {
  // A database is created whole and then named, so an empty one has lost what it had.
  if (sizeOf(file) === 0) throw damaged(file, 'the file is empty')
  try {
    const raw = open(file)
    try {
      const wrong = options.thorough ? findings(raw, 'quick_check')[0] : undefined
      if (wrong !== undefined) throw damaged(file, wrong)
      if (!raw.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'`).get()) {
        throw damaged(file, 'not a database of BackupManager')
      }
      pendingMigrations(raw, migrations)
    } finally {
      raw.close()
    }
  } catch (error) {
    if (saysDamaged(error)) throw damaged(file, error instanceof Error ? error.message : '', error)
    throw error
  }
}

/** True when the file is there. A write-ahead log without its database means that the database was lost. */
export function databaseExists(file: string): boolean {
  if (sizeOf(file) !== null) return true
  if ((sizeOf(`${file}-wal`) ?? 0) > 0) throw damaged(file, 'the file is missing, but its -wal is there')
  return false
}

/**
 * A read-only connection would leave an empty `-wal` and a `-shm` behind; a writable one removes them again. But a
 * writable one also merges the leftovers of a crash into the file when it closes, so these are only read.
 */
function open(file: string): BetterSqlite3.Database {
  const leftovers = (sizeOf(`${file}-wal`) ?? 0) > 0 || sizeOf(`${file}-journal`) !== null
  const raw = new BetterSqlite3(file, { readonly: leftovers, fileMustExist: true, timeout: 5000 })
  raw.pragma('query_only = ON')
  return raw
}

function sizeOf(file: string): number | null {
  return statSync(file, { throwIfNoEntry: false })?.size ?? null
}

function damaged(file: string, detail: string, cause?: unknown): Problem {
  const short = detail.split('\n').slice(0, 3).join(' ').slice(0, 200)
  return new Problem('database_damaged', { where: file, detail: short }, { cause })
}
