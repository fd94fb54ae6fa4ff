import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../../../test/support/eventually.ts'
import { startMariadb, type TestMariadb } from '../../../../test/support/mariadb.ts'
import type { SourceIo } from '../../source.ts'
import { mysql } from '../index.ts'
import { inventory, makeTorture, makeWorld, stateOf, type World } from '../mysql-world.ts'
import type { Settings } from '../settings.ts'
import { patchArchive } from './restore-world.ts'

let server: TestMariadb
let world: World
let there: string
beforeAll(async () => {
  server = await startMariadb()
})
afterAll(() => server.dispose())
beforeEach(async () => {
  world = await makeWorld(server)
  makeTorture(server, 'tor-ture')
  await world.produce(world.settings('tor-ture'))
  there = inventory(server)
})
afterEach(() => world.dispose())

const drill = (settings: Settings = world.settings('tor-ture'), io: SourceIo = world.io()) =>
  mysql.restore.drill({ archive: 'made', settings, options: {} }, 'load', io)

test('a good archive passes: all tables loaded, all rows counted, the live database and the server as before', async () => {
  const before = stateOf(server, 'tor-ture')
  const rows = server
    .sql(
      "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'tor-ture' AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED');",
    )
    .split('\n')
    .filter((table) => table !== '')
    .map((table) =>
      Number(server.sql(`SELECT COUNT(*) FROM \`tor-ture\`.\`${table.replaceAll('`', '``')}\`;`)),
    )
    .reduce((a, b) => a + b)
  expect(await drill()).toEqual({
    verdict: 'passed',
    findings: [
      { code: 'tables_loaded', facts: { number: 19 } },
      { code: 'rows_counted', facts: { number: rows } },
    ],
  })
  expect(stateOf(server, 'tor-ture')).toEqual(before)
  expect(inventory(server)).toBe(there)
})

test('also when the database itself is gone', async () => {
  server.sql('DROP DATABASE `tor-ture`;')
  expect(await drill()).toMatchObject({ verdict: 'passed' })
})

test('a dump that the server refuses fails, and nothing of it stays', async () => {
  patchArchive(world, 'INSERT INTO `lat` VALUES', 'INSERT INTO `xxx` VALUES')
  expect(await drill()).toEqual({
    verdict: 'failed',
    findings: [{ code: 'dump_refused', facts: { detail: expect.stringContaining('ERROR 1146') as string } }],
  })
  expect(inventory(server)).toBe(there)
})

test('a dump without its end, or an archive that is cut off, fails', async () => {
  patchArchive(world, '\n\n-- Dump completed\n', '\n\n-- Dump complete?\n')
  expect(await drill()).toMatchObject({ verdict: 'failed', findings: [{ code: 'damage' }] })
  truncateSync(join(world.places.archivesDir, 'made.tar'), 20_480)
  expect(await drill()).toMatchObject({ verdict: 'failed', findings: [{ code: 'damage' }] })
  expect(inventory(server)).toBe(there)
})

test('an archive that announces more tables than it has fails', async () => {
  patchArchive(world, '19\n\0', '20\n\0')
  expect(await drill()).toEqual({
    verdict: 'failed',
    findings: [
      { code: 'tables_loaded', facts: { number: 19 } },
      { code: 'table_missing', facts: { table: '19 / 20' } },
    ],
  })
})

test('what the machine could not do says nothing about the archive', async () => {
  expect(await drill(world.settings('tor-ture', { socket: join(world.folder, 'no') }))).toMatchObject({
    verdict: 'inconclusive',
    findings: [{ code: 'server_unreachable' }],
  })
  expect(await drill(world.settings('tor-ture', { user: 'nobody', password: 'x' }))).toMatchObject({
    verdict: 'inconclusive',
    findings: [{ code: 'server_unreachable' }],
  })
  const io = world.io()
  const bare = world.io({
    run: (file, args, options) => io.run(file, args, { ...options, env: { PATH: world.bin } }),
  })
  expect(await drill(world.settings('tor-ture'), bare)).toMatchObject({
    verdict: 'inconclusive',
    findings: [{ code: 'tool_missing', facts: { tool: 'mariadb-dump' } }],
  })
})

test('a drill that is cancelled leaves nothing', async () => {
  const stop = new AbortController()
  const io = world.io()
  const own = world.io({
    signal: stop.signal,
    run: (file, args, options) => {
      if (args.some((arg) => arg.startsWith('--database=bm_new'))) queueMicrotask(() => stop.abort())
      return io.run(file, args, options)
    },
  })
  await expect(drill(world.settings('tor-ture'), own)).rejects.toMatchObject({ code: 'cancelled' })
  await eventually(() => inventory(server) === there)
})

test('what a killed drill left is removed by a later one, and only that', async () => {
  const old = Date.parse('2026-05-01T00:00:00Z')
  const fresh = Date.parse('2026-05-08T02:00:00Z')
  server.sql(`CREATE DATABASE bm_new_00000001 COMMENT 'BackupManager drill of ${old}';
CREATE DATABASE bm_new_00000002 COMMENT 'BackupManager drill of ${fresh}';
CREATE DATABASE bm_new_00000003; CREATE DATABASE mine COMMENT 'BackupManager drill of ${old}';`)
  expect(await drill()).toMatchObject({ verdict: 'passed' })
  expect(server.sql("SHOW DATABASES LIKE 'bm_new%';")).toBe('bm_new_00000002\nbm_new_00000003\n')
  expect(server.sql("SHOW DATABASES LIKE 'mine';")).toBe('mine\n')
  server.sql('DROP DATABASE bm_new_00000002; DROP DATABASE bm_new_00000003; DROP DATABASE mine;')
})
