import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase, type Database } from './database.ts'
import { countJobs, getJob, listJobs } from './jobs.ts'
import { addActivity } from './activity.ts'
import { addJob, T0 } from './testing.ts'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bm-store-'))
  file = join(dir, 'backupmanager.db')
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

const open = (path = file): Promise<Database> => openDatabase(path, { now: T0 })

/** Names, contents and times of everything in the folder. */
function fingerprint(): string[] {
  return readdirSync(dir).map((name) => {
    const { mtimeMs, size } = statSync(join(dir, name))
    const hash = createHash('sha256')
      .update(readFileSync(join(dir, name)))
      .digest('hex')
    return `${name} ${size} ${mtimeMs} ${hash}`
  })
}

async function madeWith(jobs: number): Promise<void> {
  await using database = await open()
  for (let n = 0; n < jobs; n += 1) {
    await addJob(database.db, { name: `job ${n}`, config: { text: 'x'.repeat(3000) } })
  }
}

describe('a new database', () => {
  it('is made with its folder, for its owner only', async () => {
    const deep = join(dir, 'new', 'folder', 'backupmanager.db')
    await using database = await open(deep)
    await addJob(database.db)
    const modes = readdirSync(join(dir, 'new', 'folder')).map((name) => [
      name,
      statSync(join(dir, 'new', 'folder', name)).mode & 0o777,
    ])
    expect(modes).toEqual([
      ['backupmanager.db', 0o600],
      ['backupmanager.db-shm', 0o600],
      ['backupmanager.db-wal', 0o600],
    ])
    expect(statSync(join(dir, 'new', 'folder')).mode & 0o777).toBe(0o700)
    expect(statSync(join(dir, 'new')).mode & 0o777).toBe(0o700)
  })

  it('keeps what was written, and its durable settings, when it is opened again', async () => {
    await madeWith(2)
    expect(readdirSync(dir)).toEqual(['backupmanager.db'])
    await using database = await open()
    expect((await listJobs(database.db)).map((job) => job.name)).toEqual(['job 0', 'job 1'])
    const pragma = async (name: string) =>
      Object.values((await sql.raw<object>(`PRAGMA ${name}`).execute(database.db)).rows[0] ?? {})[0]
    expect(await pragma('journal_mode')).toBe('wal')
    expect(await pragma('synchronous')).toBe(2)
    expect(await pragma('foreign_keys')).toBe(1)
    expect(await pragma('busy_timeout')).toBe(5000)
  })

  it('can be closed twice, and without ever having been asked', async () => {
    const database = await open()
    await database.close()
    await database.close()
    expect(readdirSync(dir)).toEqual(['backupmanager.db'])
  })

  it('is not made where a lost database left its write-ahead log', async () => {
    writeFileSync(`${file}-wal`, 'committed work')
    const before = fingerprint()
    await expect(open()).rejects.toMatchObject({ code: 'database_damaged', facts: { where: file } })
    expect(fingerprint()).toEqual(before)
  })
})

function scribble(at: number, length: number): void {
  const bytes = readFileSync(file)
  bytes.fill(7, at, at + length)
  writeFileSync(file, bytes)
}

describe('a damaged database is refused and left exactly as it was', () => {
  const damage: Record<string, () => void> = {
    'not a database at all': () => writeFileSync(file, 'hello, I am a text file'),
    emptied: () => truncateSync(file, 0),
    'cut to fifty bytes': () => truncateSync(file, 50),
    'cut in the middle': () => truncateSync(file, Math.trunc(statSync(file).size / 8192) * 4096),
    'with an overwritten header': () => scribble(0, 100),
    'with an overwritten first page': () => scribble(100, 3996),
    'with overwritten pages inside': () => scribble(4096 * 5, 4096 * 3),
    'of another program': () => {
      rmSync(file)
      const other = new BetterSqlite3(file)
      other.exec('CREATE TABLE notes (text)')
      other.close()
    },
  }
  it.each(Object.entries(damage))('%s', async (_, hurt) => {
    await madeWith(40)
    hurt()
    const before = fingerprint()
    await expect(open()).rejects.toMatchObject({ code: 'database_damaged', facts: { where: file } })
    expect(fingerprint()).toEqual(before)
    expect(readdirSync(dir)).toEqual(['backupmanager.db'])
  })
})

async function becomeNewer(): Promise<void> {
  await madeWith(1)
  const raw = new BetterSqlite3(file)
  raw.exec(`INSERT INTO schema_migrations VALUES ('9999-future.sql', 'abc', 1)`)
  raw.close()
}

describe('a database of a newer version is refused and left exactly as it was', () => {
  it('after a clean end', async () => {
    await becomeNewer()
    const before = fingerprint()
    await expect(open()).rejects.toMatchObject({
      code: 'database_newer',
      facts: { where: file, migration: '9999-future.sql' },
    })
    expect(fingerprint()).toEqual(before)
  })

  it('after a crash that left its write-ahead log', async () => {
    await madeWith(1)
    const raw = new BetterSqlite3(file)
    raw.exec(`INSERT INTO schema_migrations VALUES ('9999-future.sql', 'abc', 1)`)
    // A copy of both files while they are open is what a killed process leaves.
    cpSync(file, `${file}.copy`)
    cpSync(`${file}-wal`, `${file}.wal`)
    raw.close()
    cpSync(`${file}.copy`, file)
    cpSync(`${file}.wal`, `${file}-wal`)
    const kept = () => [readFileSync(file), readFileSync(`${file}-wal`), statSync(file).mtimeMs]
    const before = kept()
    await expect(open()).rejects.toMatchObject({ code: 'database_newer' })
    expect(kept()).toEqual(before)
  })

  it('when a known migration has another content', async () => {
    await madeWith(1)
    const raw = new BetterSqlite3(file)
    raw.exec(`UPDATE schema_migrations SET sha256 = 'abc'`)
    raw.close()
    await expect(open()).rejects.toMatchObject({
      code: 'database_newer',
      facts: { migration: '0001-init.sql' },
    })
  })
})

function blockedWrite(): void {
  const raw = new BetterSqlite3(file, { timeout: 0 })
  try {
    raw.exec(`DELETE FROM activity`)
  } finally {
    raw.close()
  }
}

describe('several connections', () => {
  it('see each other by the data version', async () => {
    await using one = await open()
    await using two = await open()
    const before = one.dataVersion()
    expect(one.dataVersion()).toBe(before)
    await addJob(one.db, { name: 'own' })
    expect(one.dataVersion()).toBe(before)
    await addJob(two.db, { name: 'other' })
    expect(one.dataVersion()).not.toBe(before)
    expect(await countJobs(one.db)).toBe(2)
  })

  it('share the data when both make the database at one time', async () => {
    const [one, two] = await Promise.all([open(), open()])
    await addJob(one.db)
    expect(await countJobs(two.db)).toBe(1)
    await one.close()
    await two.close()
    expect(readdirSync(dir)).toEqual(['backupmanager.db'])
  })

  it('do not lose the log of a connection in use when another one comes and goes', async () => {
    await using one = await open()
    await addJob(one.db, { name: 'first' })
    await (await open()).close()
    expect(existsSync(`${file}-wal`)).toBe(true)
    await addJob(one.db, { name: 'second' })
    await using two = await open()
    expect(await countJobs(two.db)).toBe(2)
  })

  it('let a transaction that reads first and writes then succeed, whatever another one wrote before', async () => {
    await using one = await open()
    await using two = await open()
    const job = await addJob(one.db)
    const insert = () => addActivity(two.db, { at: T0, actor: 'cli', action: 'a', subject: 's', jobId: null })
    await insert()
    const seen = await one.db.transaction().execute(async (trx) => {
      const read = await getJob(trx, job.id)
      // The writer's turn came at once with `begin`: nobody can have written in between.
      expect(() => blockedWrite()).toThrow(/locked/)
      await addActivity(trx, { at: T0, actor: 'web', action: 'a', subject: 's', jobId: null })
      return read
    })
    expect(seen?.id).toBe(job.id)
    await insert()
  })
})

it('reports a full disk as such', async () => {
  await using database = await open()
  await sql`PRAGMA max_page_count = 60`.execute(database.db)
  const fill = async () => {
    for (let n = 0; n < 200; n += 1)
      await addJob(database.db, { name: `${n}`, config: { text: 'x'.repeat(9000) } })
  }
  await expect(fill()).rejects.toMatchObject({ code: 'disk_full' })
})

it('passes on that a folder cannot be written to', async () => {
  writeFileSync(join(dir, 'occupied'), '')
  chmodSync(join(dir, 'occupied'), 0o600)
  await expect(open(join(dir, 'occupied', 'backupmanager.db'))).rejects.toThrow(/ENOTDIR|EEXIST/)
})
