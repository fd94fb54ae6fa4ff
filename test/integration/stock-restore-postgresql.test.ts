// A YunoHost on which this program is not installed restores its archives of PostgreSQL databases, on a real server.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { postgresql } from '../../src/sources/postgresql/index.ts'
import { conninfo } from '../../src/sources/postgresql/quoting.ts'
import { run } from '../../src/sys/process.ts'
import { eventually } from '../support/eventually.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { stockServer, type StockServer, type Told } from '../support/stock-server.ts'

const success = { code: 0, answer: '{"system": {"data_postgresql": "Success"}, "apps": {}}' }
const database = `wiki 'é"\\=`
const quoted = `"wiki 'é""\\="`
const password = 'SCRAM-SHA-256$'

let pg: TestPostgres
let server: StockServer
let name: string
beforeAll(async () => {
  pg = await startPostgres()
})
afterAll(() => pg.dispose())

beforeEach(async () => {
  server = await stockServer()
  pg.sql(`CREATE ROLE "wiki owner" LOGIN PASSWORD 'verysecret' CONNECTION LIMIT 7`)
  pg.sql(`CREATE ROLE reader NOLOGIN; CREATE ROLE guest LOGIN; GRANT reader TO guest`)
  pg.sql(`CREATE DATABASE ${quoted} OWNER "wiki owner" TEMPLATE template0`)
  pg.sql(
    `SET ROLE "wiki owner"; CREATE SCHEMA s; CREATE TABLE s.page (id serial PRIMARY KEY, body text); CREATE VIEW s.v AS SELECT body FROM s.page;
    INSERT INTO s.page (body) SELECT 'Ünïcode ' || i FROM generate_series(1, 1000) i; GRANT SELECT ON s.page TO reader;
    CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 42'; RESET ROLE; SELECT lo_from_bytea(0, 'large object')`,
    database,
  )
  pg.sql(`REVOKE CONNECT ON DATABASE ${quoted} FROM PUBLIC; GRANT CONNECT ON DATABASE ${quoted} TO reader`)
  pg.sql(
    `ALTER DATABASE ${quoted} SET work_mem TO '5MB'; COMMENT ON DATABASE ${quoted} IS E'the\\n\\\\ wiki!'; ALTER DATABASE ${quoted} SET app.key TO E'very\\\\secret'`,
  )
  name = await server.archive(
    postgresql,
    { database, socket: pg.socketDir, port: pg.port },
    'jerry_postgresql_wiki_20260508',
  )
})
afterEach(() => {
  for (const other of databases()) if (!/^(?:postgres|template\d)$/.test(other)) drop(other)
  for (const role of ['"wiki owner"', 'guest', 'reader']) pg.sql(`DROP ROLE IF EXISTS ${role}`)
})

function databases(): string[] {
  return pg.sql('SELECT datname FROM pg_database ORDER BY 1').trimEnd().split('\n')
}

function drop(one: string): void {
  pg.sql(`DROP DATABASE "${one.replaceAll('"', '""')}" WITH (FORCE)`)
}

function dropAll(): void {
  drop(database)
  for (const role of ['"wiki owner"', 'guest', 'reader']) pg.sql(`DROP ROLE ${role}`)
}

function restore(env: Readonly<Record<string, string>> = {}): Promise<Told> {
  return server.restore(name, 'data_postgresql', {
    env: { PGHOST: pg.socketDir, PGPORT: String(pg.port), ...env },
  })
}

/** What is in the database, and what is said of it. */
function state(): unknown {
  return {
    rows: pg.sql('SELECT count(*), sum(length(body)), max(id) FROM s.page', database),
    objects: pg.sql(
      "SELECT n.nspname, c.relname, c.relkind, r.rolname, c.relacl FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_roles r ON r.oid = relowner WHERE nspname = 's' ORDER BY 2",
      database,
    ),
    large: pg.sql("SELECT convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata", database),
    database: pg.sql(
      `SELECT r.rolname, d.datacl, d.datcollate, shobj_description(d.oid, 'pg_database') FROM pg_database d JOIN pg_roles r ON r.oid = datdba WHERE datname = $x$${database}$x$`,
    ),
    settings: pg.sql('SHOW work_mem; SHOW app.key', database),
    roles: pg.sql(
      `SELECT rolname, rolcanlogin, rolsuper, rolconnlimit, rolpassword FROM pg_authid WHERE rolname IN ('wiki owner', 'reader', 'guest') ORDER BY 1`,
    ),
    members: pg.sql("SELECT pg_has_role('guest', 'reader', 'member')"),
  }
}

describe('a database that is gone', () => {
  test('comes back with its roles, their passwords, its rights and its settings', async () => {
    const before = state()
    dropAll()
    const told = await restore()
    expect(told).toMatchObject(success)
    expect(told.stderr).toBe('WARNING YunoHost is already installed\n')
    expect(state()).toEqual(before)
    expect(databases()).toEqual(['postgres', 'template0', 'template1', database].toSorted())
    expect(server.hooks()).toEqual([])
  })

  test('comes back where only YunoHost’s own copy of the dump is found', async () => {
    const before = state()
    dropAll()
    const elsewhere = join(server.fake.archivesDir, '../elsewhere')
    renameSync(server.fake.archivesDir, elsewhere)
    expect(await restore({ FAKE_YUNOHOST_ARCHIVES: elsewhere })).toMatchObject(success)
    expect(state()).toEqual(before)
  })

  test('comes back by hand too, as doc/archive-format.md says', async () => {
    const before = state()
    dropAll()
    execFileSync(
      'bash',
      [
        '-euo',
        'pipefail',
        '-c',
        `cd /; as() { runuser -u postgres -- "$@"; }; part() { tar -xOf "$TAR" "data/postgresql/$1"; }; db=$(part .backupmanager/database)
        part .backupmanager/roles.sql | as psql -qX -v ON_ERROR_STOP=1 postgres
        as createdb --template=template0 --owner="$(part .backupmanager/owner)" --encoding="$(part .backupmanager/encoding)" \
          --lc-collate="$(part .backupmanager/collate)" --lc-ctype="$(part .backupmanager/ctype)" "$db"
        part "$(part .backupmanager/dump)" | as pg_restore --exit-on-error --dbname="$CONNINFO"
        part .backupmanager/grants.sql | as psql -qX -v ON_ERROR_STOP=1 -v db="$db" postgres`,
      ],
      {
        env: {
          ...process.env,
          PGHOST: pg.socketDir,
          PGPORT: String(pg.port),
          TAR: join(server.fake.archivesDir, `${name}.tar`),
          CONNINFO: conninfo('dbname', database),
        },
      },
    )
    expect(state()).toEqual(before)
  })

  test('leaves no secret in the log, nor in that of the server', async () => {
    dropAll()
    const before = pg.log().length
    pg.sql("ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()")
    const told = await restore()
    pg.sql('ALTER SYSTEM RESET log_statement; SELECT pg_reload_conf()')
    expect(told).toMatchObject(success)
    expect(pg.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'wiki owner'")).toContain(password)
    for (const text of [server.log(), told.stdout, told.stderr, pg.log().slice(before)]) {
      expect(text).not.toContain(password)
      expect(text).not.toContain('app.key')
    }
  })

  test('takes the place of an empty one', async () => {
    const before = state()
    drop(database)
    pg.sql(`CREATE DATABASE ${quoted}`)
    expect(await restore()).toMatchObject(success)
    expect(state()).toEqual(before)
    expect(databases()).toHaveLength(4)
  })
})

describe('an archive of somebody else', () => {
  const mark = (): string => join(server.folder, 'ran')
  test.each([
    ['grants.sql', () => String.raw`\! touch ${mark()}`],
    ['grants.sql', () => `GRANT CONNECT ON DATABASE :"db" TO "a"; COPY t TO PROGRAM 'touch ${mark()}';`],
    ['roles.sql', () => String.raw`\! touch ${mark()}`],
    ['roles.sql', () => `CREATE ROLE evil SUPERUSER;`],
    ['roles.sql', () => `  ALTER ROLE "a" SET "b" TO '$bm$; CREATE ROLE evil SUPERUSER; DO $bm$';`],
  ])('whose %s holds what is not ours is refused, and nothing of it is run', async (file, line) => {
    dropAll()
    const script = `tar -x --same-owner -f "$1"; (cd data/postgresql/.backupmanager; printf '%s\n' "$3" >>"$2")
      tar -cf "$1" info.json backup.csv hooks data`
    const unpacked = join(server.folder, 'unpacked')
    mkdirSync(unpacked)
    const tar = join(server.fake.archivesDir, `${name}.tar`)
    execFileSync('sh', ['-euc', script, 'sh', tar, file, line()], { cwd: unpacked })
    const told = await restore({ BM_RESTORE_DAMAGED: 'yes' })
    expect(told.code).toBe(1)
    expect(told.stderr).toContain(
      `${file} holds statements that BackupManager does not write. Nothing was changed.`,
    )
    expect(existsSync(mark())).toBe(false)
    expect(databases()).toHaveLength(3)
    expect(pg.sql("SELECT count(*) FROM pg_roles WHERE rolname IN ('evil', 'reader')")).toBe('0\n')
  })
})

describe('a server that is not like the saved one', () => {
  test('has another locale and no such tablespace: the database comes back all the same, and it is said', async () => {
    dropAll()
    const script = `tar -x --same-owner -f "$1"; cd data/postgresql/.backupmanager; echo xx_XX.UTF-8 | tee collate >ctype
      echo fast >tablespaces; cd ../../..; tar -cf "$1" info.json backup.csv hooks data`
    const unpacked = join(server.folder, 'unpacked')
    mkdirSync(unpacked)
    execFileSync('sh', ['-euc', script, 'sh', join(server.fake.archivesDir, `${name}.tar`)], {
      cwd: unpacked,
    })
    const told = await restore({ BM_RESTORE_DAMAGED: 'yes' })
    expect(told).toMatchObject(success)
    expect(told.stderr).toContain('it is restored all the same')
    expect(told.stdout).toContain(
      `This server does not have the locale xx_XX.UTF-8: ${database} gets C.UTF-8`,
    )
    expect(told.stdout).toContain('The tablespace fast is not here')
    expect(pg.sql('SELECT count(*) FROM s.page', database)).toBe('1000\n')
  })

  test('does not answer: nothing is changed, and it is said what to do', async () => {
    dropAll()
    const told = await restore({ PGPORT: '1' })
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('WARNING PostgreSQL does not answer. Nothing was changed.\n')
    expect(told.stderr).toContain('systemctl start postgresql')
    expect(databases()).toHaveLength(3)
  })

  test('is older than the dump: nothing is changed', async () => {
    dropAll()
    await server.shadow(
      'pg_restore',
      'case "$*" in --list) echo "pg_restore: error: unsupported version (1.99) in file header" >&2; exit 1 ;; esac\nexec "$REAL" "$@"',
    )
    const told = await restore()
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('unsupported version (1.99)')
    expect(told.stderr).toContain('It may be from a newer PostgreSQL than pg_restore (PostgreSQL)')
    expect(pg.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'reader'")).toBe('0\n')
  })
})

describe('a database that is there', () => {
  test('and is as in the archive is recognised and left as it is', async () => {
    dropAll()
    expect(await restore()).toMatchObject(success)
    const oid = pg.sql(`SELECT oid FROM pg_database WHERE datname = $x$${database}$x$`)
    const told = await restore()
    expect(told).toMatchObject(success)
    expect(told.stdout).toContain(`database ${database} (it was already as in the archive)`)
    expect(pg.sql(`SELECT oid FROM pg_database WHERE datname = $x$${database}$x$`)).toBe(oid)
    expect(databases()).toHaveLength(4)
  })

  test.each([
    ['one more row', "INSERT INTO s.page (body) VALUES ('newer')"],
    ['one more table', 'CREATE TABLE newer ()'],
  ])('and has %s is left alone', async (_, change) => {
    pg.sql(change, database)
    const before = state()
    const told = await restore()
    expect(told.code).toBe(1)
    expect(told.stderr).toContain(
      `The database ${database} exists and is not as in the archive. The database was not changed.`,
    )
    expect(told.stderr).toContain(
      `BM_RESTORE_OVERWRITE=yes yunohost backup restore ${name} --system data_postgresql --force`,
    )
    expect(state()).toEqual(before)
    expect(databases()).toHaveLength(4)
  })

  test('is replaced when that is asked for, also while it is used, and kept under another name', async () => {
    const before = state()
    pg.sql("INSERT INTO s.page (body) VALUES ('newer')", database)
    const user = run(
      'runuser',
      ['-u', 'postgres', '--', 'psql', '-h', pg.socketDir, '-p', String(pg.port)].concat([
        '-d',
        conninfo('dbname', database),
        '-c',
        'SELECT pg_sleep(1000)',
      ]),
    )
    user.catch(() => undefined)
    await eventually(
      () =>
        pg.sql(`SELECT 1 FROM pg_stat_activity WHERE datname = $x$${database}$x$ AND state = 'active'`) ===
        '1\n',
    )
    const told = await restore({ BM_RESTORE_OVERWRITE: 'yes' })
    expect(told).toMatchObject(success)
    await expect(user).rejects.toMatchObject({ ended: { how: 'exit', code: 2 } })
    expect(state()).toEqual(before)
    const [, aside = ''] = /that was there before is (.*)\. Drop it/.exec(told.stdout) ?? []
    expect(databases()).toContain(aside)
    expect(pg.sql("SELECT count(*) FROM s.page WHERE body = 'newer'", aside)).toBe('1\n')
  })

  test('stays when the dump cannot be loaded, and nothing is left beside it', async () => {
    pg.sql('CREATE ROLE owner_of_nothing')
    pg.sql('DELETE FROM s.page WHERE id > 500', database)
    const before = state()
    await server.shadow(
      'pg_restore',
      'case "$*" in *--exit-on-error*) head -c 3000 | "$REAL" "$@" ;; *) exec "$REAL" "$@" ;; esac',
    )
    const told = await restore({ BM_RESTORE_OVERWRITE: 'yes' })
    pg.sql('DROP ROLE owner_of_nothing')
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('The dump could not be loaded. The database was not changed.')
    expect(state()).toEqual(before)
    expect(databases()).toHaveLength(4)
    expect(readdirSync(join(server.fake.archivesDir, '../tmp'))).toEqual([])
  })
})
