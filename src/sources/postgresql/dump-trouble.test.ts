import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isProblem } from '../../domain/problem.ts'
import { findMarked } from '../../sys/process-tree.ts'
import { anOrder } from '../contract.ts'
import { postgresql } from './index.ts'
import { makeWorld, realUnlessDumping, withPrograms, type PgWorld } from './postgres-world.ts'

let world: PgWorld
beforeAll(async () => {
  world = await makeWorld()
  world.pg.sql("CREATE DATABASE mabase; CREATE ROLE app SUPERUSER LOGIN PASSWORD 'VerySecret:\\1'")
  world.pg.sql(
    `CREATE TABLE a AS SELECT g AS n, md5(g::text) AS h FROM generate_series(1, 20000) g; CREATE TABLE b AS SELECT * FROM a;
    SELECT lo_from_bytea(5000, convert_to(repeat('x', 100000), 'UTF8'))`,
    'mabase',
  )
})
afterAll(() => world.dispose())

/** A pg_dump that does something else when it is asked for a dump. */
const dumping = (script: string) => withPrograms(world, { pg_dump: `${realUnlessDumping}\n${script}` })

function produceWith(script: string) {
  const io = world.io()
  const run = dumping(script)(io.run)
  return postgresql.produce(world.settings('mabase'), anOrder('never'), { ...io, run })
}

describe('a dump that is not whole never becomes an archive', () => {
  const whole = (): Buffer =>
    execFileSync(
      'setpriv',
      [
        '--reuid',
        'postgres',
        '--regid',
        'postgres',
        '--init-groups',
        join(world.pg.bin, 'pg_dump'),
        '-Fc',
      ].concat(['-h', world.pg.socketDir, '-p', String(world.pg.port), '-U', 'postgres', 'mabase']),
      { cwd: '/', maxBuffer: 1 << 28 },
    )
  const incomplete = (error: unknown): boolean =>
    isProblem(error, 'dump_incomplete') && world.archives().length === 0

  test('when pg_dump is killed in the middle', async () => {
    await expect(produceWith('"$REAL" "$@" | head -c 200000; kill -KILL $$')).rejects.toSatisfy(incomplete)
  })

  test('when pg_dump fails after all of it was written', async () => {
    await expect(produceWith('"$REAL" "$@"; exit 1')).rejects.toSatisfy(incomplete)
  })

  test.each([
    ['nothing', () => 0],
    ['not even its magic', () => 4],
    ['a part of its table of contents', () => 1500],
    ['a part of its first table', () => 100_000],
    ['nearly everything', (size: number) => size - 1],
    ['all but its large objects', (size: number) => size - 400],
  ])('when what pg_dump wrote with exit code 0 is %s', async (_, kept) => {
    const size = kept(whole().length)
    await expect(produceWith(`"$REAL" "$@" | head -c ${size}; exit 0`)).rejects.toSatisfy(incomplete)
  })

  test('when a table is not in it', async () => {
    await expect(produceWith('exec "$REAL" --exclude-table=b "$@"')).rejects.toSatisfy(incomplete)
  })

  test('when it is something else', async () => {
    await expect(produceWith('exec "$REAL" "$@" --format=plain')).rejects.toSatisfy(incomplete)
  })

  test('when its compressed data are damaged', async () => {
    await expect(produceWith('"$REAL" "$@" | sed "s/\\x78\\x9c/\\x78\\x00/"')).rejects.toSatisfy(incomplete)
  })

  test('when the server dies in the middle', async () => {
    const { pg } = world
    const mark = join(pg.socketDir, 'half')
    const go = join(pg.socketDir, 'go')
    const slow = `set -o pipefail; "$REAL" "$@" | { head -c 65536; touch ${mark}; until [ -e ${go} ]; do sleep 0.05; done; cat; }`
    const work = produceWith(slow)
    work.catch(() => undefined)
    while (!existsSync(mark)) await sleep(20)
    await pg.stop('cut')
    execFileSync('touch', [go])
    await expect(work).rejects.toSatisfy(
      (error) => incomplete(error) || isProblem(error, 'database_unreachable'),
    )
    await pg.start()
  })
})

test('a disk that is full is told as that, and nothing stays on it', async () => {
  const { archivesDir } = world.places
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', archivesDir])
  try {
    const work = world.produce(world.settings('mabase'), 'too-big')
    await expect(work).rejects.toSatisfy((error) => isProblem(error, 'disk_full'))
    expect(world.archives()).toEqual([])
  } finally {
    execFileSync('umount', [archivesDir])
  }
})

test('the dump shows one moment: what comes later is not in it, and is not missed', async () => {
  const { pg } = world
  const late = `"\${REAL%pg_dump}psql" -X -q -c 'CREATE TABLE late AS SELECT 1 AS n; DELETE FROM a' mabase >&2; exec "$REAL" "$@"`
  const io = world.io()
  const run = dumping(late)(io.run)
  await postgresql.produce(world.settings('mabase'), anOrder('moment'), { ...io, run })
  expect(pg.sql('SELECT count(*) FROM a', 'mabase')).toBe('0\n')
  await world.restore(world.request('moment', world.settings('mabase'), { target_database: 'moment' }))
  expect(pg.sql('SELECT count(*) FROM a', 'moment')).toBe('20000\n')
  expect(pg.sql("SELECT to_regclass('late') IS NULL", 'moment')).toBe('t\n')
})

test('the password is in no argument, environment, log, error or archive, and its file is gone afterwards', async () => {
  const { pg } = world
  const io = world.io()
  const mark = join(pg.socketDir, 'slow')
  const run = dumping(`"$REAL" "$@" | { head -c 30000; touch ${mark}; sleep 1; cat; }`)(io.run)
  const settings = postgresql.settings.parse({
    database: 'mabase',
    host: '127.0.0.1',
    port: pg.port,
    user: 'app',
    password: 'VerySecret:\\1',
  })
  const work = postgresql.produce(settings, anOrder('secretive'), { ...io, run })
  const seen: string[] = []
  let reached = 0
  while (reached < 5) {
    for (const pid of findMarked(io.operation)) seen.push(listing(pid))
    if (existsSync(mark)) reached += 1
    await sleep(20)
  }
  const files = readdirSync('/run').filter((name) => name.startsWith(`backupmanager-private-${process.pid}-`))
  expect(files).toHaveLength(1)
  await work
  expect(seen.some((text) => text.includes('--format=custom'))).toBe(true)
  expect(seen.some((text) => text.includes('PGPASSFILE='))).toBe(true)
  expect(seen.filter((text) => text.includes('VerySecret'))).toEqual([])
  expect(JSON.stringify(io.lines)).not.toContain('VerySecret')
  expect(readFileSync(join(world.places.archivesDir, 'secretive.tar'), 'latin1')).not.toContain('VerySecret')
  expect(readFileSync(join(world.places.archivesDir, 'secretive.info.json'), 'utf8')).not.toContain(
    'VerySecret',
  )
  expect(
    readdirSync('/run').filter((name) => name.startsWith(`backupmanager-private-${process.pid}-`)),
  ).toEqual([])
})

/** Arguments and environment of a process, as anybody's `ps` would show them. */
function listing(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8')
  } catch {
    // It has just ended.
    return ''
  }
}
