// Jobs on the command line, in this process: how options are read, and that no secret is printed.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { seedArchives } from '../../test/support/archives.ts'
import { testWeb, type TestWeb } from '../../test/support/web.ts'
import { fakeEngine } from '../../test/support/fake-engine.ts'
import { sources } from '../sources/registry.ts'
import { getJob, listJobs } from '../store/jobs.ts'
import type { CliContext, Instance } from './context.ts'
import { runCli } from './program.ts'

const password = 'correct horse battery'

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A command line over the instance of a test; it never has the lock, as beside a running server. */
async function commandLine() {
  const web = await testWeb()
  const { db, clock, config } = web.deps
  const { engine, machine } = await fakeEngine({ db, clock, sources, dataDir: config.dataDir })
  const instance: Instance = {
    config,
    db,
    engine,
    sources,
    lock: () => null,
    serve: () => Promise.reject(new Error('not here')),
    close: () => Promise.resolve(),
  }
  const cli = async (args: readonly string[], stdin = ''): Promise<Ended> => {
    const [out, err] = [collector(), collector()]
    const context: CliContext = {
      stdin: Readable.from([stdin]),
      stdout: out.stream,
      stderr: err.stream,
      version: '0.0.0-test',
      config: () => config,
      open: () => Promise.resolve(instance),
      onSignal: () => () => undefined,
      now: () => clock.now(),
    }
    const code = await runCli(args, context)
    return { code, out: out.text(), err: err.text() }
  }
  return { web, machine, cli }
}

function collector() {
  let written = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk)
      done()
    },
  })
  return { stream, text: () => written }
}

const rest = ['--cron', '0 3 * * *', '--retention', 'count:7', '--json']
const database = '{"database":"wiki","host":"127.0.0.1","user":"backup"}'

async function passwordFile(web: TestWeb, text: string): Promise<string> {
  const path = join(web.deps.config.dataDir, 'password')
  await writeFile(path, text, { mode: 0o600 })
  return path
}

async function onlyJob(web: TestWeb) {
  const [job] = await listJobs(web.deps.db)
  if (job === undefined) throw new Error('there is no job')
  return job
}

describe.each(['mysql', 'postgresql'])('a job of %s', (type) => {
  const add = ['job', 'add', '--name', 'tables', '--type', type]

  test('takes its password from a file, stores it encrypted and never prints it', async () => {
    const { web, machine, cli } = await commandLine()
    const file = await passwordFile(web, `${password}\n`)
    const added = await cli([...add, '--config', database, '--password-file', file, ...rest])
    expect(added).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(added.out)).toMatchObject({
      config: { database: 'wiki', host: '127.0.0.1', user: 'backup' },
      config_hidden: ['password'],
    })
    expect(machine.checked.at(-1)).toMatchObject({ password })
    const sealed = String((await onlyJob(web)).config['password'])
    expect(sealed).toMatch(/^v1:/)
    const printed = [
      added,
      await cli(['job', 'list', '--json']),
      await cli(['job', 'list']),
      await cli(['job', 'disable', 'tables', '--json']),
      await cli(['dump-state']),
    ]
    for (const { out, err } of printed) {
      expect(out + err).not.toContain(password)
      expect(out + err).not.toContain(sealed)
    }
  })

  test('takes it from standard input too, line end of Windows included', async () => {
    const { machine, cli } = await commandLine()
    const args = [...add, '--config', database, '--password-file', '-', ...rest]
    expect((await cli(args, `${password}\r\n`)).code).toBe(0)
    expect(machine.checked.at(-1)).toMatchObject({ password })
  })

  test('refuses one among the arguments, in words, without repeating it', async () => {
    const { web, cli } = await commandLine()
    const config = JSON.stringify({ database: 'wiki', password })
    const { code, out, err } = await cli([...add, '--config', config, ...rest])
    expect(code).toBe(64)
    expect(JSON.parse(out)).toMatchObject({
      errors: [{ field: 'config.password', code: 'secret_in_arguments' }],
    })
    expect(err).toContain('Use --password-file')
    expect(out + err).not.toContain(password)
    expect(await listJobs(web.deps.db)).toEqual([])
  })

  test('keeps the stored one when something else is changed, and forgets it when told to', async () => {
    const { web, machine, cli } = await commandLine()
    const file = await passwordFile(web, password)
    await cli([...add, '--config', database, '--password-file', file, ...rest])
    expect((await cli(['job', 'edit', 'tables', '--cron', '@weekly'])).code).toBe(0)
    expect(machine.checked.at(-1)).toMatchObject({ password })
    expect((await cli(['job', 'edit', 'tables', '--config', database])).code).toBe(0)
    expect(machine.checked.at(-1)).toMatchObject({ password })
    expect((await cli(['job', 'edit', 'tables', '--forget-password'])).code).toBe(0)
    expect((await onlyJob(web)).config).not.toHaveProperty('password')
  })
})

describe('settings from a file', () => {
  const recipe = { source_path: '/opt/x', restore: { systemd_service: { name: 'x.service' } } }
  const add = ['job', 'add', '--name', 'x', '--type', 'custom_dir']

  test('are the same as on the command line, also from standard input', async () => {
    const { web, cli } = await commandLine()
    expect((await cli([...add, '--config-file', '-', ...rest], JSON.stringify(recipe))).code).toBe(0)
    expect((await onlyJob(web)).config).toMatchObject(recipe)
  })

  test('that are not JSON are told, without what they hold', async () => {
    const { cli } = await commandLine()
    const text = `{"password":"${password}"`
    const { code, out, err } = await cli([...add, '--config-file', '-', ...rest], text)
    expect(code).toBe(64)
    expect(JSON.parse(out)).toMatchObject({ errors: [{ field: 'config', code: 'json_invalid' }] })
    expect(out + err).not.toContain(password)
  })

  test.each([
    [['--config', '{}', '--config-file', '-'], /give one of them/],
    [['--config-file', '-', '--password-file', '-'], /cannot both read standard input/],
    [['--config', '{}', '--password-file', '-', '--forget-password'], /cannot be given together/],
    [['--config-file', '/nowhere/at-all'], /--config-file: ENOENT/],
    [['--config', '{}', '--password-file', '/nowhere/at-all'], /--password-file: ENOENT/],
    [['--config', '{}', '--password-file', '-'], /is empty/],
  ])('%j is wrong usage', async (args, message) => {
    const { web, cli } = await commandLine()
    const { code, err } = await cli([...add, ...args, ...rest])
    expect([code, err]).toEqual([64, expect.stringMatching(message)])
    expect(await listJobs(web.deps.db)).toEqual([])
  })

  test('that are missing altogether are named by field', async () => {
    const { cli } = await commandLine()
    const { code, out } = await cli([...add, ...rest])
    expect(code).toBe(64)
    expect(JSON.parse(out)).toMatchObject({ errors: [{ field: 'config.source_path', code: 'required' }] })
  })
})

describe('test restores', () => {
  const add = ['job', 'add', '--name', 'x', '--type', 'custom_dir', '--config', '{"source_path":"/opt/x"}']

  test('are planned, changed and taken away', async () => {
    const { web, cli } = await commandLine()
    const added = await cli([...add, '--drill', 'extract', '--drill-every', '14', ...rest])
    expect(JSON.parse(added.out)).toMatchObject({ drill: { depth: 'extract', every_days: 14 } })
    const { id } = await onlyJob(web)
    const drillAfter = async (...args: string[]) => {
      expect((await cli(['job', 'edit', 'x', ...args])).code).toBe(0)
      return (await getJob(web.deps.db, id))?.drill
    }
    expect(await drillAfter('--cron', '@daily')).toEqual({ depth: 'extract', everyDays: 14 })
    expect(await drillAfter('--drill', 'read')).toEqual({ depth: 'read', everyDays: 14 })
    expect(await drillAfter('--drill-every', '7')).toEqual({ depth: 'read', everyDays: 7 })
    expect(await drillAfter('--drill', 'none')).toBeNull()
    expect(await drillAfter('--drill', 'read')).toEqual({ depth: 'read', everyDays: 30 })
  })

  test.each([
    [['--drill', 'deep'], 'drill.depth', 'unknown_value'],
    [['--drill', 'load'], 'drill.depth', 'unknown_value'],
    [['--drill-every', '7'], 'drill.depth', 'required'],
    [['--drill', 'read', '--drill-every', 'often'], 'drill.every_days', 'not_number'],
    [['--drill', 'read', '--drill-every', '366'], 'drill.every_days', 'out_of_range'],
  ])('%j is wrong at %s: %s', async (args, field, code) => {
    const { cli } = await commandLine()
    const ended = await cli([...add, ...args, ...rest])
    expect(ended.code).toBe(64)
    expect(JSON.parse(ended.out)).toMatchObject({ errors: [{ field, code }] })
  })

  test.each([
    ['passed', 0],
    ['failed', 1],
    ['inconclusive', 2],
  ] as const)('one by hand that is %s ends with %i and is on the list', async (verdict, exit) => {
    const { web, machine, cli } = await commandLine()
    await cli([...add, ...rest])
    const { id } = await onlyJob(web)
    await seedArchives(web.deps.db, { name: 'jerry_x_20261121', type: 'custom_dir', job_id: id })
    machine.drill = { verdict, findings: [{ code: 'file_missing', facts: { path: 'a {b}' } }] }
    const ended = await cli(['job', 'drill', 'x', '--depth', 'extract'])
    expect(ended.code).toBe(exit)
    expect(ended.out).toContain(`jerry_x_20261121 (extract): ${verdict}\n`)
    expect(ended.out).toContain('\n  A file is missing: a {b}\n')
    const { items } = JSON.parse((await cli(['job', 'list', '--json'])).out)
    expect(items).toMatchObject([{ last_drill: { verdict, depth: 'extract', job_id: id } }])
    expect((await cli(['job', 'list'])).out).toContain(verdict)
  })

  test('one of a job without archives, or of an unknown depth, is refused', async () => {
    const { cli } = await commandLine()
    await cli([...add, ...rest])
    expect((await cli(['job', 'drill', 'x'])).code).toBe(66)
    expect((await cli(['job', 'drill', 'x', '--depth', 'deep'])).code).toBe(64)
  })
})
