// Applies `migrations/NNNN-*.sql`, each whole or not at all, and remembers which ones by name and SHA-256.
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type BetterSqlite3 from 'better-sqlite3'
import { Problem } from '../domain/problem.ts'

export interface Migration {
  /** File name, e.g. `0001-init.sql`; they are applied in the order of their names. */
  readonly name: string
  readonly sql: string
  readonly sha256: string
}

const migrationsDir = join(import.meta.dirname, 'migrations')
const RECORD = `CREATE TABLE IF NOT EXISTS schema_migrations (
  name       TEXT PRIMARY KEY,
  sha256     TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT`

/** The migrations of this version, oldest first. */
export function loadMigrations(dir = migrationsDir): readonly Migration[] {
  return readdirSync(dir)
    .filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name))
    .toSorted()
    .map((name) => {
      const bytes = readFileSync(join(dir, name))
      return { name, sql: bytes.toString('utf8'), sha256: createHash('sha256').update(bytes).digest('hex') }
    })
}

/**
 * What is still to be applied. Throws `database_newer` when the database has migrations that this version does not
 * know, or the same ones with another content. Only reads.
 */
export function pendingMigrations(
  raw: BetterSqlite3.Database,
  migrations: readonly Migration[],
): readonly Migration[] {
  const known = new Map(migrations.map((one) => [one.name, one]))
  const applied = appliedMigrations(raw)
  for (const { name, sha256 } of applied) {
    if (known.get(name)?.sha256 !== sha256) {
      throw new Problem('database_newer', { where: raw.name, migration: name })
    }
  }
  const done = new Set(applied.map((one) => one.name))
  return migrations.filter((one) => !done.has(one.name))
}

/**
 * Brings the schema up to date. A database that has data is first copied to `before-NNNN-….db` beside it (`copy`).
 * Throws what SQLite says when a migration fails; the database is then as before that migration.
 */
export function migrate(
  raw: BetterSqlite3.Database,
  migrations: readonly Migration[],
  options: { readonly now: number; readonly copy: boolean },
): void {
  const first = pendingMigrations(raw, migrations)[0]
  if (!first) return
  if (options.copy) copyBeside(raw, first)
  // Rebuilding a table needs them off, and they can't be turned off inside a transaction; they are checked by hand.
  raw.pragma('foreign_keys = OFF')
  try {
    for (const one of migrations) apply(raw, one, migrations, options.now)
  } finally {
    raw.pragma('foreign_keys = ON')
  }
}

function apply(
  raw: BetterSqlite3.Database,
  one: Migration,
  migrations: readonly Migration[],
  now: number,
): void {
  raw.exec('BEGIN IMMEDIATE')
  try {
    // Looked at again under the lock: another process may have migrated meanwhile.
    if (pendingMigrations(raw, migrations).some((pending) => pending.name === one.name)) {
      raw.exec(RECORD)
      raw.exec(one.sql)
      if (!raw.inTransaction) throw new Error(`${one.name} ends its own transaction`)
      mustBeEmpty(one, 'foreign_key_check', raw.pragma('foreign_key_check'))
      mustBeEmpty(one, 'integrity_check', findings(raw, 'integrity_check'))
      raw
        .prepare('INSERT INTO schema_migrations (name, sha256, applied_at) VALUES (?, ?, ?)')
        .run(one.name, one.sha256, now)
    }
    raw.exec('COMMIT')
  } catch (error) {
    if (raw.inTransaction) raw.exec('ROLLBACK')
    throw error
  }
}

/** Complaints of `integrity_check` or `quick_check`; empty when the file is good. */
export function findings(raw: BetterSqlite3.Database, check: 'integrity_check' | 'quick_check'): string[] {
  const rows = raw.prepare<[], string>(`PRAGMA ${check}`).pluck().all()
  return rows.filter((row) => row !== 'ok')
}

function mustBeEmpty(one: Migration, check: string, found: unknown): void {
  if (Array.isArray(found) && found.length === 0) return
  throw new Error(`${one.name}: ${check} found ${JSON.stringify(found)}`)
}

function appliedMigrations(raw: BetterSqlite3.Database): { name: string; sha256: string }[] {
  const exists = raw.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'`).get()
  if (!exists) return []
  return raw
    .prepare<[], { name: string; sha256: string }>('SELECT name, sha256 FROM schema_migrations ORDER BY name')
    .all()
}

/** Under a temporary name first, so that a copy with the final name is always complete. */
function copyBeside(raw: BetterSqlite3.Database, first: Migration): void {
  const target = join(dirname(raw.name), `before-${first.name.replace(/\.sql$/, '')}.db`)
  const temporary = `${target}.tmp`
  rmSync(temporary, { force: true })
  // VACUUM INTO accepts an empty file: made here, so that nobody else can ever read it.
  const fd = openSync(temporary, 'wx', 0o600)
  try {
    raw.prepare('VACUUM INTO ?').run(temporary)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, target)
  syncDir(dirname(target))
}

/** Makes a rename or a new name in a directory durable. */
export function syncDir(dir: string): void {
  const fd = openSync(dir, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
