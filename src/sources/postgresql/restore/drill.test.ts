import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DrillResult } from '../../../domain/drill.ts'
import { isProblem } from '../../../domain/problem.ts'
import { postgresql } from '../index.ts'
import { databases, makeWorld, roles, stateOf, withPrograms, type PgWorld } from '../postgres-world.ts'

let world: PgWorld
let before: { state: string; roles: string }
beforeAll(async () => {
  world = await makeWorld()
  const { pg } = world
  pg.sql('CREATE ROLE reader; CREATE DATABASE mabase')
  pg.sql(
    'CREATE TABLE a AS SELECT g AS n FROM generate_series(1, 1200) g; CREATE TABLE b AS SELECT 1 AS n; CREATE TABLE "none" (n int)',
    'mabase',
  )
  pg.sql(
    'CREATE TABLE p (n int) PARTITION BY LIST (n); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); INSERT INTO p VALUES (1); GRANT SELECT ON a TO reader',
    'mabase',
  )
  await world.produce(world.settings('mabase'), 'saved')
  before = { state: stateOf(pg, 'mabase'), roles: roles(pg) }
})
afterAll(() => world.dispose())

/** Whatever the verdict, nothing is left and nothing was touched. */
function assertUntouched(): void {
  expect({ state: stateOf(world.pg, 'mabase'), roles: roles(world.pg) }).toEqual(before)
  expect(databases(world.pg)).toEqual(['mabase'])
}

const drill = (archive = 'saved', io = world.io(), settings = world.settings('mabase')) =>
  postgresql.restore.drill(world.request(archive, settings), 'load', io)

test('a good dump passes, with its tables and rows counted', async () => {
  expect(await drill()).toEqual({
    verdict: 'passed',
    findings: [
      { code: 'tables_loaded', facts: { number: 5 } },
      { code: 'rows_counted', facts: { number: 1202 } },
    ],
  })
  assertUntouched()
})

test('a dump whose roles are gone is proven without them', async () => {
  const { pg } = world
  pg.sql('REVOKE ALL ON a FROM reader; DROP ROLE reader', 'mabase')
  expect((await drill()).verdict).toBe('passed')
  pg.sql('CREATE ROLE reader; GRANT SELECT ON a TO reader', 'mabase')
  assertUntouched()
})

test('a dump that does not load fails', async () => {
  const { archivesDir } = world.places
  const tar = readFileSync(join(archivesDir, 'saved.tar'))
  // Somewhere in the first compressed table: the table of contents is still good.
  const at = tar.indexOf(Buffer.from([0x78, 0x9c]), tar.indexOf('PGDMP'))
  tar.fill(0xff, at, at + 40)
  writeFileSync(join(archivesDir, 'flipped.tar'), tar)
  expect(await drill('flipped')).toMatchObject({ verdict: 'failed', findings: [{ code: 'dump_refused' }] })
  assertUntouched()
})

test('an archive that is damaged or not there fails', async () => {
  const { archivesDir } = world.places
  writeFileSync(
    join(archivesDir, 'cut.tar'),
    readFileSync(join(archivesDir, 'saved.tar')).subarray(0, 40_000),
  )
  expect(await drill('cut')).toMatchObject({ verdict: 'failed', findings: [{ code: 'damage' }] })
  expect(await drill('no-such')).toMatchObject({ verdict: 'failed', findings: [{ code: 'damage' }] })
  assertUntouched()
})

test('a dump that lacks a table fails', async () => {
  const io = world.io()
  const lossy =
    'case " $* " in *" --dbname"*) exec "$REAL" --exclude-schema=public "$@" ;; *) exec "$REAL" "$@" ;; esac'
  const run = withPrograms(world, { pg_restore: lossy })(io.run)
  expect(await drill('saved', { ...io, run })).toMatchObject({
    verdict: 'failed',
    findings: [
      { code: 'tables_loaded' },
      { code: 'rows_counted' },
      { code: 'table_missing', facts: { table: '5' } },
    ],
  })
  assertUntouched()
})

test('a server that is away, a login that is refused and a program that is missing say nothing about the archive', async () => {
  const away = postgresql.settings.parse({ database: 'mabase', host: '127.0.0.1', port: 1, password: 'x' })
  expect(await drill('saved', world.io(), away)).toMatchObject({
    verdict: 'inconclusive',
    findings: [{ code: 'server_unreachable' }],
  })
  const wrong = postgresql.settings.parse({
    database: 'mabase',
    host: '127.0.0.1',
    port: world.pg.port,
    password: 'x',
  })
  expect(await drill('saved', world.io(), wrong)).toMatchObject({
    verdict: 'inconclusive',
    findings: [{ code: 'server_unreachable' }],
  })
  const io = world.io()
  const run = withPrograms(world, { pg_restore: 'exit 127' })(io.run)
  expect(await drill('saved', { ...io, run })).toMatchObject({
    verdict: 'inconclusive',
    findings: [{ code: 'tool_missing', facts: { tool: 'pg_restore' } }],
  })
  assertUntouched()
})

test('a server that dies while the dump is loaded says nothing about the archive', async () => {
  const { pg } = world
  const io = world.io()
  const mark = join(pg.socketDir, 'loading')
  const go = join(pg.socketDir, 'go')
  const slow = `case " $* " in *" --dbname"*) touch ${mark}; until [ -e ${go} ]; do sleep 0.05; done ;; esac; exec "$REAL" "$@"`
  const work = drill('saved', { ...io, run: withPrograms(world, { pg_restore: slow })(io.run) })
  while (!existsSync(mark)) await sleep(20)
  await pg.stop('order')
  writeFileSync(go, '')
  expect(await work).toMatchObject({ verdict: 'inconclusive', findings: [{ code: 'server_unreachable' }] })
  await pg.start()
  expect(databases(pg).filter((name) => name.startsWith('bm_drill_'))).toHaveLength(1)
  // The next one, a day later, finds what that one could not drop.
  const later = world.io({ now: () => Date.parse('2026-05-09T04:00:00Z') })
  expect((await drill('saved', later)).verdict).toBe('passed')
  assertUntouched()
})

test('one that is cancelled leaves nothing', async () => {
  const stop = new AbortController()
  const io = world.io({ signal: stop.signal })
  const mark = join(world.pg.socketDir, 'cancelled')
  const slow = `case " $* " in *" --dbname"*) touch ${mark}; exec sleep 1000 ;; esac; exec "$REAL" "$@"`
  const work = drill('saved', { ...io, run: withPrograms(world, { pg_restore: slow })(io.run) })
  work.catch(() => undefined)
  while (!existsSync(mark)) await sleep(20)
  stop.abort()
  await expect(work).rejects.toSatisfy((error) => isProblem(error, 'cancelled'))
  assertUntouched()
})

/** One more database for a test, and what its drill says; nothing of either stays. */
async function drillOf(sql: string): Promise<DrillResult> {
  const { pg } = world
  pg.sql('CREATE ROLE app LOGIN')
  pg.sql('CREATE DATABASE other OWNER app')
  try {
    pg.sql(sql, 'other')
    await world.produce(world.settings('other'), `other-${world.archives().length}`)
    pg.sql('DROP DATABASE other')
    return await drill(`other-${world.archives().length - 2}`, world.io(), world.settings('other'))
  } finally {
    const rights = pg.sql("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'app'")
    pg.sql('DROP DATABASE IF EXISTS other')
    pg.sql('DROP ROLE app')
    expect(rights).toBe('f|f\n')
    assertUntouched()
  }
}

const takesOver = (body: string): string => `SET ROLE app; CREATE SCHEMA s;
  CREATE FUNCTION s.f(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
  CREATE TABLE s.t (a int CHECK (s.f(a))); INSERT INTO s.t VALUES (1), (2);
  CREATE OR REPLACE FUNCTION s.f(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN true; END $$;`

test('an app that wants to become superuser by a check of its table stays what it is, and its dump is proven', async () => {
  const attack = `BEGIN RESET ROLE; RESET SESSION AUTHORIZATION; EXECUTE 'ALTER ROLE app SUPERUSER CREATEROLE'; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN EXECUTE 'ALTER ROLE app SUPERUSER CREATEROLE'; EXCEPTION WHEN OTHERS THEN NULL; END;`
  expect(await drillOf(takesOver(attack))).toEqual({
    verdict: 'passed',
    findings: [
      { code: 'tables_loaded', facts: { number: 1 } },
      { code: 'rows_counted', facts: { number: 2 } },
    ],
  })
})

test('what only an administrator may load says nothing about the archive', async () => {
  const attack = `EXECUTE 'ALTER ROLE app SUPERUSER CREATEROLE';`
  expect((await drillOf(takesOver(attack))).verdict).toBe('inconclusive')
  const untrusted = `CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'pg_backend_pid'`
  expect((await drillOf(untrusted)).verdict).toBe('inconclusive')
})

test('what belongs to administrators is left out or made before: extensions, event triggers, publications, policies', async () => {
  const sql = `CREATE SCHEMA "My ""own"; CREATE EXTENSION tablefunc SCHEMA "My ""own"; CREATE EXTENSION IF NOT EXISTS tcn;
    CREATE TABLE t AS SELECT 1 AS n; ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;
    CREATE VIEW v AS SELECT "My ""own".normal_rand(1, 1, 1); COMMENT ON EXTENSION tcn IS 'x'; CREATE PUBLICATION p FOR TABLE t;
    CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()`
  expect(await drillOf(sql)).toMatchObject({
    verdict: 'passed',
    findings: [{ facts: { number: 1 } }, { facts: { number: 1 } }],
  })
})

test('a server that lets no temporary account in is not asked to load as its superuser', async () => {
  const { pg } = world
  const hba = pg.sql('SHOW hba_file').trim()
  const former = readFileSync(hba, 'utf8')
  writeFileSync(hba, 'local all all peer\n')
  pg.sql('SELECT pg_reload_conf()')
  try {
    expect(await drill()).toEqual({
      verdict: 'inconclusive',
      findings: [{ code: 'account_refused', facts: {} }],
    })
    assertUntouched()
  } finally {
    writeFileSync(hba, former)
    pg.sql('SELECT pg_reload_conf()')
  }
})

test('a login that may make databases but no roles loads by itself, and one that may read the server’s files does not', async () => {
  const { pg } = world
  pg.sql("CREATE ROLE maker LOGIN CREATEDB PASSWORD 'x'")
  const settings = world.settings('mabase', {
    user: 'maker',
    password: 'x',
    socket: undefined,
    host: '127.0.0.1',
  })
  try {
    expect((await drill('saved', world.io(), settings)).verdict).toBe('passed')
    pg.sql('GRANT pg_read_server_files TO maker')
    expect(await drill('saved', world.io(), settings)).toMatchObject({
      findings: [{ code: 'account_refused' }],
    })
    pg.sql('REVOKE pg_read_server_files FROM maker; ALTER ROLE maker CREATEROLE')
    expect((await drill('saved', world.io(), settings)).verdict).toBe('passed')
  } finally {
    pg.sql('DROP ROLE maker')
  }
  assertUntouched()
})
