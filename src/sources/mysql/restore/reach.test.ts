import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startMariadb, type TestMariadb } from '../../../../test/support/mariadb.ts'
import { mysql } from '../index.ts'
import { inventory, makeWorld, type World } from '../mysql-world.ts'
import { scratchName } from '../names.ts'
import { patchArchive } from './restore-world.ts'

let server: TestMariadb
let world: World
let there: string
beforeAll(async () => {
  server = await startMariadb(['max_allowed_packet=2M'])
})
afterAll(() => server.dispose())
beforeEach(async () => {
  world = await makeWorld(server)
  server.sql(`CREATE DATABASE other; CREATE TABLE other.precious (a INT); INSERT INTO other.precious VALUES (1);
CREATE DATABASE wiki; CREATE TABLE wiki.t (a INT, note LONGTEXT); INSERT INTO wiki.t VALUES (1, 'x--\x01 ;; y');
CREATE USER app@localhost IDENTIFIED BY 'x'; GRANT ALL ON wiki.* TO app@localhost;`)
})
afterEach(async () => {
  server.sql(
    'DROP DATABASE IF EXISTS wiki; DROP DATABASE IF EXISTS other; DROP USER IF EXISTS app@localhost;',
  )
  await world.dispose()
})

/** As the app could write it by itself: the server has it as one comment up to the end of the line. */
function makeTrap(byte: string): void {
  const body = `SELECT 1 --${byte} ;; DROP TABLE other.precious;; GRANT ALL ON *.* TO app@localhost WITH GRANT OPTION;; SELECT 2\n + 1`
  server.sql(
    `USE wiki; SET NAMES latin1; EXECUTE IMMEDIATE 0x${Buffer.from(`CREATE DEFINER=app@localhost PROCEDURE p() ${body}`, 'latin1').toString('hex')};`,
  )
}

function isUnharmed(): void {
  expect(server.sql('SELECT a FROM other.precious;')).toBe('1\n')
  expect(server.sql('SHOW GRANTS FOR app@localhost;')).not.toContain('ON *.* TO `app`@`localhost` WITH')
  expect(server.sql('SHOW GRANTS FOR app@localhost;')).toContain('GRANT USAGE ON *.*')
  expect(inventory(server)).toBe(there)
}

const drill = (settings = world.settings('wiki'), io = world.io()) =>
  mysql.restore.drill({ archive: 'made', settings, options: {} }, 'load', io)

/** The archive of a procedure with another byte behind its dashes, which a dump takes, gets the trap's byte. */
async function archiveWithTrap(byte: string): Promise<void> {
  makeTrap(' ')
  await world.produce(world.settings('wiki'))
  patchArchive(world, 'SELECT 1 --  ;;', `SELECT 1 --${byte} ;;`)
  server.sql('DROP PROCEDURE wiki.p;')
}

describe('a procedure that hides statements from the client', () => {
  test.each(['\x01', '\x1f', '\xa0'])('is not written into an archive: %j', async (byte) => {
    makeTrap(byte)
    there = inventory(server)
    await expect(world.produce(world.settings('wiki'))).rejects.toMatchObject({
      code: 'dump_incomplete',
      facts: { detail: 'PROCEDURE p: a control character behind "--"' },
    })
    expect(world.archives()).toEqual([])
    isUnharmed()
  })

  test('fails a drill of an archive that has it', async () => {
    await archiveWithTrap('\x01')
    there = inventory(server)
    expect(await drill()).toMatchObject({
      verdict: 'failed',
      findings: [
        { code: 'dump_refused', facts: { detail: expect.stringContaining('PROCEDURE p') as string } },
      ],
    })
    isUnharmed()
  })

  test('fails a restore of an archive that has it', async () => {
    await archiveWithTrap('\x01')
    there = inventory(server)
    const restored = await world.restore(world.settings('wiki'))
    expect(restored).toMatchObject({ status: 'rolled_back', problem: { code: 'archive_unsafe' } })
    expect(server.sql('SELECT a FROM wiki.t;')).toBe('1\n')
    isUnharmed()
  })

  test('has no effect where it is not recognised, by the rights of whoever loads it', async () => {
    await archiveWithTrap('x')
    patchArchive(world, 'SELECT 1 --x ;;', 'SELECT 1 - 1 ;;')
    there = inventory(server)
    expect(await drill()).toMatchObject({ verdict: 'failed', findings: [{ code: 'dump_refused' }] })
    isUnharmed()
    const restored = await world.restore(world.settings('wiki'))
    expect(restored).toMatchObject({ status: 'rolled_back', problem: { code: 'archive_unsafe' } })
    isUnharmed()
  })
})

describe('a doctored dump', () => {
  test('that drops another database is refused, and that database stays', async () => {
    server.sql(`CREATE TABLE wiki.zz (a INT) COMMENT '${'-'.repeat(40)}';`)
    await world.produce(world.settings('wiki'))
    patchArchive(world, 'DROP TABLE IF EXISTS `zz`;\n', 'DROP DATABASE `other`;    \n'.slice(0, 26) + '\n')
    there = inventory(server)
    const restored = await world.restore(world.settings('wiki'), { target_database: 'beside' })
    expect(restored).toMatchObject({ status: 'rolled_back', problem: { code: 'archive_unsafe' } })
    isUnharmed()
    expect(await drill()).toMatchObject({ verdict: 'failed', findings: [{ code: 'dump_refused' }] })
    isUnharmed()
  })

  test('that does so in the part that is loaded last is taken back', async () => {
    server.sql(
      "CREATE EVENT wiki.ev_with_a_long_name ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO SELECT 1;",
    )
    await world.produce(world.settings('wiki'))
    const statement = 'DROP DATABASE `other`'
    const drop = '/*!50106 DROP EVENT IF EXISTS `ev_with_a_long_name` */;'
    patchArchive(world, drop, `${statement};`.padEnd(drop.length))
    there = inventory(server)
    const restored = await world.restore(world.settings('wiki'), { target_database: 'beside' })
    expect(restored).toMatchObject({ status: 'rolled_back', problem: { code: 'archive_unsafe' } })
    isUnharmed()
  })
})

test('programs of others come back, also where the server writes a binary log', async () => {
  server.sql(
    `CREATE DEFINER=ghost@'%' FUNCTION wiki.f() RETURNS INT RETURN 1; USE wiki; CREATE DEFINER=root@localhost TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 2;
CREATE DEFINER=ghost@'%' VIEW wiki.v AS SELECT a FROM wiki.t;`.replace(
      'RETURNS INT RETURN',
      'RETURNS INT DETERMINISTIC RETURN',
    ),
  )
  await world.produce(world.settings('wiki'))
  there = inventory(server)
  expect(await drill()).toEqual({
    verdict: 'passed',
    findings: [
      { code: 'tables_loaded', facts: { number: 1 } },
      { code: 'rows_counted', facts: { number: 1 } },
    ],
  })
  expect(await world.restore(world.settings('wiki'))).toMatchObject({ status: 'success', remarks: [] })
  expect(inventory(server)).toBe(there)
  expect(server.sql("SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'wiki';")).toBe(
    'ghost@%\n',
  )
  expect(server.sql("SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'wiki';")).toBe(
    'root@localhost\n',
  )
})

test('an account that may not raise a limit says nothing about the archive, and nothing stays', async () => {
  server.sql("INSERT INTO wiki.t VALUES (2, REPEAT('x', 900000)), (3, REPEAT('y', 900000));")
  await world.produce(world.settings('wiki'))
  server.sql('SET GLOBAL max_allowed_packet = 1024 * 512; GRANT ALL ON `bm\\_new\\_%`.* TO app@localhost;')
  there = inventory(server)
  const result = await drill(world.settings('wiki', { user: 'app', password: 'x', socket: server.socket }))
  expect(result).toMatchObject({ verdict: 'inconclusive', findings: [{ code: 'failed_unexpectedly' }] })
  server.sql('REVOKE ALL ON `bm\\_new\\_%`.* FROM app@localhost;')
  expect(inventory(server)).toBe(there)
  server.sql('SET GLOBAL max_allowed_packet = 1024 * 1024;')
})

test('a database of somebody else that has the name of ours stays', async () => {
  await world.produce(world.settings('wiki'))
  const io = world.io()
  const name = scratchName(io.operation)
  server.sql(`CREATE DATABASE ${name}; CREATE TABLE ${name}.theirs (a INT);`)
  there = inventory(server)
  expect(await drill(world.settings('wiki'), io)).toMatchObject({ verdict: 'inconclusive' })
  expect(await world.restore(world.settings('wiki'), {}, 'made', io)).toMatchObject({
    problem: { code: 'restore_failed' },
  })
  expect(server.sql(`SHOW TABLES FROM ${name};`)).toBe('theirs\n')
  expect(inventory(server)).toBe(there)
  server.sql(`DROP DATABASE ${name};`)
})

test('an account that a killed drill left is removed by a later one', async () => {
  await world.produce(world.settings('wiki'))
  there = inventory(server)
  server.sql(
    'CREATE USER bm_load_0123abcd@localhost; GRANT ALL ON `bm\\_new\\_00000009`.* TO bm_load_0123abcd@localhost;',
  )
  expect(await drill()).toMatchObject({ verdict: 'passed' })
  expect(inventory(server)).toBe(there)
})
