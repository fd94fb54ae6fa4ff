// A YunoHost on which this program is not installed restores its archives of MariaDB databases, on a real server.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { mysql } from '../../src/sources/mysql/index.ts'
import { startMariadb, type TestMariadb } from '../support/mariadb.ts'
import { stockServer, type StockServer, type Told } from '../support/stock-server.ts'

const success = { code: 0, answer: '{"system": {"data_mysql": "Success"}, "apps": {}}' }
const database = 'wiki é`-1'
const quoted = '`wiki é``-1`'

let db: TestMariadb
let server: StockServer
let name: string
beforeAll(async () => {
  db = await startMariadb()
})
afterAll(() => db.dispose())

beforeEach(async () => {
  server = await stockServer()
  db.sql(`CREATE DATABASE ${quoted} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; USE ${quoted};
CREATE TABLE page (id INT PRIMARY KEY AUTO_INCREMENT, body TEXT, picture BLOB, day DATE) ENGINE=InnoDB;
INSERT INTO page (body, picture, day) SELECT CONCAT('Ünïcode ', seq), UNHEX('00FF0A0D5C27'), '2026-01-01' FROM seq_1_to_1000;
CREATE TABLE odd (\`a b\` INT) WITH SYSTEM VERSIONING; INSERT INTO odd VALUES (1); UPDATE odd SET \`a b\` = 2;
CREATE VIEW v AS SELECT body FROM page WHERE id < 10;
CREATE TABLE counted (n INT); INSERT INTO counted VALUES (0);
CREATE TRIGGER t AFTER INSERT ON page FOR EACH ROW UPDATE counted SET n = n + 1;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM counted WHERE n < 0;
DELIMITER //
CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END//
DELIMITER ;
CREATE USER 'wiki'@'localhost' IDENTIFIED BY 'verysecret'; GRANT ALL ON ${quoted}.* TO 'wiki'@'localhost';
CREATE USER 'reader'@'%' IDENTIFIED BY 'verysecret'; GRANT SELECT ON ${quoted}.page TO 'reader'@'%'; GRANT EXECUTE ON PROCEDURE ${quoted}.p TO 'reader'@'%';`)
  name = await server.archive(mysql, { database, socket: db.socket }, 'jerry_mysql_wiki_20260508')
})
afterEach(() => {
  db.sql(`DROP DATABASE IF EXISTS ${quoted}; DROP USER IF EXISTS 'wiki'@'localhost', 'reader'@'%';`)
})

const hash = (): string => db.sql("SELECT authentication_string FROM mysql.user WHERE User = 'wiki';").trim()

function restore(env: Readonly<Record<string, string>> = {}): Promise<Told> {
  return server.restore(name, 'data_mysql', { env: { MYSQL_UNIX_PORT: db.socket, ...env } })
}

/** What is in the database, and who may do what with it. */
function state(): unknown {
  return {
    made: db.sql(`SHOW CREATE DATABASE ${quoted};`),
    rows: db.sql(
      `CHECKSUM TABLE ${quoted}.page, ${quoted}.odd, ${quoted}.counted; SELECT COUNT(*) FROM ${quoted}.odd FOR SYSTEM_TIME ALL;`,
    ),
    view: db.sql(`SELECT COUNT(*) FROM ${quoted}.v; SHOW CREATE VIEW ${quoted}.v;`),
    programs: db.sql(
      `USE ${quoted}; SHOW CREATE PROCEDURE p; SHOW CREATE EVENT e; SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE();`,
    ),
    grants: db.sql("SHOW GRANTS FOR 'wiki'@'localhost'; SHOW GRANTS FOR 'reader'@'%';"),
  }
}

function databases(): string[] {
  return db.sql('SHOW DATABASES;').trimEnd().split('\n')
}

function dropAll(): void {
  db.sql(`DROP DATABASE ${quoted}; DROP USER 'wiki'@'localhost', 'reader'@'%';`)
}

describe('a database that is gone', () => {
  test('comes back with its views, programs, accounts, passwords and rights', async () => {
    const before = state()
    const there = databases()
    dropAll()
    const told = await restore()
    expect(told.stderr).toBe('WARNING YunoHost is already installed\n')
    expect(told).toMatchObject(success)
    expect(state()).toEqual(before)
    expect(databases()).toEqual(there)
    expect(server.hooks()).toEqual([])
    expect(told.stdout).toContain("INFO Restored: accounts: 'wiki'@'localhost' 'reader'@'%'")
  })

  test('comes back where only YunoHost’s own copy of the dump is found', async () => {
    const before = state()
    dropAll()
    const elsewhere = join(server.fake.archivesDir, '../elsewhere')
    renameSync(server.fake.archivesDir, elsewhere)
    expect(await restore({ FAKE_YUNOHOST_ARCHIVES: elsewhere })).toMatchObject(success)
    expect(state()).toEqual(before)
  })

  test('comes back by hand too, as doc/archive-format.md says', () => {
    const before = state()
    dropAll()
    const tar = join(server.fake.archivesDir, `${name}.tar`)
    const part = (member: string): string =>
      execFileSync('tar', ['-xOf', tar, `data/mysql/${member}`]).toString()
    const [charset, collation] = [part('.backupmanager/charset'), part('.backupmanager/collation')]
    db.sql(`CREATE DATABASE ${quoted} CHARACTER SET ${charset} COLLATE ${collation}`)
    db.sql(`USE ${quoted};\n${part(part('.backupmanager/dump').trim())}`)
    db.sql(part('.backupmanager/users.sql'))
    expect(state()).toEqual(before)
  })

  test('leaves no secret in the log, also when the server refuses the accounts', async () => {
    const secret = hash()
    dropAll()
    const told = await restore()
    expect(told).toMatchObject(success)
    expect(hash()).toBe(secret)
    dropAll()
    await server.shadow(
      'mariadb',
      'case "$*" in *--force*) sed "s/PASSWORD/PASWORD/" | "$REAL" "$@" ;; *) exec "$REAL" "$@" ;; esac',
    )
    const failed = await restore()
    expect(failed.code).toBe(1)
    expect(failed.stderr).toMatch(/^WARNING {3}ERROR 1064 \(42000\) at line \d+$/m)
    expect(failed.stderr).toContain('Not done: Some of the accounts with rights')
    for (const text of [server.log(), told.stdout, told.stderr, failed.stderr, failed.stdout])
      expect(text).not.toContain(secret)
  })

  test('takes the place of an empty one', async () => {
    const before = state()
    db.sql(`DROP DATABASE ${quoted}; CREATE DATABASE ${quoted} CHARACTER SET latin1;`)
    expect(await restore()).toMatchObject(success)
    expect(state()).toEqual(before)
  })

  test('stays away when the dump cannot be loaded, and its data are not shown', async () => {
    dropAll()
    const there = databases()
    await server.shadow(
      'mariadb',
      'case "$*" in *--database=*) sed "s/^INSERT INTO .odd./INSERT INTO nowhere/" | "$REAL" "$@" ;; *) exec "$REAL" "$@" ;; esac',
    )
    const told = await restore()
    expect(told.code).toBe(1)
    expect(told.stderr).toMatch(/^WARNING ERROR \d+ .* at line \d+: /m)
    expect(told.stderr).toContain('The dump could not be loaded.')
    expect(databases()).toEqual(there)
    expect(server.log()).not.toContain('Ünïcode')
  })

  test('is not begun to be loaded when the server does not answer', async () => {
    const told = await restore({ MYSQL_UNIX_PORT: '/nonexistent' })
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('does not answer, or does not let root in. Nothing was changed.')
    expect(told.stderr).toContain('systemctl start mariadb')
  })
})

describe('a database that is there', () => {
  test('and is as in the archive is recognised and left as it is', async () => {
    dropAll()
    await restore()
    const created = db.sql(`SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_NAME = 'page';`)
    const told = await restore()
    expect(told).toMatchObject(success)
    expect(told.stdout).toContain(`database ${database} (it was already as in the archive)`)
    expect(db.sql(`SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_NAME = 'page';`)).toBe(
      created,
    )
  })

  test.each([
    ['one more row', "INSERT INTO page (body) VALUES ('newer')"],
    ['another byte', "UPDATE page SET picture = UNHEX('00FF0A0D5C28') WHERE id = 500"],
    ['another view', 'CREATE OR REPLACE VIEW v AS SELECT id FROM page'],
    ['no event', 'DROP EVENT e'],
    ['one more table', 'CREATE TABLE newer (a INT)'],
  ])('and has %s is left alone', async (_, change) => {
    db.sql(`USE ${quoted}; ${change};`)
    const before = db.sql(`CHECKSUM TABLE ${quoted}.page;`)
    const told = await restore()
    expect(told.code).toBe(1)
    expect(told.stderr).toContain(
      `The database ${database} exists and is not as in the archive. The database was not changed.`,
    )
    expect(told.stderr).toContain(
      `BM_RESTORE_OVERWRITE=yes yunohost backup restore ${name} --system data_mysql --force`,
    )
    expect(db.sql(`CHECKSUM TABLE ${quoted}.page;`)).toBe(before)
  })

  test('is replaced when that is asked for, after it was saved to a file', async () => {
    const before = state()
    db.sql(`INSERT INTO ${quoted}.page (body) VALUES ('newer');`)
    const after = state()
    const told = await restore({ BM_RESTORE_OVERWRITE: 'yes' })
    expect(told).toMatchObject(success)
    expect(state()).toEqual(before)
    const [, kept = ''] = /that was there before is in (.*)\. Delete/.exec(told.stdout) ?? []
    expect(statSync(kept).mode).toBe(0o100600)
    expect(statSync(join(kept, '..')).mode).toBe(0o40700)
    db.sql(
      `DROP DATABASE ${quoted}; CREATE DATABASE ${quoted} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; USE ${quoted};\n${readFileSync(kept, 'utf8')}`,
    )
    expect({ ...(after as object), grants: null }).toEqual({ ...(state() as object), grants: null })
  })

  test('is not touched when it could not be saved first', async () => {
    db.sql(`INSERT INTO ${quoted}.page (body) VALUES ('newer');`)
    const before = state()
    await server.shadow(
      'mariadb-dump',
      'case "$*" in *--dump-history*) "$REAL" "$@" | head -c 3000; exit 2 ;; esac\nexec "$REAL" "$@"',
    )
    const told = await restore({ BM_RESTORE_OVERWRITE: 'yes' })
    expect(told.code).toBe(1)
    expect(state()).toEqual(before)
    expect(readdirSync(join(server.fake.archivesDir, '../before-restore'))).toEqual([])
  })

  test('comes back from that file when the archive’s dump cannot be loaded', async () => {
    db.sql(`INSERT INTO ${quoted}.page (body) VALUES ('newer');`)
    const before = state()
    await server.shadow(
      'mariadb',
      'case "$*" in *--database=*) if mkdir "$STATE/once" 2>/dev/null; then head -c 3000 | "$REAL" "$@"; exit 1; fi ;; esac\nexec "$REAL" "$@"',
    )
    const told = await restore({ BM_RESTORE_OVERWRITE: 'yes' })
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('was loaded again from')
    expect({ ...(state() as object), grants: null }).toEqual({ ...(before as object), grants: null })
    expect(readdirSync(join(server.fake.archivesDir, '../before-restore'))).toHaveLength(1)
  })
})
