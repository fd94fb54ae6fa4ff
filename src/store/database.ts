// Opens the one SQLite file: checks before it touches, creates whole, migrates, and asserts what durability needs.
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { randomUUID } from 'node:crypto'
import BetterSqlite3 from 'better-sqlite3'
import { Kysely } from 'kysely'
import { Problem } from '../domain/problem.ts'
import { storeDialect } from './dialect.ts'
import { loadMigrations, migrate, syncDir, type Migration } from './migrate.ts'
import { checkExisting, databaseExists } from './open-check.ts'
import type { Schema } from './schema.ts'

/** Name of the file in `$BM_DATA_DIR`. */
export const databaseFile = 'backupmanager.db'

export interface Database {
  readonly db: Kysely<Schema>
  /** Another number than before: another connection has changed the database since. */
  dataVersion(): number
  /** Safe to call twice. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface OpenOptions {
  /** Epoch milliseconds, for the record of migrations. */
  readonly now: number
  /** False skips reading the whole file for damage: for short commands while a server has it open. Default true. */
  readonly thorough?: boolean
  /** Default: this version's. */
  readonly migrations?: readonly Migration[]
}

/**
 * Opens or creates the database (its folder too) and migrates it. Rejects with `database_damaged` or `database_newer`
 * before anything was written. A database with data is copied beside itself before a migration.
 */
export async function openDatabase(file: string, options: OpenOptions): Promise<Database> {
  const migrations = options.migrations ?? loadMigrations()
  const inMemory = file === ':memory:'
  if (!inMemory) {
    if (databaseExists(file)) checkExisting(file, migrations, { thorough: options.thorough ?? true })
    else create(file, migrations, options.now)
  }
  const raw = new BetterSqlite3(file, { fileMustExist: !inMemory, timeout: 5000 })
  try {
    setPragmas(raw, inMemory)
    migrate(raw, migrations, { now: options.now, copy: !inMemory })
    setPragmas(raw, inMemory)
  } catch (error) {
    raw.close()
    throw error
  }
  return wrap(raw)
}

function wrap(raw: BetterSqlite3.Database): Database {
  const db = new Kysely<Schema>({ dialect: storeDialect(raw) })
  const version = raw.prepare<[], number>('PRAGMA data_version').pluck()
  const close = async () => {
    await db.destroy()
    // Kysely leaves a connection open that has never run a query.
    if (raw.open) raw.close()
  }
  return { db, dataVersion: () => version.get() ?? 0, close, [Symbol.asyncDispose]: close }
}

/** A re-opened WAL database runs with synchronous=NORMAL unless told otherwise: a power cut could lose commits. */
function setPragmas(raw: BetterSqlite3.Database, inMemory: boolean): void {
  const wanted = {
    busy_timeout: 5000,
    journal_mode: inMemory ? 'memory' : 'wal',
    synchronous: 2,
    foreign_keys: 1,
  }
  for (const [name, value] of Object.entries(wanted)) {
    raw.pragma(`${name} = ${value}`)
    const is = raw.pragma(name, { simple: true })
    if (is !== value)
      throw new Problem('internal', { detail: `PRAGMA ${name} is ${String(is)}, not ${value}` })
  }
}

/** Made in memory and named when complete and synced: a crash leaves no half database that would look like a new one. */
function create(file: string, migrations: readonly Migration[], now: number): void {
  const dir = dirname(file)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const memory = new BetterSqlite3(':memory:')
  const temporary = `${file}.${randomUUID()}.tmp`
  try {
    migrate(memory, migrations, { now, copy: false })
    writeSynced(temporary, memory.serialize())
    linkIfAbsent(temporary, file)
    syncDir(dir)
  } finally {
    memory.close()
  }
}

function writeSynced(file: string, bytes: Buffer): void {
  const fd = openSync(file, 'wx', 0o600)
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Two first starts at one time: the second one uses what the first one made. */
function linkIfAbsent(temporary: string, file: string): void {
  try {
    linkSync(temporary, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    unlinkSync(temporary)
  }
}
