// What SQLite's result codes mean for us.
import BetterSqlite3 from 'better-sqlite3'
import { Problem } from '../domain/problem.ts'

/** SQLite's extended result code, such as `SQLITE_CONSTRAINT_UNIQUE`; null for any other error. */
export function sqliteCode(error: unknown): string | null {
  return error instanceof BetterSqlite3.SqliteError ? error.code : null
}

/** True for the codes that say the file itself is broken. */
export function saysDamaged(error: unknown): boolean {
  const code = sqliteCode(error)
  return code !== null && /^SQLITE_(CORRUPT|NOTADB)/.test(code)
}

/** A full disk or a broken file as a `Problem` (`where`: the file); every other error unchanged. */
export function explainSqlite(error: unknown, where: string): unknown {
  if (sqliteCode(error) === 'SQLITE_FULL') return new Problem('disk_full', {}, { cause: error })
  if (saysDamaged(error)) {
    const detail = error instanceof Error ? error.message : ''
    return new Problem('database_damaged', { where, detail }, { cause: error })
  }
  return error
}
