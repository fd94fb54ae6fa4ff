import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from './database.ts'
import { listJobs } from './jobs.ts'
import { loadMigrations, migrate, type Migration } from './migrate.ts'
import { openRuns } from './runs.ts'
import { addJob, addRun, T0 } from './testing.ts'

const golden = join(import.meta.dirname, '../../test/golden')
let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bm-migrate-'))
  file = join(dir, 'backupmanager.db')
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

/** This version's migrations and one more. */
function withNext(sql: string): readonly Migration[] {
  const next = join(dir, 'migrations')
  mkdirSync(next, { recursive: true })
  for (const one of loadMigrations()) writeFileSync(join(next, one.name), one.sql)
  writeFileSync(join(next, '9000-next.sql'), sql)
  return loadMigrations(next)
}

function schemaOf(path: string): string {
  const raw = new BetterSqlite3(path, { readonly: true })
  try {
    return schemaText(raw)
  } finally {
    raw.close()
  }
}

function schemaText(raw: BetterSqlite3.Database): string {
  const rows = raw
    .prepare<[], string>(
      `SELECT sql || ';' FROM sqlite_master WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name`,
    )
    .pluck()
    .all()
  return `${rows.join('\n')}\n`
}

describe('the schema', () => {
  it('is the recorded one', async () => {
    await (await openDatabase(file, { now: T0 })).close()
    await expect(schemaOf(file)).toMatchFileSnapshot(join(golden, 'schema.sql'))
  })

  it('comes from migrations whose content never changes once recorded', async () => {
    const hashes = loadMigrations().map(({ name, sha256 }) => `${sha256}  ${name}\n`)
    await expect(hashes.join('')).toMatchFileSnapshot(join(golden, 'migrations.sha256'))
  })

  it('is the same for a new database as for one that was migrated version by version', async () => {
    const all = withNext('CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT;')
    await (await openDatabase(file, { now: T0, migrations: all })).close()
    const old = join(dir, 'old.db')
    for (let known = 1; known <= all.length; known += 1) {
      await (await openDatabase(old, { now: T0, migrations: all.slice(0, known) })).close()
    }
    expect(schemaOf(old)).toBe(schemaOf(file))
  })

  it('allows no other values than the columns say', async () => {
    await using database = await openDatabase(file, { now: T0 })
    const job = await addJob(database.db)
    const insert = database.db.insertInto('runs').values({
      job_id: job.id,
      status: 'success',
      trigger: 'manual',
      actor: 'a',
      operation: 'o',
      queued_at: 1,
      not_before: 1,
    })
    await expect(insert.execute()).rejects.toThrow(/CHECK constraint/)
  })
})

describe('a migration', () => {
  it('is recorded with its hash, keeps the data and leaves a private copy of the old database', async () => {
    {
      await using database = await openDatabase(file, { now: T0 })
      await addJob(database.db, { name: 'kept' })
    }
    const all = withNext('ALTER TABLE jobs ADD COLUMN colour TEXT;')
    await using database = await openDatabase(file, { now: T0 + 5, migrations: all })
    expect((await listJobs(database.db)).map((job) => job.name)).toEqual(['kept'])
    const record = await database.db.selectFrom('schema_migrations').selectAll().orderBy('name').execute()
    expect(record.at(-1)).toEqual({ name: '9000-next.sql', sha256: all.at(-1)?.sha256, applied_at: T0 + 5 })

    const copy = join(dir, 'before-9000-next.db')
    expect(statSync(copy).mode & 0o777).toBe(0o600)
    await using old = await openDatabase(copy, { now: T0 })
    expect((await listJobs(old.db)).map((job) => job.name)).toEqual(['kept'])
    expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('makes no copy when there is nothing to do', async () => {
    await (await openDatabase(file, { now: T0 })).close()
    await (await openDatabase(file, { now: T0 })).close()
    expect(readdirSync(dir)).toEqual(['backupmanager.db'])
  })

  it.each([
    ['a wrong statement', 'CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1);', /no such table/],
    [
      'a broken foreign key',
      `CREATE TABLE half (id INTEGER); INSERT INTO runs (job_id, status, trigger, actor, operation, queued_at, not_before)
       VALUES (4711, 'queued', 'manual', 'a', 'o', 1, 1);`,
      /foreign_key_check/,
    ],
    ['a commit of its own', 'CREATE TABLE other (id INTEGER); COMMIT; ', /ends its own transaction/],
  ])('that fails with %s is told', async (_, sql, message) => {
    await (await openDatabase(file, { now: T0 })).close()
    await expect(openDatabase(file, { now: T0, migrations: withNext(sql) })).rejects.toThrow(message)
  })

  it('that fails leaves nothing of itself, and the database opens as before', async () => {
    await (await openDatabase(file, { now: T0 })).close()
    const before = schemaOf(file)
    const bad = withNext('CREATE TABLE half (id INTEGER); UPDATE settings SET nowhere = 1;')
    await expect(openDatabase(file, { now: T0, migrations: bad })).rejects.toThrow(/no such column/)
    expect(schemaOf(file)).toBe(before)
    await using database = await openDatabase(file, { now: T0 })
    await addJob(database.db)
  })

  it('may rebuild a table that others refer to, without taking their rows along', async () => {
    {
      await using database = await openDatabase(file, { now: T0 })
      const job = await addJob(database.db)
      await addRun(database.db, job.id)
    }
    const create = schemaOf(file).match(/CREATE TABLE jobs [^;]*;/)?.[0] ?? ''
    const all = withNext(`${create.replace('TABLE jobs', 'TABLE jobs2')}
      INSERT INTO jobs2 SELECT * FROM jobs; DROP TABLE jobs; ALTER TABLE jobs2 RENAME TO jobs;`)
    await using database = await openDatabase(file, { now: T0, migrations: all })
    expect(await listJobs(database.db)).toHaveLength(1)
    expect(await openRuns(database.db)).toHaveLength(1)
  })

  it('is not applied again by a process that comes later', () => {
    const one = new BetterSqlite3(file)
    const two = new BetterSqlite3(file)
    const all = loadMigrations()
    migrate(one, all, { now: 1, copy: false })
    migrate(two, all, { now: 2, copy: false })
    expect(two.prepare('SELECT applied_at FROM schema_migrations').pluck().all()).toEqual(all.map(() => 1))
    one.close()
    two.close()
  })
})
