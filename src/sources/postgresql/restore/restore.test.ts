import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planDigest } from '../../../sys/plan-digest.ts'
import { CommandError, type Run } from '../../../sys/process.ts'
import type { WatchedIo } from '../../contract.ts'
import { carryOut } from '../../restore/transaction.ts'
import type { RestoreRequest } from '../../source.ts'
import { postgresql } from '../index.ts'
import {
  databases,
  makeWorld,
  programOf,
  roles,
  stateOf,
  withPrograms,
  type PgWorld,
} from '../postgres-world.ts'
import type { Settings } from '../settings.ts'

let world: PgWorld
let before: { state: string; roles: string }
beforeAll(async () => {
  world = await makeWorld()
  const { pg } = world
  pg.sql(
    "CREATE ROLE app LOGIN PASSWORD 'app'; CREATE ROLE reader; CREATE ROLE weak LOGIN PASSWORD 'weak'; CREATE ROLE maker LOGIN CREATEDB PASSWORD 'maker'",
  )
  pg.sql('CREATE DATABASE mabase OWNER app')
  pg.sql(
    'CREATE TABLE t AS SELECT g AS n, md5(g::text) AS h FROM generate_series(1, 5000) g; ALTER TABLE t OWNER TO app; GRANT SELECT ON t TO reader',
    'mabase',
  )
  pg.sql("ALTER DATABASE mabase SET work_mem = '9MB'; GRANT TEMPORARY ON DATABASE mabase TO reader")
  before = { state: stateOf(pg, 'mabase'), roles: roles(pg) }
  await world.produce(world.settings('mabase'), 'saved')
})
afterAll(() => world.dispose())

const request = (
  options = {},
  archive = 'saved',
  settings = world.settings('mabase'),
): RestoreRequest<Settings> => world.request(archive, settings, options)
const plan = (asked = request()) => postgresql.restore.plan(asked, world.io())

describe('the plan', () => {
  test('says what will be made and replaced, asks for a safety backup, and changes nothing', async () => {
    const state = stateOf(world.pg, 'mabase')
    const made = await plan()
    expect(made).toMatchObject({
      archive: 'saved',
      type: 'postgresql',
      target: 'mabase',
      refusals: [],
      replaces: true,
    })
    expect(made.steps.map(({ code }) => code)).toEqual([
      'load_database',
      'check_database',
      'swap_database',
      'remove_former',
    ])
    const told = made.warnings.map(({ code, facts }) => [code, ...Object.values(facts)].join(' '))
    expect(told).toEqual(['clients_cut_off mabase', 'role_exists app, reader'])
    const { pg } = world
    expect(made.safety).toEqual({
      type: 'postgresql',
      settings: { database: 'mabase', socket: pg.socketDir, port: pg.port },
    })
    expect(planDigest(await plan())).toBe(planDigest(made))
    expect(stateOf(pg, 'mabase')).toBe(state)
    expect(databases(pg)).toEqual(['mabase'])
  })

  test('for another name replaces nothing', async () => {
    const made = await plan(request({ target_database: 'other' }))
    expect(made).toMatchObject({ target: 'other', replaces: false, safety: null, refusals: [] })
    expect(made.warnings.map(({ code }) => code)).toEqual(['nothing_to_replace', 'role_exists'])
  })

  test('never shows a password, not even for the safety backup', async () => {
    world.pg.sql("ALTER ROLE postgres PASSWORD 'VerySecret'")
    const settings = postgresql.settings.parse({
      database: 'mabase',
      host: '127.0.0.1',
      port: world.pg.port,
      user: 'postgres',
      password: 'VerySecret',
    })
    const made = await plan(request({}, 'saved', settings))
    expect(made.refusals).toEqual([])
    expect(JSON.stringify(made)).not.toContain('VerySecret')
    expect(made.safety?.settings).toMatchObject({ user: 'postgres', host: '127.0.0.1' })
  })
})

describe('a plan is refused', () => {
  const refusals = async (asked: RestoreRequest<Settings>) => (await plan(asked)).refusals
  const tcp = (user: string, password: string, port = world.pg.port) =>
    postgresql.settings.parse({ database: 'mabase', host: '127.0.0.1', port, user, password })
  const edited = (name: string, edit: (tar: Buffer) => Buffer): string => {
    const from = join(world.places.archivesDir, 'saved.tar')
    writeFileSync(join(world.places.archivesDir, `${name}.tar`), edit(readFileSync(from)))
    return name
  }

  test('when the server is away, the password wrong, or a program missing', async () => {
    expect(await refusals(request({}, 'saved', tcp('app', 'x', 1)))).toMatchObject([
      { field: 'config.host', code: 'server_unreachable' },
    ])
    expect(await refusals(request({}, 'saved', tcp('app', 'wrong')))).toMatchObject([
      { field: 'config.password', code: 'login_refused' },
    ])
    const io = world.io()
    const run = withPrograms(world, { pg_restore: 'exit 127' })(io.run)
    const made = await postgresql.restore.plan(request(), { ...io, run })
    expect(made.refusals).toMatchObject([{ code: 'tool_missing', facts: { tool: 'pg_restore' } }])
  })

  test('when the login may not make databases, is not the owner’s, or cannot make roles', async () => {
    expect(await refusals(request({}, 'saved', tcp('weak', 'weak')))).toMatchObject([
      { field: 'config.user', code: 'permission_denied', facts: { detail: 'CREATEDB' } },
      { field: 'config.user', code: 'permission_denied' },
    ])
    expect(await refusals(request({ target_database: 'x' }, 'saved', tcp('maker', 'maker')))).toMatchObject([
      { field: 'config.user', code: 'permission_denied', facts: { detail: 'not a member of app' } },
    ])
    world.pg.sql('CREATE ROLE gone')
    world.pg.sql('GRANT SELECT ON t TO gone', 'mabase')
    await world.produce(world.settings('mabase'), 'with-gone')
    world.pg.sql('REVOKE ALL ON t FROM gone; DROP ROLE gone', 'mabase')
    world.pg.sql('GRANT app TO maker')
    expect(await refusals(request({ target_database: 'x' }, 'with-gone', tcp('maker', 'maker')))).toEqual([
      { field: 'config.user', code: 'role_missing', facts: { role: 'gone' } },
    ])
    world.pg.sql('REVOKE app FROM maker')
  })

  test('when the name cannot be that of a database', async () => {
    expect(await refusals(request({ target_database: 'template0' }))).toMatchObject([
      { field: 'target_database', code: 'name_reserved' },
    ])
    expect(await refusals(request({ target_database: 'é'.repeat(40) }))).toMatchObject([
      { code: 'database_name_invalid' },
    ])
    expect(await refusals(request({ target_database: 'a\nb' }))).toMatchObject([
      { code: 'control_characters' },
    ])
  })

  test('when the archive is damaged, unsafe, newer or something else', async () => {
    const cut = edited('cut', (tar) => tar.subarray(0, tar.length - 30_000))
    expect(await refusals(request({}, cut))).toMatchObject([{ field: 'archive', code: 'archive_damaged' }])
    const folder = join(world.folder, 'unpacked')
    const { archivesDir } = world.places
    const repacked = (name: string, shell: string): string => {
      const tar = join(archivesDir, `${name}.tar`)
      execFileSync('bash', [
        '-ec',
        `rm -rf ${folder}; mkdir ${folder}; cd ${folder}; tar -xf ${archivesDir}/saved.tar; ${shell}`.replaceAll(
          'TAR',
          tar,
        ),
      ])
      return name
    }
    const all = 'tar -cf TAR info.json data'
    const recipe = 'data/postgresql/.backupmanager'
    expect(await refusals(request({}, repacked('newer', `echo 3 >${recipe}/format; ${all}`)))).toMatchObject([
      { code: 'archive_newer' },
    ])
    expect(
      await refusals(request({}, repacked('climbs', `${all} --transform 's,info.json,../x,'`))),
    ).toMatchObject([{ code: 'archive_unsafe', facts: { path: '../x' } }])
    expect(await refusals(request({}, repacked('other', `rm -r ${recipe}; ${all}`)))).toMatchObject([
      { code: 'archive_damaged' },
    ])
    expect(
      await refusals(request({}, repacked('dumpless', `rm data/postgresql/*.dump; ${all}`))),
    ).toMatchObject([{ code: 'archive_damaged' }])
    expect(
      await refusals(request({}, repacked('wild', `printf '../../x' >${recipe}/dump; ${all}`))),
    ).toMatchObject([{ code: 'archive_damaged' }])
    expect(
      await refusals(request({}, repacked('garbled', `echo no >data/postgresql/mabase.dump; ${all}`))),
    ).toMatchObject([{ code: 'archive_damaged' }])
    await expect(plan(request({}, 'no-such'))).rejects.toMatchObject({ code: 'archive_not_found' })
  })

  test('when transactions are prepared in the database that would be replaced', async () => {
    const { pg } = world
    pg.sql('ALTER SYSTEM SET max_prepared_transactions = 5')
    await pg.stop()
    await pg.start()
    pg.sql('CREATE DATABASE held; CREATE DATABASE held2')
    pg.sql("BEGIN; CREATE TABLE p (n int); PREPARE TRANSACTION 'x'", 'held')
    expect(await refusals(request({ target_database: 'held' }))).toEqual([
      { field: 'target_database', code: 'database_in_use', facts: { database: 'held', number: 1 } },
    ])
    pg.sql("ROLLBACK PREPARED 'x'", 'held')
    pg.sql('DROP DATABASE held')
    pg.sql('DROP DATABASE held2')
  })
})

describe('a restore', () => {
  test('takes the place of a database that is in use, whose clients are cut off and find the saved state', async () => {
    const { pg } = world
    pg.sql("INSERT INTO t VALUES (0, 'later'); CREATE TABLE later (n int)", 'mabase')
    const clients = [1, 2, 3].map(() => reconnecting())
    await Promise.all(clients.map(({ connected }) => connected))
    const io = world.io()
    expect(await world.restore(request(), io)).toEqual({ status: 'success', problem: null, remarks: [] })
    for (const client of clients) client.stop()
    expect(stateOf(pg, 'mabase')).toBe(before.state)
    expect(databases(pg)).toEqual(['mabase'])
    expect(io.running()).toEqual([])
  })

  test('makes the roles that are missing, and leaves those alone that are there', async () => {
    const { pg } = world
    pg.sql('DROP DATABASE mabase WITH (FORCE)')
    pg.sql("DROP ROLE reader; ALTER ROLE app PASSWORD 'another'; GRANT maker TO app")
    const known = pg.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")
    const made = await plan()
    expect(made.steps[0]).toEqual({ code: 'create_role', facts: { roles: 'reader' } })
    expect((await world.restore(request())).status).toBe('success')
    expect(stateOf(pg, 'mabase')).toBe(before.state)
    expect(pg.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")).toBe(known)
    expect(
      pg.sql("SELECT shobj_description(oid, 'pg_authid') IS NULL FROM pg_authid WHERE rolname = 'reader'"),
    ).toBe('t\n')
    pg.sql('REVOKE maker FROM app')
  })

  test('works for an owner who is no superuser, over TCP with a password that is nowhere to be seen', async () => {
    const { pg } = world
    const settings = postgresql.settings.parse({
      database: 'own',
      host: '127.0.0.1',
      port: pg.port,
      user: 'maker',
      password: 'maker',
    })
    pg.sql('CREATE DATABASE own OWNER maker')
    pg.sql(
      'SET ROLE maker; CREATE TABLE mine AS SELECT 1 AS n; CREATE MATERIALIZED VIEW m AS SELECT * FROM mine',
      'own',
    )
    const state = stateOf(pg, 'own')
    await world.produce(settings, 'own', world.io())
    pg.sql('DROP TABLE mine CASCADE', 'own')
    const io = world.io()
    expect((await world.restore(world.request('own', settings), io)).status).toBe('success')
    expect(stateOf(pg, 'own')).toBe(state)
    expect(JSON.stringify(io.lines)).not.toContain('PASSWORD')
    pg.sql('DROP DATABASE own')
  })

  test('keeps the verifiers of passwords out of its log and out of the server’s', async () => {
    const { pg } = world
    pg.sql('DROP DATABASE mabase WITH (FORCE)')
    pg.sql('DROP ROLE reader; DROP ROLE app')
    pg.sql("ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()")
    const io = world.io()
    expect((await world.restore(request(), io)).status).toBe('success')
    pg.sql('ALTER SYSTEM RESET log_statement; SELECT pg_reload_conf()')
    expect(pg.log()).toContain('ALTER DATABASE')
    expect(pg.log()).not.toContain('SCRAM-SHA-256$')
    expect(JSON.stringify(io.lines)).not.toContain('SCRAM-SHA-256$')
    expect(pg.sql("SELECT rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = 'app'")).toBe('t\n')
    expect(stateOf(pg, 'mabase')).toBe(before.state)
  })

  test('that fails at a statement with a password in it does not quote it', async () => {
    const { pg } = world
    pg.sql('CREATE DATABASE mapped')
    pg.sql(
      `CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere;
      CREATE USER MAPPING FOR maker SERVER far OPTIONS (password 'FarSecret')`,
      'mapped',
    )
    await world.produce(world.settings('mapped'), 'mapped')
    const io = world.io()
    // Gone while the dump is loaded.
    const run: Run = (file, args, options) => {
      if (programOf(file, args) === 'pg_restore' && args.includes('--exit-on-error'))
        pg.sql('ALTER ROLE maker RENAME TO made')
      return io.run(file, args, options)
    }
    const outcome = await world.restore(world.request('mapped', world.settings('mapped')), { ...io, run })
    pg.sql('ALTER ROLE made RENAME TO maker')
    pg.sql('DROP DATABASE mapped')
    expect(outcome).toMatchObject({ status: 'rolled_back', problem: { code: 'command_failed' } })
    expect(JSON.stringify([outcome, io.lines])).toContain('\\"maker\\" does not exist')
    expect(JSON.stringify([outcome, io.lines])).not.toContain('FarSecret')
    expect(pg.log()).not.toContain('FarSecret')
  })

  test('that is not whole once loaded changes nothing', async () => {
    const { pg } = world
    pg.sql('INSERT INTO t VALUES (-1)', 'mabase')
    const state = stateOf(pg, 'mabase')
    const { archivesDir } = world.places
    copyFileSync(join(archivesDir, 'saved.tar'), join(archivesDir, 'lossy.tar'))
    const io = world.io()
    const run = withPrograms(world, {
      pg_restore:
        'case " $* " in *" --dbname"*) exec "$REAL" --exclude-schema=public "$@" ;; *) exec "$REAL" "$@" ;; esac',
    })(io.run)
    const outcome = await world.restore(request({}, 'lossy'), { ...io, run })
    expect(outcome).toMatchObject({ status: 'rolled_back', problem: { code: 'dump_incomplete' } })
    expect(stateOf(pg, 'mabase')).toBe(state)
    expect(databases(pg)).toEqual(['mabase'])
  })
})

describe('a restore that fails or is cancelled anywhere', () => {
  /** Counts the programs that are run, and does something right before the one with that number. */
  const atCall = (io: WatchedIo, number: number, act: () => void): { run: Run; calls(): number } => {
    let calls = 0
    const run: Run = (file, args, options) => {
      calls += 1
      if (calls === number) act()
      return io.run(file, args, options)
    }
    return { run, calls: () => calls }
  }

  test('leaves everything as it was', { timeout: 240_000 }, async () => {
    const { pg } = world
    pg.sql('DROP DATABASE mabase WITH (FORCE)')
    pg.sql('DROP ROLE reader')
    pg.sql('CREATE DATABASE mabase OWNER maker')
    pg.sql("CREATE TABLE other AS SELECT 'other' AS x", 'mabase')
    const old = { state: stateOf(pg, 'mabase'), roles: roles(pg) }
    const made = await plan()
    expect(made.steps.map(({ code }) => code)).toContain('create_role')
    const statuses: string[] = []
    for (let number = 1; ; number += 1) {
      const io = world.io()
      const failing = atCall(io, number, () => {
        throw new CommandError('psql', { how: 'exit', code: 3 }, 'ERROR:  XX000: made up\n')
      })
      const outcome = await carryOut(
        postgresql,
        request(),
        made,
        { ...io, run: failing.run },
        () => undefined,
      )
      statuses.push(outcome.status)
      if (outcome.status === 'success') break
      expect({ state: stateOf(pg, 'mabase'), roles: roles(pg) }).toEqual(old)
      expect(databases(pg)).toEqual(['mabase'])
    }
    expect(statuses.filter((status) => status === 'rolled_back').length).toBeGreaterThan(8)
    expect(stateOf(pg, 'mabase')).toBe(before.state)
  })

  test('also when it is cancelled while the dump is being loaded', async () => {
    const { pg } = world
    pg.sql('INSERT INTO t VALUES (-1)', 'mabase')
    const state = stateOf(pg, 'mabase')
    const stop = new AbortController()
    const io = world.io({ signal: stop.signal })
    const run: Run = (file, args, options) => {
      if (programOf(file, args) === 'pg_restore' && args.some((arg) => arg.includes('bm_new_')))
        setTimeout(() => stop.abort(), 30)
      return io.run(file, args, options)
    }
    const outcome = await carryOut(postgresql, request(), await plan(), { ...io, run }, () => undefined)
    expect(outcome).toMatchObject({ status: 'rolled_back', problem: { code: 'cancelled' } })
    expect(stateOf(pg, 'mabase')).toBe(state)
    expect(databases(pg)).toEqual(['mabase'])
  })
})

/** A client that connects again as soon as it is thrown out. */
function reconnecting(): { readonly connected: Promise<unknown>; stop(): void } {
  const { pg } = world
  const loop = `while :; do ${pg.bin}/psql -X -h ${pg.socketDir} -p ${pg.port} -U postgres -d mabase -c 'SELECT 1' -c 'SELECT pg_sleep(60)'; done`
  const child = spawn(
    'setpriv',
    ['--reuid', 'postgres', '--regid', 'postgres', '--init-groups', 'bash', '-c', loop],
    {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  return {
    connected: new Promise((resolve) => child.stdout.once('data', resolve)),
    stop: () => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    },
  }
}
