import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { readBackupInfo } from '../../archive/read.ts'
import { sha256Of } from '../../archive/testing-archives.ts'
import { verifyArchive } from '../../archive/verify.ts'
import { run } from '../../sys/process.ts'
import { anOrder, describeSource, traces, watchedIo } from '../contract.ts'
import { aServer, archiveFiles, contractWorld, placesOf } from '../yunohost/yunohost-world.ts'
import { ynhApp } from './index.ts'

describeSource(ynhApp, () => contractWorld({ app_id: 'nextcloud', core_only: false }))

const nextcloud = { app_id: 'nextcloud', core_only: false }

describe('settings of ynh_app', () => {
  test.each(['nextcloud', 'wordpress__2', 'my_webapp', 'hermes-agent', 'a1'])('take the id %s', (app_id) => {
    expect(ynhApp.settings.parse({ app_id })).toEqual({ app_id, core_only: false })
  })
  test.each(['', 'a', 'Nextcloud', '--system', '-n', 'a b', 'a/b', '../x', 'a\n', 'é'])(
    'refuse the id %j',
    (app_id) => {
      expect(ynhApp.settings.safeParse({ app_id, core_only: false }).success).toBe(false)
    },
  )
})

describe('a backup of an app', () => {
  test('says beside the field that the app is not installed', async () => {
    const fake = await aServer()
    const errors = await ynhApp.check({ app_id: 'peertube', core_only: false }, watchedIo(placesOf(fake)))
    expect(errors).toEqual([
      { field: 'config.app_id', code: 'app_not_installed', facts: { app: 'peertube' } },
    ])
  })

  test('is described inside the archive, with the hash of what is before it and the instance', async () => {
    const fake = await aServer()
    const made = await ynhApp.produce(
      nextcloud,
      anOrder('one', { description: 'Nightly; "quoted"' }),
      watchedIo(placesOf(fake)),
    )
    expect(await archiveFiles(fake)).toEqual(['one.info.json', 'one.tar'])
    const tar = join(fake.archivesDir, 'one.tar')
    const { stdout } = await run('tar', ['-xOf', tar, 'backup_info.json'])
    expect(JSON.parse(stdout)).toEqual(made.backupInfo)
    expect(await readBackupInfo(fake.archivesDir, 'one')).toEqual(made.backupInfo)
    const vouched = (await readFile(tar)).subarray(0, Number(made.backupInfo['sha256_bytes']))
    expect(made.backupInfo).toMatchObject({
      instance_name: 'jerry',
      instance_url: 'https://jerry.example.test/backup',
      app: 'subject',
      type: 'ynh_app',
      created_at: expect.stringMatching(/^2026-05-08T05:00:00(\.000)?\+02:00$/),
      backupmanager_version: '0.1.0',
      yunohost_version: '12.1.39',
      job: { uid: '0196a4c0-0000-7000-8000-000000000001', name: 'a job' },
      sha256: sha256Of(vouched),
      core_only: false,
      results: { apps: { nextcloud: 'success' }, system: {} },
    })
    expect(made.info['description']).toBe('Nightly; "quoted"')
    expect(made.targets).toEqual([{ kind: 'app', id: 'nextcloud', status: 'success' }])
    expect(made.exitCodes).toEqual({ yunohost: 0 })
    expect(await fake.call('backup', 'list')).toEqual({ archives: ['one'] })
    expect(await fake.call('backup', 'info', 'one', '--with-details')).toMatchObject({
      apps: { nextcloud: {} },
    })
    expect(await verifyArchive(fake.archivesDir, 'one')).toMatchObject({ damage: '', sha256: made.sha256 })
  })

  test('leaves the data out when only the core is wanted', async () => {
    const fake = await aServer({ apps: [{ id: 'big', data_bytes: 3_000_000 }] })
    const io = watchedIo(placesOf(fake))
    const whole = await ynhApp.produce({ app_id: 'big', core_only: false }, anOrder('whole'), io)
    const core = await ynhApp.produce({ app_id: 'big', core_only: true }, anOrder('core'), io)
    expect(whole.sizeBytes).toBeGreaterThan(3_000_000)
    expect(core.sizeBytes).toBeLessThan(200_000)
    expect(core.backupInfo['core_only']).toBe(true)
  })

  test('is a .tar.gz, hashed itself and not its link, when YunoHost compresses', async () => {
    const fake = await aServer()
    await fake.call('settings', 'set', 'misc.backup.backup_compress_tar_archives', '-v', '1')
    const made = await ynhApp.produce(nextcloud, anOrder('packed'), watchedIo(placesOf(fake)))
    expect(made.file).toBe('packed.tar.gz')
    expect(await archiveFiles(fake)).toEqual([
      'packed.backup_info.json',
      'packed.info.json',
      'packed.tar',
      'packed.tar.gz',
    ])
    const told = await run('sha256sum', [join(fake.archivesDir, 'packed.tar.gz')])
    expect(told.stdout.slice(0, 64)).toBe(made.sha256)
    expect(made.backupInfo).toMatchObject({ sha256: made.sha256 })
    expect(await readBackupInfo(fake.archivesDir, 'packed')).toEqual(made.backupInfo)
  })

  test('that was saved without a restore script is a warning of that app', async () => {
    const fake = await aServer({ modes: { app_warning: ['nextcloud'] } })
    const made = await ynhApp.produce(nextcloud, anOrder('warned'), watchedIo(placesOf(fake)))
    expect(made.targets).toEqual([
      {
        kind: 'app',
        id: 'nextcloud',
        status: 'warning',
        detail: 'nextcloud will not be restored: it has no restore script',
      },
    ])
  })

  test('fails when its script failed, and leaves nothing', async () => {
    const fake = await aServer({ modes: { app_error: ['nextcloud'] } })
    const io = watchedIo(placesOf(fake))
    const work = ynhApp.produce(nextcloud, anOrder('failed'), io)
    await expect(work).rejects.toMatchObject({ code: 'nothing_backed_up' })
    expect(await traces(fake.archivesDir)).toEqual([])
    expect(io.lines).toContainEqual({ stream: 'err', text: 'ERROR Could not back up nextcloud' })
  })

  test('of an app that has gone fails instead of saving every app', async () => {
    const fake = await aServer()
    await fake.call('app', 'remove', 'nextcloud')
    const work = ynhApp.produce(nextcloud, anOrder('gone'), watchedIo(placesOf(fake)))
    await expect(work).rejects.toMatchObject({ code: 'nothing_backed_up' })
    expect(await traces(fake.archivesDir)).toEqual([])
  })
})

describe('the size of an app', () => {
  test('is not asked of YunoHost unless thoroughly', async () => {
    const fake = await aServer({ modes: { refuse_lock: true } })
    const io = watchedIo(placesOf(fake))
    expect(await ynhApp.estimate(nextcloud, io, false)).toEqual({ bytes: null, files: null })
  })

  test('comes from a dry run, whose work folder is removed', async () => {
    const fake = await aServer({ apps: [{ id: 'big', data_bytes: 3_000_000 }] })
    const io = watchedIo(placesOf(fake))
    const whole = await ynhApp.estimate({ app_id: 'big', core_only: false }, io, true)
    const core = await ynhApp.estimate({ app_id: 'big', core_only: true }, io, true)
    expect(whole.bytes).toBeGreaterThan(3_000_000)
    expect(core.bytes).toBeLessThan(200_000)
    expect(await traces(fake.archivesDir)).toEqual([])
  })

  test('leaves no work folder when asking is cancelled', async () => {
    const fake = await aServer({ modes: { hang: 'collect' } })
    const stop = new AbortController()
    const io = watchedIo(placesOf(fake), stop.signal)
    const asking = ynhApp.estimate(nextcloud, io, true)
    asking.catch(() => undefined)
    await eventually(() => fake.hangingPid())
    stop.abort()
    await expect(asking).rejects.toMatchObject({ code: 'cancelled' })
    expect(await traces(fake.archivesDir)).toEqual([])
    expect(io.running()).toEqual([])
  })

  test('is unknown when nothing could be collected', async () => {
    const fake = await aServer({ modes: { app_error: ['nextcloud'] } })
    await mkdir(join(fake.archivesDir, '../tmp'), { recursive: true })
    const io = watchedIo(placesOf(fake))
    expect(await ynhApp.estimate(nextcloud, io, true)).toEqual({ bytes: null, files: null })
  })
})
