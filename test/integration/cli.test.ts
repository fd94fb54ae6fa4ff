// Every command by hand, as a script would use it: what it prints as JSON and its exit code.
import { mkdir, open, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await createTestServer()
  await mkdir(join(server.folder, 'tree'))
  await writeFile(join(server.folder, 'tree', 'file'), 'content')
  const config = JSON.stringify({ source_path: join(server.folder, 'tree') })
  const args = ['job', 'add', '--name', 'tree', '--type', 'custom_dir', '--config', config]
  await server.json([...args, '--cron', '0 3 * * *', '--retention', 'gfs:7,4,3'])
})
afterAll(() => server.dispose())

describe('job', () => {
  test('list shows it as the documents say', async () => {
    const { items } = (await server.json(['job', 'list'])) as { items: Record<string, unknown>[] }
    expect(items).toEqual([
      expect.objectContaining({
        id: 1,
        name: 'tree',
        type: 'custom_dir',
        enabled: true,
        cron_expr: '0 3 * * *',
        retention: 'gfs:7,4,3',
        retention_mode: 'gfs',
        retention_value: 7,
        next_run_at: expect.stringMatching(/T03:00:00\+0[12]:00$/),
      }),
    ])
  })

  test('edit changes what is named and leaves the rest', async () => {
    const edited = await server.json([
      'job',
      'edit',
      'tree',
      '--cron',
      '@weekly',
      '--retention',
      'count:3,max=5GiB',
    ])
    expect(edited).toMatchObject({
      name: 'tree',
      cron_expr: '@weekly',
      retention: 'count:3,max=5GiB',
      config: { source_path: join(server.folder, 'tree') },
    })
  })

  test('disable and enable, by id as well as by name', async () => {
    expect(await server.json(['job', 'disable', '1'])).toMatchObject({ enabled: false, next_run_at: null })
    expect(await server.json(['job', 'enable', 'TREE'])).toMatchObject({ enabled: true })
  })
})

describe('a run and its archive', () => {
  let name = ''

  test('job run --wait, run list, show and log', async () => {
    const run = (await server.json(['job', 'run', 'tree', '--wait'])) as { id: number; archive_name: string }
    name = run.archive_name
    expect(run).toMatchObject({ status: 'success', job_id: 1, trigger: 'manual', error: null })
    const { items } = (await server.json(['run', 'list', '--job', 'tree', '--status', 'success'])) as {
      items: { id: number }[]
    }
    expect(items.map((one) => one.id)).toEqual([run.id])
    expect(await server.json(['run', 'list', '--job', 'tree', '--status', 'error'])).toEqual({ items: [] })
    expect(await server.json(['run', 'show', String(run.id)])).toEqual(run)
    expect(await server.json(['run', 'log', String(run.id)])).toMatchObject({
      run_id: run.id,
      log: expect.stringContaining('ended: success'),
    })
    expect((await server.cli(['run', 'cancel', String(run.id), '--json'])).code).toBe(1)
  })

  test('archive list, info, pin, unpin and verify', async () => {
    expect(await server.json(['archive', 'list', '--app', 'tree'])).toMatchObject({
      items: [{ name, type: 'custom_dir', origin: 'local', state: 'ok', instance_name: 'jerry', job_id: 1 }],
      next_cursor: null,
    })
    expect(await server.json(['archive', 'list', '--app', 'other'])).toMatchObject({ items: [] })
    expect(await server.json(['archive', 'info', name])).toMatchObject({
      info: { from_yunohost_version: expect.any(String) },
      backup_info: { type: 'custom_dir', job: { name: 'tree' } },
    })
    expect(await server.json(['archive', 'pin', name])).toMatchObject({ pinned: true })
    const refused = await server.cli(['archive', 'delete', name, '--json'])
    expect([refused.code, JSON.parse(refused.stdout)]).toMatchObject([1, { code: 'archive_pinned' }])
    expect(await server.json(['archive', 'unpin', name])).toMatchObject({ pinned: false })
    expect(await server.json(['archive', 'verify', name])).toMatchObject({
      state: 'ok',
      verified_at: expect.any(String),
    })
  })

  test('a damaged archive fails verification and says how', async () => {
    const run = (await server.json(['job', 'run', 'tree', '--wait'])) as { archive_name: string }
    const path = join(server.archivesDir, `${run.archive_name}.tar`)
    const handle = await open(path, 'r+')
    await handle.write('X', 2000)
    await handle.close()
    const damaged = await server.json(['archive', 'verify', run.archive_name], [1])
    expect(damaged).toMatchObject({ state: 'corrupted', state_detail: expect.stringContaining('SHA-256') })
    const { items } = (await server.json(['job', 'list'])) as { items: object[] }
    expect(items).toMatchObject([{ retention_hold: 'verify_failed' }])
    expect(await server.json(['job', 'release', 'tree'])).toMatchObject({ retention_hold: null })
  })

  test('archive delete removes all its files', async () => {
    expect(await server.json(['archive', 'delete', name])).toEqual({ name, deleted: true })
    expect((await readdir(server.archivesDir)).filter((file) => file.startsWith(`${name}.`))).toEqual([])
  })

  test('an archive made in YunoHost’s webadmin appears as foreign', async () => {
    await server.yunohost.call('backup', 'create', '--apps', 'nocodb', '--name', 'by-hand')
    const { items } = (await server.json(['archive', 'list', '--q', 'by-hand'])) as { items: object[] }
    expect(items).toMatchObject([{ name: 'by-hand', origin: 'foreign', app: 'nocodb', state: 'unverified' }])
  })
})

describe('the rest', () => {
  test('version, config check and dump-state print JSON and no log line', async () => {
    expect(await server.json(['version'])).toMatchObject({ name: 'backupmanager' })
    expect(await server.json(['config', 'check'])).toMatchObject({
      instance_name: 'jerry',
      time_zone: 'Europe/Paris',
    })
    const state = await server.cli(['dump-state'])
    expect(JSON.parse(state.stdout)).toMatchObject({
      jobs: [{ name: 'tree' }],
      settings: { verifyEveryDays: 30 },
    })
  })

  test('health-check tells whether a server answers', async () => {
    expect((await server.cli(['health-check'])).code).toBe(69)
    const child = await server.serve()
    expect(await server.json(['health-check'])).toMatchObject({ status: 'ok' })
    child.kill('SIGTERM')
  })

  test('job remove takes the history and its logs, and leaves the archives', async () => {
    const before = (await readdir(server.archivesDir)).length
    expect(await server.json(['job', 'remove', 'tree'])).toEqual({ id: 1, removed: true })
    expect(await server.json(['run', 'list'])).toEqual({ items: [] })
    expect(await readdir(join(server.dataDir, 'logs', 'runs', '0'))).toEqual([])
    expect((await readdir(server.archivesDir)).length).toBe(before)
  })
})
