// Runs as a user starts them, by the command line, with and without a server.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { isAlive } from '../support/programs/programs.ts'
import { createTestServer, type TestServer } from '../support/server.ts'

interface WireRun {
  readonly id: number
  readonly status: string
  readonly archive_name: string | null
  readonly size_bytes: number | null
  readonly error: { readonly code: string; readonly facts: Record<string, unknown> } | null
  readonly targets: readonly { readonly id: string; readonly status: string }[]
  readonly warnings: readonly { readonly code: string }[]
}

let server: TestServer
beforeEach(async () => {
  server = await createTestServer()
  await mkdir(join(server.folder, 'photos'))
  await writeFile(join(server.folder, 'photos', 'one.jpg'), 'a picture')
})
afterEach(() => server.dispose())

async function add(name: string, type: string, config: object, ...more: string[]): Promise<number> {
  const job = (await server.json([
    ...['job', 'add', '--name', name, '--type', type, '--config', JSON.stringify(config)],
    ...['--cron', '0 3 * * *', '--retention', 'count:2', ...more],
  ])) as { id: number }
  return job.id
}

async function runJob(key: string | number, codes = [0]): Promise<WireRun> {
  return (await server.json(['job', 'run', String(key), '--wait'], codes)) as WireRun
}

async function archiveNames(): Promise<string[]> {
  const { items } = (await server.json(['archive', 'list'])) as { items: { name: string }[] }
  return items.map((one) => one.name)
}

describe('without a server', () => {
  test('a directory is backed up, listed and verified', async () => {
    await add('Photos', 'custom_dir', { source_path: join(server.folder, 'photos') })
    const run = await runJob('photos')
    expect(run).toMatchObject({ status: 'success', error: null, targets: [{ status: 'success' }] })
    expect(run.archive_name).toMatch(/^jerry_photos_\d{8}$/)
    expect(await archiveNames()).toEqual([run.archive_name])
    const verified = await server.json(['archive', 'verify', String(run.archive_name)])
    expect(verified).toMatchObject({ state: 'ok', origin: 'local', size_bytes: run.size_bytes })
  })

  test('apps and the system are backed up through yunohost', async () => {
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
    await add('everything else', 'ynh_system', { parts: [] })
    expect((await runJob('cloud')).archive_name).toMatch(/^jerry_nextcloud_\d{8}$/)
    const system = await runJob('everything else')
    expect(system.archive_name).toMatch(/^jerry_system_\d{8}$/)
    expect(system.targets.length).toBeGreaterThan(1)
  })

  test('a second run on a day overwrites nothing, and retention removes what is beyond', async () => {
    const id = await add('Photos', 'custom_dir', { source_path: join(server.folder, 'photos') })
    const names: (string | null)[] = []
    for (let n = 0; n < 4; n += 1) names.push((await runJob(id)).archive_name)
    expect(names.map((name) => name?.slice(21))).toEqual(['', '-2', '-3', '-4'])
    expect((await archiveNames()).toSorted()).toEqual([names[2], names[3]])
    expect((await readdir(server.archivesDir)).filter((file) => file.endsWith('.tar'))).toHaveLength(2)
  })

  test('a partial backup is a warning with its targets, and removes nothing', async () => {
    await server.yunohost.setModes({ part_error: ['data_mail'] })
    await add('system', 'ynh_system', { parts: ['conf_ldap', 'data_mail'] })
    const run = await runJob('system', [2])
    expect(run.status).toBe('warning')
    expect(run.targets).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: 'conf_ldap', status: 'success' }),
        expect.objectContaining({ id: 'data_mail', status: 'error' }),
      ]),
    )
  })

  test('a backup of which nothing worked is an error that says so', async () => {
    await server.yunohost.setModes({ app_error: ['nocodb'] })
    await add('db', 'ynh_app', { app_id: 'nocodb' })
    const run = await runJob('db', [1])
    expect(run).toMatchObject({ status: 'error', archive_name: null, error: { code: 'nothing_backed_up' } })
    expect(await archiveNames()).toEqual([])
  })

  test('hooks run around the backup and the second one learns the outcome', async () => {
    const note = join(server.folder, 'note')
    await add(
      'hooked',
      'custom_dir',
      { source_path: join(server.folder, 'photos') },
      ...['--pre-backup', `echo before >> ${note}`],
      ...['--post-backup', `echo "after $BM_STATUS $BM_ARCHIVE" >> ${note}; exit 3`],
    )
    const run = await runJob('hooked', [2])
    expect(run.status).toBe('warning')
    expect(run.warnings).toEqual([expect.objectContaining({ code: 'post_hook_failed' })])
    expect(await readFile(note, 'utf8')).toBe(`before\nafter success ${run.archive_name}\n`)
  })

  test('a failing pre_backup fails the run, and post_backup still runs', async () => {
    const note = join(server.folder, 'note')
    await add(
      'hooked',
      'custom_dir',
      { source_path: join(server.folder, 'photos') },
      ...['--pre-backup', 'echo no; exit 1', '--post-backup', `echo "$BM_STATUS" > ${note}`],
    )
    expect((await runJob('hooked', [1])).error?.code).toBe('hook_failed')
    expect(await readFile(note, 'utf8')).toBe('error\n')
    expect(await archiveNames()).toEqual([])
  })
})

describe('several command lines without a server', () => {
  test('execute one after the other, each its own job', async () => {
    await server.yunohost.setModes({ slow_ms: 100 })
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
    await add('db', 'ynh_app', { app_id: 'nocodb' })
    const [one, two] = await Promise.all([runJob('cloud'), runJob('db')])
    expect([one.status, two.status]).toEqual(['success', 'success'])
  })

  test('that was killed blocks nobody: the next one recovers its run', async () => {
    await server.yunohost.setModes({ hang: 'collect' })
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
    const killed = server.start(['job', 'run', 'cloud', '--wait'])
    await eventually(() => server.yunohost.hangingPid(), 'the hanging child')
    killed.kill('SIGKILL')
    await eventually(() => killed.signalCode !== null || killed.exitCode !== null)
    await server.yunohost.setModes({})
    expect((await runJob('cloud')).status).toBe('success')
    const { items } = (await server.json(['run', 'list'])) as { items: WireRun[] }
    expect(items.map((run) => run.status)).toEqual(['success', 'interrupted'])
  })

  test('a run that only waits is the one that --wait executes', async () => {
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
    const queued = await server.cli(['job', 'run', 'cloud'])
    expect(queued.stderr).toContain('no server is running')
    expect((await runJob('cloud')).status).toBe('success')
    const { items } = (await server.json(['run', 'list'])) as { items: WireRun[] }
    expect(items).toHaveLength(1)
  })
})

describe('beside a running server', () => {
  test('the server executes what the command line queues, and its log can be read', async () => {
    await server.serve()
    await add('Photos', 'custom_dir', { source_path: join(server.folder, 'photos') })
    const run = await runJob('Photos')
    expect(run.status).toBe('success')
    const log = await server.cli(['run', 'log', String(run.id)])
    expect(log.stdout).toContain(`archive ${run.archive_name}`)
    expect(log.stdout).toContain('ended: success')
  })

  test('a job never overlaps itself', async () => {
    await server.yunohost.setModes({ slow_ms: 200 })
    await server.serve()
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
    await server.json(['job', 'run', 'cloud'])
    const second = await server.cli(['job', 'run', 'cloud', '--json'])
    expect(second.code).toBe(75)
    expect(JSON.parse(second.stdout)).toMatchObject({ code: 'job_already_running' })
  })

  test('cancelling ends everything the run started, also what ignores SIGTERM', async () => {
    await server.yunohost.setModes({ hang: 'tar' })
    await server.serve()
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
    const { id } = (await server.json(['job', 'run', 'cloud'])) as WireRun
    const pid = await eventually(() => server.yunohost.hangingPid(), 'the hanging child')
    const cancelled = (await server.json(['run', 'cancel', String(id), '--wait'])) as WireRun
    expect(cancelled.status).toBe('cancelled')
    expect(isAlive(pid)).toBe(false)
    expect(await readdir(server.archivesDir)).toEqual([])
  })

  test('a run over its time limit is ended and says so', async () => {
    await server.yunohost.setModes({ hang: 'collect' })
    await server.serve()
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' }, '--timeout', '60')
    // The shortest limit that may be asked for is a minute; the database is told a shorter one.
    const db = new Database(join(server.dataDir, 'backupmanager.db'))
    db.prepare('UPDATE jobs SET timeout_s = 2').run()
    db.close()
    const run = await runJob('cloud', [1])
    expect(run).toMatchObject({ status: 'error', error: { code: 'timed_out' } })
  })
})
