import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startMariadb, type TestMariadb } from '../../../../test/support/mariadb.ts'
import { eventually } from '../../../../test/support/eventually.ts'
import type { SourceIo } from '../../source.ts'
import { readJournal } from '../../restore/journal.ts'
import { recoverRestore } from '../../restore/transaction.ts'
import { mysql } from '../index.ts'
import { inventory, makeWorld, stateOf, type World } from '../mysql-world.ts'
import { literal, lockName, scratchName } from '../names.ts'
import { applyUntilStopped, makeLive, makeSaved, patchArchive, stopping, type Stop } from './restore-world.ts'

const name = 'app'
let server: TestMariadb
let world: World
let saved: Record<string, string>
let live: Record<string, string>
let there: string
beforeAll(async () => {
  server = await startMariadb()
})
afterAll(() => server.dispose())
beforeEach(async () => {
  world = await makeWorld(server)
  server.sql("CREATE USER user_of_it@localhost IDENTIFIED BY 'x'; CREATE USER to_come@localhost;")
  makeSaved(server, name)
  server.sql('GRANT SELECT ON app.* TO to_come@localhost; GRANT UPDATE ON app.parent TO to_come@localhost;')
  saved = stateOf(server, name)
  await world.produce(world.settings(name))
  server.sql('DROP USER to_come@localhost;')
  makeLive(server, name)
  live = stateOf(server, name)
  there = inventory(server)
})
afterEach(async () => {
  server.sql('DROP DATABASE IF EXISTS app; DROP USER IF EXISTS user_of_it@localhost, to_come@localhost;')
  await world.dispose()
})

/** Recovers with one of the calls stopped: what the journal says is then still to be done. */
async function recoverInterrupted(io: SourceIo, at: number): Promise<void> {
  const journal = await readJournal(world.places.archivesDir, io.operation)
  const changes = mysql.restore.changes
  const stopped = stopping(io, { at, when: 'after' }).io
  const request = { archive: 'made', settings: world.settings(name), options: {} }
  try {
    for (const { kind, data } of journal?.state.changes ?? [])
      await changes[kind]?.finish?.(data, request, stopped)
  } catch {
    return
  }
  throw new Error('nothing was stopped')
}

const recover = (io: SourceIo) =>
  recoverRestore(mysql, { archive: 'made', settings: world.settings(name), options: {} }, io.operation, io)

/** Every changing call of a whole restore up to the point of no return, by its script. */
async function scriptsOf(): Promise<string[]> {
  const io = world.io()
  const seen = stopping(io, null)
  const restored = await world.restore(world.settings(name), {}, 'made', seen.io)
  expect(restored.status).toBe('success')
  server.sql('DROP USER to_come@localhost;')
  const tidying = seen.scripts.findIndex((script) =>
    script.includes(`DROP DATABASE IF EXISTS \`${scratchName(io.operation)}`),
  )
  return seen.scripts.slice(0, tidying)
}

function isAsBefore(): void {
  expect(stateOf(server, name)).toEqual(live)
  expect(inventory(server)).toBe(there)
  expect(world.archives().filter((file) => file.includes('sql'))).toEqual([])
}

/** The new state, with the account that came along, and with the rights of those that were there. */
function isAsSaved(): void {
  const { 'grants on routines': _, ...rest } = saved
  expect(stateOf(server, name)).toMatchObject(rest)
  expect(server.sql('SHOW GRANTS FOR to_come@localhost;').split('\n').slice(1)).toEqual([
    'GRANT SELECT ON `app`.* TO `to_come`@`localhost`',
    'GRANT UPDATE ON `app`.`parent` TO `to_come`@`localhost`',
    '',
  ])
  server.sql('DROP USER to_come@localhost;')
  expect(inventory(server)).toBe(there)
  expect(world.archives().filter((file) => file.includes('sql'))).toEqual([])
}

describe('a restore over a live database', () => {
  test('that fails leaves everything as it was, wherever it was', { timeout: 300_000 }, async () => {
    const scripts = await scriptsOf()
    expect(scripts.length).toBeGreaterThan(10)
    makeLive(server, name)
    // The next test looks at every moment; both go the same way back.
    for (let at = scripts.length - 1; at >= 0; at -= 3) {
      const io = stopping(world.io(), { at, when: 'after' }).io
      const restored = await world.restore(world.settings(name), {}, 'made', io)
      expect([at, restored.status]).toEqual([at, 'rolled_back'])
      isAsBefore()
    }
  })

  test('that is killed at any moment is put back by the next start', { timeout: 300_000 }, async () => {
    const scripts = await scriptsOf()
    makeLive(server, name)
    const stops = scripts.flatMap((script, at): Stop[] => {
      // The script that exchanges the tables, cut off behind each of its statements.
      const lines = script.includes('RENAME TABLE') ? script.split(';\n').length : 0
      return [{ at, when: 'before' }, ...Array.from({ length: lines }, (_, i) => ({ at, when: i }))]
    })
    expect(stops.length).toBeGreaterThan(25)
    for (const stop of stops) {
      const io = await applyUntilStopped(world, world.settings(name), stop)
      const recovered = await recover(io)
      expect([stop, recovered.status]).toEqual([stop, 'rolled_back'])
      isAsBefore()
    }
  })

  test('that is killed while it is put back is put back by the one after', { timeout: 300_000 }, async () => {
    const scripts = await scriptsOf()
    makeLive(server, name)
    const last: Stop = { at: scripts.length - 1, when: 'after' }
    const calls = stopping(await applyUntilStopped(world, world.settings(name), last), null)
    await recover(calls.io)
    isAsBefore()
    expect(calls.scripts.length).toBeGreaterThan(4)
    for (const at of calls.scripts.keys()) {
      const io = await applyUntilStopped(world, world.settings(name), last)
      const stopped = stopping(io, { at, when: 'after' })
      expect(await recover(stopped.io)).toMatchObject({
        status: 'error',
        problem: { code: 'put_back_failed' },
      })
      expect(await recover(io)).toMatchObject({ status: 'rolled_back' })
      isAsBefore()
    }
  })

  test('that is killed while it tidies up is finished by the next start', { timeout: 300_000 }, async () => {
    const committed = async (): Promise<SourceIo> => {
      const io = await applyUntilStopped(world, world.settings(name), null)
      return io
    }
    const calls = stopping(await committed(), null)
    expect(await recover(calls.io)).toMatchObject({ status: 'success', remarks: [] })
    isAsSaved()
    expect(calls.scripts.length).toBe(4)
    for (const at of calls.scripts.keys()) {
      makeLive(server, name)
      const io = await committed()
      await recoverInterrupted(io, at)
      expect(await recover(io)).toMatchObject({ status: 'success', remarks: [] })
      isAsSaved()
    }
  })

  test('keeps the rights on routines that stay, and gives an account only what it had', async () => {
    expect(await world.restore(world.settings(name))).toMatchObject({ status: 'success', remarks: [] })
    expect(server.sql('SHOW GRANTS FOR user_of_it@localhost;')).toContain(
      'GRANT EXECUTE, ALTER ROUTINE ON PROCEDURE `app`.`p` TO `user_of_it`@`localhost`',
    )
    isAsSaved()
  })

  test('waits for whoever uses the tables, and gives up with nothing changed', async () => {
    const held = execFile('mariadb', [
      '--no-defaults',
      `--socket=${server.socket}`,
      '--user=root',
      name,
      '-e',
      'BEGIN; SELECT * FROM parent; DO SLEEP(1000)',
    ])
    const ended = new Promise((resolve) => held.once('exit', resolve))
    const using = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP(1000)';"
    await eventually(() => server.sql(using) !== '')
    const io = world.io()
    const seen: string[] = []
    const impatient = world.io({
      operation: io.operation,
      run: (file, args, { stdin, ...options } = {}) => {
        if (typeof stdin === 'string') seen.push(stdin)
        const hurried =
          typeof stdin === 'string' ? stdin.replace('lock_wait_timeout = 30', 'lock_wait_timeout = 1') : stdin
        return io.run(file, args, { ...options, ...(hurried !== undefined && { stdin: hurried }) })
      },
    })
    const restored = await world.restore(world.settings(name), {}, 'made', impatient)
    server.sql(`KILL ${server.sql(using).trim()};`)
    await ended
    expect(restored).toMatchObject({ status: 'rolled_back', problem: { code: 'database_in_use' } })
    isAsBefore()
    expect(seen.some((script) => script.includes('DROP TRIGGER'))).toBe(false)
  })

  test('can be cancelled while the dump is loaded', async () => {
    const mark = join(world.folder, 'reached')
    world.standIn(
      'mariadb',
      `case "$*" in *--database=bm_new*) touch '${mark}'; exec sleep 1000;; *) exec $REAL "$@";; esac`,
    )
    const stop = new AbortController()
    const work = world.restore(world.settings(name), {}, 'made', world.io({ signal: stop.signal }))
    await eventually(() => existsSync(mark))
    stop.abort()
    expect(await work).toMatchObject({ status: 'rolled_back', problem: { code: 'cancelled' } })
    isAsBefore()
  })

  test('waits for a session of its own that lost its client before it puts anything back', async () => {
    const io = await applyUntilStopped(world, world.settings(name), { at: 1, when: 'before' })
    const scratch = scratchName(io.operation)
    const lock = literal(lockName(io.operation))
    const late = `DO GET_LOCK(${lock}, 0); DO SLEEP(1); DROP DATABASE IF EXISTS ${scratch}; CREATE DATABASE ${scratch}`
    const session = execFile('mariadb', [
      '--no-defaults',
      `--socket=${server.socket}`,
      '--user=root',
      '-e',
      late,
    ])
    const ended = new Promise((resolve) => session.once('exit', resolve))
    await eventually(() => server.sql(`SELECT IS_USED_LOCK(${lock});`) !== 'NULL\n')
    expect(await recover(io)).toMatchObject({ status: 'rolled_back' })
    await ended
    isAsBefore()
  })
})

test('a trigger of which the server, killed while it dropped it, has kept no more than its file is put back', async () => {
  const scripts = await scriptsOf()
  makeLive(server, name)
  server.sql('DROP USER IF EXISTS to_come@localhost;')
  const at = scripts.findIndex((script) => script.includes('RENAME TABLE'))
  const statements = scripts[at]?.split(/(?<=;\n)/) ?? []
  const when =
    statements.findIndex((statement) => statement.includes('DROP TRIGGER IF EXISTS `app`.`tr2`')) + 1
  const file = join(server.dataDir, name, 'tr.TRN')
  const contents = readFileSync(file)
  const io = await applyUntilStopped(world, world.settings(name), { at, when })
  expect(existsSync(file)).toBe(false)
  writeFileSync(file, contents)
  expect(await recover(io)).toMatchObject({ status: 'rolled_back' })
  isAsBefore()
})

test('what was loaded and is not all that was saved does not take the place of anything', async () => {
  patchArchive(world, '5\n\0', '9\n\0')
  const restored = await world.restore(world.settings(name))
  expect(restored).toMatchObject({ status: 'rolled_back', problem: { code: 'dump_incomplete' } })
  expect(restored.steps).toEqual([
    'load_database:undone',
    'check_database:failed',
    'create_role:waiting',
    'swap_database:waiting',
    'remove_former:waiting',
  ])
  isAsBefore()
})

test(
  'a restore where no database was that fails at any moment leaves none',
  { timeout: 300_000 },
  async () => {
    server.sql('DROP DATABASE app;')
    there = inventory(server)
    const seen = stopping(world.io(), null)
    expect(await world.restore(world.settings(name), {}, 'made', seen.io)).toMatchObject({
      status: 'success',
    })
    expect(stateOf(server, name)).toMatchObject({ database: saved['database'] })
    server.sql('DROP DATABASE app; DROP USER to_come@localhost;')
    // The last three tidy up after the point of no return: the scratch database, the loading account, the former database.
    for (let at = 0; at < seen.scripts.length - 3; at += 1) {
      const io = stopping(world.io(), { at, when: 'after' }).io
      const restored = await world.restore(world.settings(name), {}, 'made', io)
      expect([at, restored.status]).toEqual([at, 'rolled_back'])
      expect(inventory(server)).toBe(there)
    }
  },
)
