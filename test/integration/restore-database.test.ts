// Databases with the program as it is: backed up, dropped or changed, restored, proven; and no password anywhere.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startMariadb, type TestMariadb } from '../support/mariadb.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { createTestServer, type TestServer } from '../support/server.ts'

const PASSWORD = 'pa#ss"w\\ord 123'

interface Database {
  readonly type: string
  readonly config: Readonly<Record<string, unknown>>
  /** Makes the database `shop` with three rows, and an account that may use it. */
  fill(): void
  drop(): void
  /** Rows of the table, as text. */
  rows(database?: string): string
  change(): void
}

let server: TestServer
beforeEach(async () => {
  server = await createTestServer()
})
afterEach(() => server.dispose())

async function add(database: Database, more: readonly string[] = []): Promise<void> {
  const file = join(server.folder, 'password')
  await writeFile(file, `${PASSWORD}\n`, { mode: 0o600 })
  const config = ['--config', JSON.stringify(database.config), '--password-file', file]
  const args = ['job', 'add', '--name', 'shop', '--type', database.type, ...config, ...more]
  await server.json([...args, '--cron', '0 3 * * *', '--retention', 'count:5'])
}

async function backUp(database: Database): Promise<string> {
  database.fill()
  await add(database)
  const run = (await server.json(['job', 'run', 'shop', '--wait'])) as {
    archive_name: string
    status: string
  }
  expect(run.status).toBe('success')
  return run.archive_name
}

const restore = async (args: readonly string[], codes?: readonly number[]) =>
  (await server.json(['archive', 'restore', ...args, '--yes'], codes)) as {
    status: string
    safety_archive: string | null
  }

/** Every file of the instance, the archives among them. */
async function everything(): Promise<Buffer[]> {
  const found: Buffer[] = []
  for (const folder of [server.dataDir, server.archivesDir]) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) found.push(await readFile(join(entry.parentPath, entry.name)))
    }
  }
  return found
}

function describeDatabase(name: string, database: () => Database): void {
  describe(`a database of ${name}`, () => {
    afterEach(() => database().drop())

    test('comes back after it was dropped', async () => {
      const archive = await backUp(database())
      const before = database().rows()
      database().drop()
      expect((await restore([archive])).status).toBe('success')
      expect(database().rows()).toBe(before)
    })

    test('replaces what is there, whose state can be brought back', async () => {
      const archive = await backUp(database())
      const before = database().rows()
      database().change()
      const changed = database().rows()
      const done = await restore([archive])
      expect(done.status).toBe('success')
      expect(database().rows()).toBe(before)
      expect((await restore([done.safety_archive ?? ''])).status).toBe('success')
      expect(database().rows()).toBe(changed)
    })

    test('goes to another name beside it, and is proven in a scratch database', async () => {
      const archive = await backUp(database())
      database().change()
      expect((await restore([archive, '--target', 'shop_copy'])).status).toBe('success')
      expect(database().rows('shop_copy')).not.toBe(database().rows())
      const drill = (await server.json(['job', 'drill', 'shop', '--depth', 'load'])) as { verdict: string }
      expect(drill.verdict).toBe('passed')
    })

    test('leaves its password in clear nowhere', async () => {
      const archive = await backUp(database())
      database().change()
      await restore([archive])
      for (const bytes of await everything()) expect(bytes.includes(PASSWORD)).toBe(false)
      const told = await server.cli(['job', 'list', '--json'])
      expect(told.stdout).not.toContain(PASSWORD)
      expect(told.stdout).not.toContain('v1:')
    })

    test('with a wrong password, or no server, is refused by its field', async () => {
      database().fill()
      const file = join(server.folder, 'wrong')
      await writeFile(file, 'not the password')
      const config = ['--config', JSON.stringify(database().config), '--password-file', file]
      const args = ['job', 'add', '--name', 'x', '--type', database().type, ...config, '--cron', '@daily']
      const refused = await server.cli([...args, '--retention', 'count:5', '--json'])
      expect(refused.code).toBe(64)
      expect(JSON.parse(refused.stdout)).toMatchObject({ errors: [{ code: 'login_refused' }] })
      const nowhere = ['--config', JSON.stringify({ ...database().config, port: 9 }), '--password-file', file]
      const away = ['job', 'add', '--name', 'x', '--type', database().type, ...nowhere, '--cron', '@daily']
      const unreachable = await server.cli([...away, '--retention', 'count:5', '--json'])
      expect(JSON.parse(unreachable.stdout)).toMatchObject({ errors: [{ code: 'server_unreachable' }] })
    })
  })
}

let mariadb: TestMariadb
let postgres: TestPostgres
beforeAll(async () => {
  mariadb = await startMariadb()
  postgres = await startPostgres()
  const quoted = PASSWORD.replaceAll('\\', '\\\\').replaceAll("'", "''")
  mariadb.sql(
    `CREATE USER admin@'%' IDENTIFIED BY '${quoted}'; GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;`,
  )
  postgres.sql(`CREATE ROLE admin SUPERUSER LOGIN PASSWORD '${PASSWORD.replaceAll("'", "''")}'`)
})
afterAll(async () => {
  await mariadb.dispose()
  await postgres.dispose()
})

describeDatabase('MariaDB', () => ({
  type: 'mysql',
  config: { database: 'shop', user: 'admin', host: '127.0.0.1', port: mariadb.port },
  fill: () =>
    void mariadb.sql(
      `CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; CREATE TABLE t (id INT PRIMARY KEY, x VARCHAR(20)) ENGINE=InnoDB;
       INSERT INTO t VALUES (1, 'été'), (2, '🏖'), (3, NULL);`,
    ),
  drop: () => void mariadb.sql('DROP DATABASE IF EXISTS shop; DROP DATABASE IF EXISTS shop_copy;'),
  rows: (database = 'shop') => mariadb.sql(`SELECT * FROM ${database}.t ORDER BY id`),
  change: () => void mariadb.sql("INSERT INTO shop.t VALUES (4, 'later'); DELETE FROM shop.t WHERE id = 1;"),
}))

describeDatabase('PostgreSQL', () => ({
  type: 'postgresql',
  config: { database: 'shop', user: 'admin', host: '127.0.0.1', port: postgres.port },
  fill: () => {
    postgres.sql('CREATE DATABASE shop')
    postgres.sql(
      "CREATE TABLE t (id INT PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, 'été'), (2, '🏖'), (3, NULL)",
      'shop',
    )
  },
  drop: () => {
    for (const name of ['shop', 'shop_copy']) postgres.sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  },
  rows: (database = 'shop') => postgres.sql('SELECT * FROM t ORDER BY id', database),
  change: () => void postgres.sql("INSERT INTO t VALUES (4, 'later'); DELETE FROM t WHERE id = 1", 'shop'),
}))
