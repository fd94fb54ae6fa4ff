import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { startMariadb, type TestMariadb } from '../../../test/support/mariadb.ts'
import type { Problem } from '../../domain/problem.ts'
import { sendSignal } from '../../sys/process-tree.ts'
import { mysql } from './index.ts'
import { makeWorld, type World } from './mysql-world.ts'

const password = `s3cr#t "a'b\\c`
let server: TestMariadb
let world: World
beforeAll(async () => {
  server = await startMariadb()
  server.sql(`CREATE DATABASE shop; CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (1); CREATE TABLE shop.u (a INT);
CREATE USER clerk@localhost IDENTIFIED BY '${password.replaceAll(/['\\]/g, '\\$&')}'; GRANT ALL ON shop.* TO clerk@localhost;
CREATE USER looker@localhost IDENTIFIED BY 'x'; GRANT SELECT, SHOW VIEW ON shop.* TO looker@localhost;
CREATE USER far@'192.0.2.1' IDENTIFIED BY 'x';`)
})
afterAll(() => server.dispose())
beforeEach(async () => {
  world = await makeWorld(server)
})
afterEach(() => world.dispose())

const errors = async (database: string, more = {}) =>
  (await mysql.check(world.settings(database, more), world.io())).map(
    ({ field, code }) => `${field}: ${code}`,
  )

describe('what is wrong with the settings is told by field', () => {
  test('a password that is not right', async () => {
    expect(await errors('shop', { user: 'clerk', password: 'wrong' })).toEqual([
      'config.password: login_refused',
    ])
    expect(
      await errors('shop', { user: 'far', password: 'x', host: '127.0.0.1', port: server.port }),
    ).toEqual(['config.password: login_refused'])
  })

  test('a password with everything that option files treat specially is right', async () => {
    expect(await errors('shop', { user: 'clerk', password })).toEqual([])
    expect(await errors('shop', { user: 'clerk', password, host: '127.0.0.1', port: server.port })).toEqual(
      [],
    )
  })

  test('a server that does not answer', async () => {
    expect(await errors('shop', { socket: join(world.folder, 'nothing') })).toEqual([
      'config.host: server_unreachable',
    ])
    expect(await errors('shop', { host: '127.0.0.1', port: 1 })).toEqual(['config.host: server_unreachable'])
    expect(await errors('shop', { host: 'no-such-host.invalid' })).toEqual([
      'config.host: server_unreachable',
    ])
  })

  test('a database that is not there, also by another case', async () => {
    expect(await errors('shops')).toEqual(['config.database: database_missing'])
    expect(await errors('SHOP')).toEqual(['config.database: database_missing'])
    const made = world.produce(world.settings('shops'))
    await expect(made).rejects.toMatchObject({ code: 'database_missing' })
    await expect(mysql.estimate(world.settings('shops'), world.io(), false)).rejects.toMatchObject({
      code: 'database_missing',
    })
  })

  test('a user who would leave triggers and events out without a word', async () => {
    const settings = world.settings('shop', { user: 'looker', password: 'x' })
    expect(await mysql.check(settings, world.io())).toEqual([
      { field: 'config.user', code: 'permission_denied', facts: { detail: 'TRIGGER, EVENT' } },
    ])
    await expect(world.produce(settings)).rejects.toMatchObject({ code: 'validation_failed' })
    expect(world.archives()).toEqual([])
  })

  test('programs that are not installed', async () => {
    const io = world.io()
    const bare = world.io({
      run: (file, args, options) => io.run(file, args, { ...options, env: { PATH: world.bin } }),
    })
    expect(await mysql.check(world.settings('shop'), bare)).toEqual([
      { field: 'type', code: 'tool_missing', facts: { tool: 'mariadb-dump' } },
    ])
    expect(await mysql.offers({}, bare)).toEqual({
      missingTool: 'mariadb-dump',
      databases: null,
      error: null,
    })
  })
})

describe('the job’s form', () => {
  test('is offered the databases of the server, without its own', async () => {
    expect(await mysql.offers({ socket: server.socket, database: '' }, world.io())).toEqual({
      missingTool: null,
      databases: ['shop'],
      error: null,
    })
  })

  test('is told why there are none to offer', async () => {
    const socket = join(world.folder, 'nothing')
    const offered = await mysql.offers({ socket }, world.io())
    expect(offered).toMatchObject({ missingTool: null, databases: null })
    expect(offered.error).toContain(socket)
    expect(await mysql.offers({ port: 'x' }, world.io())).toEqual({
      missingTool: null,
      databases: null,
      error: null,
    })
  })

  test('is given an estimate that has room for what the archive takes', async () => {
    const made = await world.produce(world.settings('shop'))
    const estimated = await mysql.estimate(world.settings('shop'), world.io(), false)
    expect(estimated.bytes).toBeGreaterThanOrEqual(made.sizeBytes)
  })
})

describe('a dump that is not whole never becomes an archive', () => {
  const isDump = 'case "$*" in *--version*) exec $REAL "$@";; esac'
  test.each([
    ['is cut off in the middle', '$REAL "$@" | head -c 1200', 'dump_incomplete'],
    ['lacks its end', '$REAL "$@" | grep -v "Dump completed"', 'dump_incomplete'],
    ['lacks its beginning', '$REAL "$@" | tail -n +5', 'dump_incomplete'],
    ['is empty', 'exit 0', 'dump_incomplete'],
    [
      'lacks a table',
      '$REAL "$@" | sed "s/^CREATE TABLE .u. /CREATE TEMPORARY TABLE u /"',
      'dump_incomplete',
    ],
    [
      'ends with an error',
      '$REAL "$@"; echo "mariadb-dump: Error 2013: Lost connection to server during query" >&2; exit 3',
      'command_failed',
    ],
    ['is ended by a signal', '$REAL "$@" | head -c 2500; kill -9 $$', 'command_failed'],
    [
      'says that it is whole, and is not',
      '$REAL "$@" | head -c 2500; echo "-- Dump completed on"; exit 2',
      'command_failed',
    ],
  ])('because it %s', async (_, script, code) => {
    world.standIn('mariadb-dump', `${isDump}\n${script}`)
    await expect(world.produce(world.settings('shop'))).rejects.toMatchObject({ code })
    expect(world.archives()).toEqual([])
  })

  test('also when the server dies under it', async () => {
    const own = await startMariadb()
    own.sql('CREATE DATABASE big; CREATE TABLE big.t (b LONGBLOB);')
    own.sql(
      `INSERT INTO big.t VALUES ${Array.from({ length: 20 }, () => "(REPEAT('x', 1000000))").join(', ')};`,
    )
    world.standIn(
      'mariadb-dump',
      `${isDump}\nif [[ "$*" == *--skip-triggers* ]]; then $REAL "$@" | (head -c 3000000; kill -9 ${own.pid}; sleep 0.2; cat); exit \${PIPESTATUS[0]}; fi\nexec $REAL "$@"`,
    )
    const made = world.produce(world.settings('big', { socket: own.socket }))
    await expect(made).rejects.toSatisfy((problem: Problem) =>
      ['command_failed', 'database_unreachable', 'dump_incomplete'].includes(problem.code),
    )
    expect(world.archives()).toEqual([])
    await own.dispose()
  })

  test('tables that come and go while it is made are seen, and it is made again', async () => {
    const once = join(world.folder, 'once')
    world.standIn(
      'mariadb-dump',
      `${isDump}
if [[ ! -e '${once}' ]]; then touch '${once}'; mariadb --no-defaults --socket=${server.socket} --user=root -e 'CREATE TABLE shop.more (a INT)'; fi
exec $REAL "$@"`,
    )
    const made = await world.produce(world.settings('shop'))
    expect(made.backupInfo['tables']).toBe(3)
    server.sql('DROP TABLE shop.more;')
  })
})

describe('a password', () => {
  test('is in no argument, environment, log, problem or archive', async () => {
    const mark = join(world.folder, 'reached')
    world.standIn(
      'mariadb-dump',
      `case "$*" in *--version*) exec $REAL "$@";; esac
$REAL "$@"; touch '${mark}'; while [[ ! -e '${mark}.go' ]]; do sleep 0.05; done`,
    )
    const io = world.io()
    const work = world.produce(world.settings('shop', { user: 'clerk', password }), 'made', io)
    await Promise.race([eventually(() => existsSync(mark)), work])
    const seen = io
      .running()
      .map((pid) => ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8')).join())
    writeFileSync(`${mark}.go`, '')
    const made = await work
    expect(seen.length).toBeGreaterThan(0)
    const archive = readFileSync(join(world.places.archivesDir, 'made.tar'))
    expect(archive.includes('CREATE TABLE `t`')).toBe(true)
    for (const text of [seen.join(), JSON.stringify([io.lines, made]), archive.toString('latin1')]) {
      expect(text).not.toContain('s3cr')
    }
  })

  test('is not repeated by what the server says of it', async () => {
    world.standIn(
      'mariadb-dump',
      `case "$*" in *--version*) exec $REAL "$@";; esac
echo "mariadb-dump: Got error: 1064: \\"near 'hunter2'\\"" >&2; exit 2`,
    )
    server.sql("CREATE USER h@localhost IDENTIFIED BY 'hunter2'; GRANT ALL ON shop.* TO h@localhost;")
    const io = world.io()
    const made = world.produce(world.settings('shop', { user: 'h', password: 'hunter2' }), 'made', io)
    const problem = await made.then(
      () => null,
      (error: Problem) => error,
    )
    expect(problem?.code).toBe('command_failed')
    expect(
      JSON.stringify([problem?.facts, problem?.message, String(problem?.cause), io.lines]),
    ).not.toContain('hunter2')
  })

  test('is in a file that nobody else can read, which goes away, also when its process was killed', async () => {
    const root = process.getuid?.() === 0 ? '/run' : '/tmp'
    const folders = (): string[] =>
      readdirSync(root).filter((name) => name.startsWith('backupmanager-private-'))
    const modes: string[] = []
    const gone = 4_194_300
    expect(sendSignal(gone, 0)).toBe(false)
    mkdirSync(join(root, `backupmanager-private-${gone}-x`))
    const io = world.io()
    const watching = world.io({
      run: (file, args, options) => {
        const path = args.find((arg) => arg.startsWith('--defaults-file='))?.slice('--defaults-file='.length)
        if (path !== undefined)
          modes.push(...[path, join(path, '..')].map((one) => (statSync(one).mode & 0o777).toString(8)))
        return io.run(file, args, options)
      },
    })
    await world.produce(world.settings('shop', { user: 'clerk', password }), 'made', watching)
    expect(new Set(modes)).toEqual(new Set(['600', '700']))
    expect(
      folders().filter((name) => name.includes(`-${process.pid}-`) || name.includes(`-${gone}-`)),
    ).toEqual([])
  })
})
