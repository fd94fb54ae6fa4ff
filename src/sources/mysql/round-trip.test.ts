import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startMariadb, type TestMariadb } from '../../../test/support/mariadb.ts'
import { verifyArchive } from '../../archive/verify.ts'
import { inventory, makeTorture, makeWorld, stateOf, type World } from './mysql-world.ts'
import { identifier } from './names.ts'

let server: TestMariadb
let world: World
beforeAll(async () => {
  server = await startMariadb()
})
afterAll(() => server.dispose())
beforeEach(async () => {
  world = await makeWorld(server)
})
afterEach(() => world.dispose())

const drop = (name: string): string => server.sql(`DROP DATABASE IF EXISTS ${identifier(name)};`)

describe('a database with one of everything', () => {
  const name = 'tor-ture é'
  beforeEach(() => makeTorture(server, name))
  afterEach(() => drop(name))

  test('comes back as it was after it was dropped', async () => {
    const before = stateOf(server, name)
    const settings = world.settings(name)
    const made = await world.produce(settings)
    expect(made.warnings).toEqual([{ code: 'tables_not_transactional', facts: { count: 2 } }])
    const verified = await verifyArchive(world.places.archivesDir, 'made')
    expect(verified).toMatchObject({ damage: '', sha256: made.sha256 })
    const there = inventory(server)
    drop(name)
    const restored = await world.restore(settings)
    expect(restored).toMatchObject({
      status: 'success',
      problem: null,
      plan: { replaces: false, safety: null },
    })
    expect(restored.steps).toEqual(['load_database:done', 'check_database:done', 'swap_database:done'])
    expect(stateOf(server, name)).toEqual(before)
    expect(inventory(server)).toBe(there)
    expect(world.archives()).toEqual([`.restore-${restored.operation}.journal`, 'made.info.json', 'made.tar'])
  })

  test('takes the place of what is there, and nothing of that stays', async () => {
    const before = stateOf(server, name)
    const settings = world.settings(name)
    await world.produce(settings)
    const there = inventory(server)
    server.sql(`USE ${identifier(name)};
ALTER DATABASE CHARACTER SET utf8mb4;
DROP VIEW v_checked; DROP TABLE checked; DROP TRIGGER tr1; DROP EVENT ev; DROP FUNCTION f;
CREATE TABLE later (x INT); INSERT INTO later VALUES (1); CREATE VIEW v_later AS SELECT * FROM later; DELETE FROM child;
CREATE TRIGGER tr_later BEFORE INSERT ON later FOR EACH ROW SET NEW.x = 2; CREATE TABLE v_checked (x INT);
CREATE EVENT ev_later ON SCHEDULE EVERY 1 DAY DO SELECT 1; CREATE PROCEDURE later() SELECT 1; CREATE SEQUENCE seq_later;
CREATE VIEW v_lost AS SELECT * FROM later; RENAME TABLE later TO later_on;`)
    const restored = await world.restore(settings)
    expect(restored).toMatchObject({ status: 'success', problem: null })
    expect(restored.steps).toEqual([
      'load_database:done',
      'check_database:done',
      'swap_database:done',
      'remove_former:done',
    ])
    const { password: _, ...shown } = settings
    expect(restored.plan).toMatchObject({ replaces: true, safety: { type: 'mysql', settings: shown } })
    expect(stateOf(server, name)).toEqual(before)
    expect(inventory(server)).toBe(there)
  })

  test('comes back under another name beside the first one', async () => {
    const before = stateOf(server, name)
    const settings = world.settings(name)
    await world.produce(settings)
    const other = 'an`other ÿ-name'
    const restored = await world.restore(settings, { target_database: other })
    expect(restored).toMatchObject({ status: 'success', problem: null })
    expect(stateOf(server, other)).toEqual(before)
    expect(stateOf(server, name)).toEqual(before)
    drop(name)
    expect(server.sql(`SELECT d FROM ${identifier(other)}.a_view_of_a_view WHERE id = 500;`)).toBe('1000\n')
    expect(server.sql(`INSERT INTO ${identifier(other)}.numbered (v) VALUES (3);`)).toBe('')
    drop(other)
  })

  test('comes back by MariaDB’s own client and nothing else', async () => {
    const before = stateOf(server, name)
    await world.produce(world.settings(name))
    drop(name)
    const out = join(world.folder, 'out')
    mkdirSync(out)
    execFileSync('tar', ['-xf', join(world.places.archivesDir, 'made.tar'), '-C', out])
    const recipe = (file: string): string =>
      readFileSync(join(out, 'data/mysql/.backupmanager', file), 'utf8').replace(/\n$/, '')
    expect(recipe('database')).toBe(name)
    expect(recipe('dump')).toBe('tor-ture__.sql')
    expect(recipe('tables')).toBe('19')
    server.sql(`CREATE DATABASE ${identifier(name)} CHARACTER SET ${recipe('charset')} COLLATE ${recipe('collation')};
USE ${identifier(name)};
${readFileSync(join(out, 'data/mysql', recipe('dump')), 'utf8')}`)
    expect(stateOf(server, name)).toEqual(before)
  })

  test('is never at work before it is in its place', async () => {
    await world.produce(world.settings(name))
    drop(name)
    const io = world.io()
    const seen: string[] = []
    const watching = world.io({
      run: async (file, args, options) => {
        const done = await io.run(file, args, options)
        seen.push(
          server.sql("SELECT EVENT_SCHEMA FROM information_schema.EVENTS WHERE EVENT_SCHEMA LIKE 'bm%';"),
        )
        return done
      },
    })
    await world.restore(world.settings(name), {}, 'made', watching)
    expect(seen.length).toBeGreaterThan(5)
    expect(seen.join('')).toBe('')
    expect(server.sql('SELECT COUNT(*) FROM information_schema.EVENTS;')).toBe('2\n')
  })
})

test.each(['dash-and space', 'été 日本', '-x', '#1', `qu'o"te`, 'a.b', 'per_cent%'])(
  'the name %s is no trouble',
  async (name) => {
    const [database, view] = [identifier(name), `${identifier(name)}.\`--v\``]
    server.sql(`CREATE DATABASE ${database}; CREATE TABLE ${database}.${database} (a INT);
CREATE VIEW ${view} AS SELECT a FROM ${database}.${database};`)
    const before = stateOf(server, name)
    await world.produce(world.settings(name))
    expect(await world.restore(world.settings(name))).toMatchObject({ status: 'success' })
    expect(stateOf(server, name)).toEqual(before)
    drop(name)
  },
)

test('an empty database comes back empty, with its character set', async () => {
  server.sql('CREATE DATABASE empty CHARACTER SET latin2 COLLATE latin2_bin;')
  await world.produce(world.settings('empty'))
  drop('empty')
  expect(await world.restore(world.settings('empty'))).toMatchObject({ status: 'success' })
  expect(stateOf(server, 'empty')).toEqual({ database: 'latin2\tlatin2_bin', 'grants on routines': '' })
  drop('empty')
})

test('a row that is longer in the dump than the server takes at one go comes back', async () => {
  server.sql(`SET GLOBAL max_allowed_packet = 2097152;`)
  server.sql(`CREATE DATABASE large; CREATE TABLE large.t (b LONGBLOB);
INSERT INTO large.t SELECT REPEAT(UNHEX('00FF'), 700000);`)
  const before = stateOf(server, 'large')
  const limit = 'SELECT @@GLOBAL.max_allowed_packet;'
  await world.produce(world.settings('large'))
  drop('large')
  expect(await world.restore(world.settings('large'))).toMatchObject({ status: 'success' })
  expect(stateOf(server, 'large')).toEqual(before)
  expect(server.sql(limit)).toBe('2097152\n')
  drop('large')
  server.sql('SET GLOBAL max_allowed_packet = 16777216;')
})

test('a view whose table is gone is left out with a warning, and the rest is saved', async () => {
  server.sql(`CREATE DATABASE half; USE half; CREATE TABLE t (a INT); CREATE TABLE u (a INT);
CREATE VIEW whole AS SELECT * FROM t; CREATE VIEW broken AS SELECT * FROM u; DROP TABLE u;`)
  const made = await world.produce(world.settings('half'))
  expect(made.warnings).toEqual([{ code: 'view_broken', path: 'half.broken' }])
  expect(made.targets).toEqual([{ kind: 'database', id: 'half', status: 'warning' }])
  drop('half')
  expect(await world.restore(world.settings('half'))).toMatchObject({ status: 'success' })
  expect(
    server.sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'half' ORDER BY 1;"),
  ).toBe('t\nwhole\n')
  drop('half')
})
