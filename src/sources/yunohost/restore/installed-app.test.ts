// Restores of an installed app on the stand-in: real commands, real archives, real files.
import { mkdirSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../../../test/support/eventually.ts'
import type { FakeYunohost } from '../../../../test/support/fake-yunohost.ts'
import { watchedIo } from '../../contract.ts'
import { ynhApp } from '../../ynh-app/index.ts'
import { aServer, placesOf } from '../yunohost-world.ts'
import {
  changedSince,
  codesOf,
  expectTidy,
  nextcloud,
  planOf,
  restoreIt,
  safetyName,
  saveApp,
  stateOf,
} from './restore-world.ts'

describe('an installed app', () => {
  test('is saved, removed and restored, and is as it was when it was archived', async () => {
    const fake = await aServer()
    const { saved } = await changedSince(fake)
    const io = watchedIo(placesOf(fake))
    const { outcome, plan, steps } = await restoreIt(fake, { ...nextcloud, io })
    expect(outcome).toEqual({ status: 'success', problem: null, remarks: [] })
    expect(steps).toEqual(['remove_app done', 'restore_app done'])
    expect(plan).toMatchObject({ target: 'nextcloud', replaces: true })
    expect(plan.bytes).toBeGreaterThan(20_000)
    expect(codesOf(plan)).toEqual({ refusals: [], warnings: ['services_stopped'] })
    expect(await stateOf(fake)).toEqual(saved)
    expect(io.lines).toContainEqual({ stream: 'out', text: 'INFO Restoring nextcloud...' })
    expect(io.running()).toEqual([])
    await expectTidy(fake)
  })

  test('leaves no folder open to everybody that had to be made', async () => {
    const fake = await aServer()
    await saveApp(fake, 'nextcloud', 'saved')
    mkdirSync(join(fake.root, 'etc/yunohost/hooks.d/restore'))
    const before = await stateOf(fake)
    await restoreIt(fake, nextcloud, () => rm(join(fake.root, 'etc/nginx'), { recursive: true }))
    const after = await stateOf(fake)
    for (const path of ['etc/nginx', 'etc/nginx/conf.d', 'etc/nginx/conf.d/example.test.d']) {
      expect(after[path]).toBe(before[path])
    }
  })

  test('is restored from a compressed archive and from one made by hand', async () => {
    const fake = await aServer()
    const saved = await stateOf(fake)
    await fake.call('settings', 'set', 'misc.backup.backup_compress_tar_archives', '-v', '1')
    await saveApp(fake, 'nextcloud', 'packed')
    await fake.call('settings', 'set', 'misc.backup.backup_compress_tar_archives', '-v', '0')
    await fake.call('backup', 'create', '--apps', 'nextcloud', '-n', 'by-hand')
    for (const archive of ['packed', 'by-hand']) {
      await writeFile(join(fake.root, 'var/www/nextcloud/index.php'), 'changed')
      expect((await restoreIt(fake, { ...nextcloud, archive })).outcome.status).toBe('success')
      expect(await stateOf(fake)).toEqual(saved)
      await fake.call('backup', 'delete', safetyName)
    }
  })

  test.each([{ no_remove_on_failure: false }, { no_remove_on_failure: true }])(
    'comes back exactly as it was when the restore fails (%j)',
    async (version) => {
      const fake = await aServer()
      await changedSince(fake)
      const before = await stateOf(fake)
      const io = watchedIo(placesOf(fake))
      const { outcome, steps } = await restoreIt(fake, { ...nextcloud, io }, () =>
        fake.setModes({ ...version, restore_error_in: { saved: ['nextcloud'] } }),
      )
      expect(outcome.status).toBe('rolled_back')
      expect(outcome.problem).toMatchObject({ code: 'yunohost_failed' })
      expect(outcome.problem?.detail).toContain('Nothing was restored')
      expect(steps).toEqual(['remove_app undone', 'restore_app failed'])
      expect(await stateOf(fake)).toEqual(before)
      expect(io.lines).toContainEqual({ stream: 'info', text: 'putting nextcloud back from safety' })
      await expectTidy(fake)
    },
  )

  test('comes back when it could not even be removed', async () => {
    const fake = await aServer()
    await changedSince(fake)
    const before = await stateOf(fake)
    const { outcome } = await restoreIt(fake, nextcloud, () => fake.setModes({ remove_error: ['nextcloud'] }))
    expect(outcome.status).toBe('rolled_back')
    expect(await stateOf(fake)).toEqual(before)
  })

  test.each([{ no_remove_on_failure: false }, { no_remove_on_failure: true }])(
    'that cannot be put back either is an error that names the safety archive, which stays (%j)',
    async (version) => {
      const fake = await aServer()
      await changedSince(fake)
      const { outcome } = await restoreIt(fake, nextcloud, () =>
        fake.setModes({ ...version, restore_error: ['nextcloud'] }),
      )
      expect(outcome).toMatchObject({ status: 'error', problem: { code: 'put_back_failed' } })
      expect(outcome.problem?.detail).toMatch(/archive=safety.*Nothing was restored/)
      expect(await fake.call('backup', 'info', safetyName, '--with-details')).toMatchObject({
        apps: { nextcloud: {} },
      })
      // The data is never removed with the app.
      expect(await readFile(join(fake.root, 'home/yunohost.app/nextcloud/data.bin'), 'utf8')).toHaveLength(10)
      await fake.setModes({})
      await fake.call('app', 'remove', 'nextcloud').catch(() => undefined)
      await fake.call('backup', 'restore', safetyName, '--apps', 'nextcloud')
      expect(await readFile(join(fake.root, 'var/www/nextcloud/index.php'), 'utf8')).toBe('changed')
    },
  )

  test.each(['remove', 'restore'] as const)(
    'comes back when it is cancelled in the middle of its %s, though a child ignores SIGTERM',
    async (hang) => {
      const fake = await aServer()
      await changedSince(fake)
      const before = await stateOf(fake)
      const stop = new AbortController()
      const io = watchedIo(placesOf(fake), stop.signal)
      const work = restoreIt(fake, { ...nextcloud, io }, () => fake.setModes({ hang, once: true }))
      await Promise.race([eventually(() => fake.hangingPid(), 'hanging', 30_000), work])
      stop.abort()
      expect((await work).outcome).toMatchObject({ status: 'rolled_back', problem: { code: 'cancelled' } })
      expect(await stateOf(fake)).toEqual(before)
      expect(io.running()).toEqual([])
      await expectTidy(fake)
    },
  )

  test('is not touched when the restore is given up while another command runs', async () => {
    const fake = await aServer()
    await changedSince(fake)
    const before = await stateOf(fake)
    const stop = new AbortController()
    const io = watchedIo(placesOf(fake), stop.signal)
    let lock: Awaited<ReturnType<FakeYunohost['holdLock']>> | null = null
    const work = restoreIt(fake, { ...nextcloud, io }, async () => {
      lock = await fake.holdLock()
    })
    onTestFinished(() => lock?.release().catch(() => undefined))
    await eventually(() => io.lines.some(({ text }) => text.startsWith('waiting for YunoHost')))
    stop.abort()
    expect((await work).outcome).toMatchObject({ status: 'error', problem: { code: 'cancelled' } })
    expect(await readdir(fake.archivesDir)).not.toContainEqual(expect.stringMatching(/journal$/))
    expect(await stateOf(fake)).toEqual(before)
  })

  test('waits for another command, and then is restored', async () => {
    const fake = await aServer()
    const { saved } = await changedSince(fake)
    const io = watchedIo(placesOf(fake))
    const work = restoreIt(fake, { ...nextcloud, io }, async () => {
      const lock = await fake.holdLock()
      void eventually(() => io.lines.some(({ text }) => text.startsWith('waiting for'))).then(() =>
        lock.release(),
      )
    })
    expect((await work).outcome.status).toBe('success')
    expect(io.lines).toContainEqual({ stream: 'info', text: 'YunoHost is free again' })
    expect(await stateOf(fake)).toEqual(saved)
  })

  test('is not touched without a safety archive, or with one that YunoHost does not know', async () => {
    const fake = await aServer()
    await changedSince(fake)
    const before = await stateOf(fake)
    const { outcome } = await restoreIt(fake, nextcloud, () => rm(join(fake.archivesDir, 'safety.tar')))
    expect(outcome).toMatchObject({ status: 'error', problem: { code: 'yunohost_failed' } })
    const wanted = { ...nextcloud, source: { ...ynhApp, produce: ynhApp.produce } }
    const plan = await planOf(fake, wanted)
    const io = watchedIo(placesOf(fake))
    const request = { archive: 'saved', settings: { app_id: 'nextcloud', core_only: false }, options: {} }
    const tx = { step: forbidden, will: forbidden, remark: forbidden, commit: forbidden }
    await expect(ynhApp.restore.apply(request, plan, tx, io)).rejects.toMatchObject({ code: 'internal' })
    expect(await stateOf(fake)).toEqual(before)
  })

  test('keeps its data when the archive is of the core only', async () => {
    const fake = await aServer()
    await saveApp(fake, 'nextcloud', 'saved', true)
    await writeFile(join(fake.root, 'home/yunohost.app/nextcloud/data.bin'), 'newer data')
    const { outcome, plan } = await restoreIt(fake, nextcloud)
    expect(codesOf(plan).warnings).toEqual(['core_only', 'services_stopped'])
    expect(outcome.status).toBe('success')
    expect(await readFile(join(fake.root, 'home/yunohost.app/nextcloud/data.bin'), 'utf8')).toBe('newer data')
  })
})

function forbidden(): never {
  throw new Error('nothing may be done')
}
