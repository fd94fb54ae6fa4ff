import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isProblem, Problem } from '../../domain/problem.ts'
import type { Run } from '../../sys/process.ts'
import { anOrder, describeSource } from '../contract.ts'
import { verifyArchive } from '../../archive/verify.ts'
import { postgresql } from './index.ts'
import { makeWorld, realUnlessDumping, withPrograms, type PgWorld } from './postgres-world.ts'

let world: PgWorld
beforeAll(async () => {
  world = await makeWorld()
  const { pg } = world
  pg.sql(
    "CREATE ROLE app LOGIN PASSWORD 'right:\\ pass'; CREATE ROLE weak LOGIN PASSWORD 'weak'; CREATE DATABASE mabase OWNER app",
  )
  pg.sql(
    'CREATE TABLE t AS SELECT g AS n, md5(g::text) AS h FROM generate_series(1, 3000) g; ALTER TABLE t OWNER TO app',
    'mabase',
  )
  pg.sql('CREATE DATABASE contract')
  pg.sql('CREATE TABLE t AS SELECT g AS n, md5(g::text) AS h FROM generate_series(1, 20000) g', 'contract')
})
afterAll(() => world.dispose())

/** Over TCP with a password. */
const tcp = (user: string, password: string, more: Readonly<Record<string, unknown>> = {}) =>
  postgresql.settings.parse({
    database: 'mabase',
    host: '127.0.0.1',
    port: world.pg.port,
    user,
    password,
    ...more,
  })

describe('the contract', () => {
  let slowed: ((run: Run) => Run) | null = null
  /** Programs are found by the PATH, not by the places that the suite can change: their absence is shown further down. */
  const contracted = {
    ...postgresql,
    tools: [],
    produce: ((settings, order, io) =>
      postgresql.produce(
        settings,
        order,
        slowed ? { ...io, run: slowed(io.run) } : io,
      )) satisfies typeof postgresql.produce,
  }
  describeSource(contracted, async () => {
    const own = await makeWorld(world.pg)
    return {
      settings: { database: 'contract', socket: own.pg.socketDir, port: own.pg.port },
      places: own.places,
      withoutTool: null,
      slowDown: () => {
        const mark = join(own.pg.socketDir, `reached-${randomUUID()}`)
        const slow = `${realUnlessDumping}\n"$REAL" "$@" | { head -c 100000; touch ${mark}; exec sleep 1000; }`
        slowed = withPrograms(own, { pg_dump: slow })
        return Promise.resolve({ reached: () => Promise.resolve(existsSync(mark)) })
      },
      dispose: () => {
        slowed = null
        return own.dispose()
      },
    }
  })
})

describe('an archive', () => {
  test('holds recipe and dump in our layout, vouches for them, and remembers no secret', async () => {
    const made = await world.produce(tcp('app', 'right:\\ pass'), 'layout')
    const tar = join(world.places.archivesDir, 'layout.tar')
    const names = execFileSync('tar', ['-tf', tar]).toString().split('\n')
    expect(names.slice(0, 4)).toEqual(['info.json', 'backup.csv', 'hooks/', 'hooks/restore/'])
    expect(names.slice(-3)).toEqual(['data/postgresql/mabase.dump', 'backup_info.json', ''])
    const member = (name: string): string =>
      execFileSync('tar', ['-xOf', tar, `data/postgresql/.backupmanager/${name}`]).toString()
    expect(
      ['format', 'database', 'dump', 'owner', 'encoding', 'collate', 'ctype', 'roles', 'tables'].map(member),
    ).toEqual(
      ['2', 'mabase', 'mabase.dump', 'app', 'UTF8', 'C.UTF-8', 'C.UTF-8', 'app', '1'].map(
        (value) => `${value}\n`,
      ),
    )
    expect(await verifyArchive(world.places.archivesDir, 'layout', {})).toMatchObject({
      damage: '',
      sha256: made.sha256,
    })
    expect(made.backupInfo).toMatchObject({
      format: 2,
      database: 'mabase',
      user: 'app',
      host: '127.0.0.1',
      tables: 1,
    })
    const recalled = postgresql.restore.recall({ info: made.info, backupInfo: made.backupInfo })
    expect(recalled).toEqual({ database: 'mabase', user: 'app', host: '127.0.0.1', port: world.pg.port })
    expect(postgresql.restore.recall({ info: {}, backupInfo: { type: 'mysql', database: 'x' } })).toBeNull()
  })

  test('of somebody who may not read passwords says whose are missing, without turning the run yellow', async () => {
    const made = await world.produce(tcp('app', 'right:\\ pass'), 'passwordless')
    expect(made.warnings).toEqual([{ code: 'passwords_unknown', facts: { roles: 'app' } }])
    expect(made.targets).toEqual([{ kind: 'database', id: 'mabase', status: 'success' }])
    const superuser = await world.produce(world.settings('mabase'), 'with-passwords')
    expect(superuser.warnings).toEqual([])
    const roles = execFileSync('tar', [
      '-xOf',
      join(world.places.archivesDir, 'with-passwords.tar'),
      'data/postgresql/.backupmanager/roles.sql',
    ])
    expect(roles.toString()).toContain("PASSWORD 'SCRAM-SHA-256$")
  })

  test('does not hold the password of the superuser that every server has', async () => {
    world.pg.sql("ALTER ROLE postgres PASSWORD 'root of all'")
    await world.produce(world.settings('postgres'), 'first-role')
    const file = readFileSync(join(world.places.archivesDir, 'first-role.tar'), 'latin1')
    expect(file).not.toContain('SCRAM-SHA-256$')
  })
})

describe('the form', () => {
  test('is offered the databases, without templates', async () => {
    const { pg } = world
    expect(await postgresql.offers({ socket: pg.socketDir, port: pg.port, database: 7 }, world.io())).toEqual(
      {
        missingTool: null,
        databases: ['contract', 'mabase', 'postgres'],
        error: null,
      },
    )
  })

  test('is told why the server could not be asked', async () => {
    const { pg } = world
    const ask = (given: Readonly<Record<string, unknown>>) => postgresql.offers(given, world.io())
    expect((await ask({ host: '127.0.0.1', port: pg.port, user: 'app', password: 'wrong' })).error).toMatch(
      /password authentication failed/,
    )
    expect((await ask({ socket: '/nonexistent' })).error).toMatch(/No such file/)
    expect((await ask({ host: 'a b' })).error).toMatch(/host/)
  })

  test('says which program is missing', async () => {
    const without = withPrograms(world, { pg_restore: 'exit 127' })
    const io = world.io()
    expect(
      await postgresql.offers(
        { socket: world.pg.socketDir, port: world.pg.port },
        { ...io, run: without(io.run) },
      ),
    ).toEqual({
      missingTool: 'pg_restore',
      databases: null,
      error: null,
    })
  })
})

describe('settings', () => {
  test.each([
    [{ database: 'template1' }, 'name_reserved'],
    [{ database: 'a\nb' }, 'control_characters'],
    [{ database: 'é'.repeat(32) }, 'database_name_invalid'],
    [{ database: 'x', host: 'a,b' }, 'host_invalid'],
    [{ database: 'x', host: '/run/postgresql' }, 'host_invalid'],
    [{ database: 'x', port: 0 }, 'port_invalid'],
    [{ database: 'x', socket: 'run' }, 'path_not_absolute'],
    [{ database: 'x', socket: '/run', host: 'localhost' }, 'unexpected'],
    [{ database: 'x', password: 'a\nb' }, 'control_characters'],
  ])('%j are refused', (given, message) => {
    expect(postgresql.settings.safeParse(given).error?.issues[0]?.message).toContain(message)
  })

  test('of the specification are accepted', () => {
    const given = { database: 'mabase', user: 'postgres' }
    expect(postgresql.settings.parse(given)).toEqual(given)
    expect(postgresql.subject(postgresql.settings.parse({ database: 'Ma Base' }), 'x')).toBe(
      'postgresql_ma-base',
    )
  })
})

describe('what is wrong', () => {
  const check = (settings: ReturnType<typeof tcp>) => postgresql.check(settings, world.io())
  const produced = (settings: ReturnType<typeof tcp>) => world.produce(settings, 'never')
  const leftBehind = () => world.archives().filter((name) => name.includes('never'))

  test('a wrong password is the password field’s fault', async () => {
    const settings = tcp('app', 'wrong')
    expect(await check(settings)).toMatchObject([{ field: 'config.password', code: 'login_refused' }])
    await expect(produced(settings)).rejects.toSatisfy((error) => isProblem(error, 'database_login_refused'))
  })

  test('a login without a password is the user field’s fault', async () => {
    const settings = world.settings('mabase', { user: 'app' })
    expect(await check(settings)).toMatchObject([{ field: 'config.user', code: 'login_refused' }])
    const nobody = postgresql.settings.parse({
      database: 'mabase',
      host: '127.0.0.1',
      port: world.pg.port,
      user: 'app',
    })
    expect(await check(nobody)).toMatchObject([{ field: 'config.user', code: 'login_refused' }])
  })

  test('a server that is away is the host’s', async () => {
    const settings = tcp('app', 'x', { port: 1 })
    expect(await check(settings)).toMatchObject([{ field: 'config.host', code: 'server_unreachable' }])
    await expect(produced(settings)).rejects.toSatisfy((error) => isProblem(error, 'database_unreachable'))
    const unknown = tcp('app', 'x', { host: 'no-such-host.invalid' })
    expect(await check(unknown)).toMatchObject([{ field: 'config.host', code: 'server_unreachable' }])
  })

  test('a database that is not there is the database’s', async () => {
    const settings = world.settings('gone')
    expect(await check(settings)).toMatchObject([{ field: 'config.database', code: 'database_missing' }])
    await expect(produced(settings)).rejects.toSatisfy((error) => isProblem(error, 'database_missing'))
  })

  test('rights that are missing are the user’s', async () => {
    const settings = tcp('weak', 'weak')
    expect(await check(settings)).toEqual([
      { field: 'config.user', code: 'permission_denied', facts: { detail: 'public.t' } },
    ])
    await expect(produced(settings)).rejects.toSatisfy((error) => isProblem(error, 'database_login_refused'))
  })

  test('so are policies that would hide rows from the dump', async () => {
    const { pg } = world
    pg.sql('CREATE DATABASE guarded OWNER app')
    pg.sql(
      'CREATE TABLE r AS SELECT 1 AS n; ALTER TABLE r OWNER TO app; ALTER TABLE r ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
      'guarded',
    )
    const settings = tcp('app', 'right:\\ pass', { database: 'guarded' })
    await expect(produced(settings)).rejects.toSatisfy((error) => isProblem(error, 'database_login_refused'))
  })

  test('what the server says in another language is asked for once more', async () => {
    const speaking = (said: string): Run => {
      const io = world.io()
      // As psql passes on what a server says that speaks French; all else is real.
      const script = `case " $* " in *"dbname='mabase'"*|*"dbname='gone'"*) echo 'psql: error: connection to server on socket "/s" failed: FATAL:  ${said}' >&2; exit 2 ;; esac; exec "$REAL" "$@"`
      return withPrograms(world, { psql: script })(io.run)
    }
    const check = (database: string, run: Run) =>
      postgresql.check(world.settings(database), { ...world.io(), run })
    expect(await check('gone', speaking('la base de données n’existe pas'))).toMatchObject([
      { code: 'database_missing' },
    ])
    expect(await check('mabase', speaking('droit refusé'))).toMatchObject([{ code: 'permission_denied' }])
    const nowhere = withPrograms(world, {
      psql: `echo 'psql: error: connection to server on socket "/s" failed: FATAL:  authentification par mot de passe échouée' >&2; exit 2`,
    })(world.io().run)
    expect(await check('mabase', nowhere)).toMatchObject([{ code: 'login_refused' }])
  })

  test('a tool that is missing is named', async () => {
    const io = world.io()
    for (const tool of ['pg_dump', 'psql', 'pg_restore']) {
      const run = withPrograms(world, { [tool]: 'exit 127' })(io.run)
      const work = postgresql.produce(world.settings('mabase'), anOrder('never'), { ...io, run })
      await expect(work).rejects.toSatisfy(
        (error) => isProblem(error, 'tool_missing') && error.facts['tool'] === tool,
      )
    }
    const bare: Run = (file, args, options = {}) =>
      io.run(file, args, { ...options, env: { ...options.env, PATH: '/nonexistent' } })
    const checked = postgresql.check(tcp('app', 'x'), { ...io, run: bare })
    expect(await checked).toEqual([
      { field: 'config.database', code: 'tool_missing', facts: { tool: 'pg_dump' } },
    ])
  })

  test('a pg_dump that is older than the server is told with the version that is needed', async () => {
    const io = world.io()
    const old = `[ "$1" = --version ] && { echo 'pg_dump (PostgreSQL) 9.6.24'; exit; }; exec "$REAL" "$@"`
    const run = withPrograms(world, { pg_dump: old })(io.run)
    const [wrong] = await postgresql.check(world.settings('mabase'), { ...io, run })
    expect(wrong).toMatchObject({
      code: 'tool_missing',
      facts: { tool: expect.stringMatching(/^pg_dump \d\d$/) },
    })
    const work = postgresql.produce(world.settings('mabase'), anOrder('never'), { ...io, run })
    await expect(work).rejects.toSatisfy((error) => isProblem(error, 'tool_missing'))
  })

  test('leaves nothing of an archive behind', async () => {
    await expect(produced(world.settings('gone'))).rejects.toBeInstanceOf(Problem)
    expect(leftBehind()).toEqual([])
  })
})

test('the estimate is what the database takes', async () => {
  const { bytes } = await postgresql.estimate(world.settings('mabase'), world.io(), false)
  expect(bytes).toBe(Number(world.pg.sql("SELECT pg_database_size('mabase')")))
})
