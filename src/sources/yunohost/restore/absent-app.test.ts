// Restores of apps that are not installed, and of data that no archive would hold, on the stand-in.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ynhApp } from '../../ynh-app/index.ts'
import { aServer } from '../yunohost-world.ts'
import { codesOf, nextcloud, restoreIt, saveApp, stateOf, type Wanted } from './restore-world.ts'

describe('an app that is not installed', () => {
  test('is restored without a safety archive', async () => {
    const fake = await aServer()
    const saved = await stateOf(fake)
    await saveApp(fake, 'nextcloud', 'saved')
    await fake.call('app', 'remove', 'nextcloud', '--purge')
    const { outcome, plan, steps } = await restoreIt(fake, nextcloud)
    expect(plan).toMatchObject({ replaces: false, safety: null })
    expect(outcome).toEqual({ status: 'success', problem: null, remarks: [] })
    expect(steps).toEqual(['restore_app done'])
    expect(await stateOf(fake)).toEqual(saved)
  })

  test.each([{ no_remove_on_failure: false }, { no_remove_on_failure: true }])(
    'is gone again when the restore fails (%j)',
    async (version) => {
      const fake = await aServer()
      await saveApp(fake, 'nextcloud', 'saved')
      await fake.call('app', 'remove', 'nextcloud', '--purge')
      const before = await stateOf(fake)
      const { outcome } = await restoreIt(fake, nextcloud, () =>
        fake.setModes({ ...version, restore_error: ['nextcloud'] }),
      )
      expect(outcome.status).toBe('rolled_back')
      expect(appsOf(await stateOf(fake))).toEqual(appsOf(before))
    },
  )

  test('finds its former data untouched beside the restored one', async () => {
    const fake = await aServer()
    await saveApp(fake, 'nextcloud', 'saved')
    await fake.call('app', 'remove', 'nextcloud')
    await writeFile(join(fake.root, 'home/yunohost.app/nextcloud/data.bin'), 'the only copy')
    const { outcome, plan } = await restoreIt(fake, nextcloud)
    expect(codesOf(plan).warnings).toEqual(['data_set_aside'])
    expect(plan.replaces).toBe(true)
    const [remark] = outcome.remarks
    expect(remark).toMatchObject({ code: 'data_set_aside', facts: { app: 'nextcloud' } })
    const kept = String(remark?.facts['path'])
    expect(kept).toMatch(/^\/home\/yunohost\.app\/nextcloud\.before-restore-[0-9a-f]{8}$/)
    expect(await readFile(join(fake.root, kept, 'data.bin'), 'utf8')).toBe('the only copy')
    expect(await readFile(join(fake.root, 'home/yunohost.app/nextcloud/data.bin'))).toHaveLength(20_000)
  })

  test('gets its former data back in its place when the restore fails', async () => {
    const fake = await aServer()
    await saveApp(fake, 'nextcloud', 'saved')
    await fake.call('app', 'remove', 'nextcloud')
    await writeFile(join(fake.root, 'home/yunohost.app/nextcloud/data.bin'), 'the only copy')
    const before = await stateOf(fake)
    const { outcome } = await restoreIt(fake, nextcloud, () =>
      fake.setModes({ restore_error: ['nextcloud'] }),
    )
    expect(outcome.status).toBe('rolled_back')
    expect(await readdir(join(fake.root, 'home/yunohost.app'))).toEqual(['nextcloud', 'nocodb'])
    const data = Object.keys(before).filter((path) => path.startsWith('home/yunohost.app'))
    const after = await stateOf(fake)
    for (const path of data) expect(after[path]).toBe(before[path])
  })

  test('is not removed when somebody has installed it in the meantime', async () => {
    const fake = await aServer()
    await saveApp(fake, 'nextcloud', 'saved')
    await fake.call('app', 'remove', 'nextcloud', '--purge')
    const { outcome } = await restoreIt(fake, nextcloud, () =>
      fake.addApp({ id: 'nextcloud', version: '99.0' }),
    )
    expect(outcome).toMatchObject({ status: 'error', problem: { code: 'restore_plan_changed' } })
    expect(await fake.call('app', 'info', 'nextcloud')).toMatchObject({ version: '99.0' })
  })

  test('comes together with others of the archive, or all of them go again', async () => {
    const fake = await aServer()
    const saved = await stateOf(fake)
    await fake.call('backup', 'create', '--apps', 'nocodb', 'wordpress', '-n', 'several')
    for (const app of ['nocodb', 'wordpress']) await fake.call('app', 'remove', app, '--purge')
    const before = await stateOf(fake)
    const several: Wanted = { source: ynhApp, archive: 'several' }
    await fake.setModes({ restore_error: ['wordpress'] })
    const failed = await restoreIt(fake, several)
    expect(failed.steps).toEqual(['restore_app undone', 'restore_app failed'])
    expect(failed.outcome.status).toBe('rolled_back')
    expect(appsOf(await stateOf(fake))).toEqual(appsOf(before))
    await rm(join(fake.root, 'home/yunohost.app/nocodb'), { recursive: true, force: true })
    await fake.setModes({})
    expect((await restoreIt(fake, several)).outcome.status).toBe('success')
    expect(await stateOf(fake)).toEqual(saved)
  })
})

/** What belongs to apps, without data and logs, which stay after a removal. */
function appsOf(state: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(state).filter(([path]) => !/^var\/log\/|^home\/yunohost\.app\//.test(path))
  return Object.fromEntries(entries)
}

describe('an app whose data is left out of backups', () => {
  const app = { id: 'cloud', data_bytes: 3000 }
  test.each(['success', 'failure'] as const)(
    'keeps it after a %s, though the archive holds older data',
    async (end) => {
      const fake = await aServer({ apps: [app] })
      await saveApp(fake, 'cloud', 'saved')
      await fake.addApp({ ...app, do_not_backup_data: true })
      const data = join(fake.root, 'home/yunohost.app/cloud/data.bin')
      await writeFile(data, 'terabytes')
      const before = await stateOf(fake)
      const { outcome } = await restoreIt(fake, { source: ynhApp, archive: 'saved' }, async () => {
        const failing = { restore_error_in: { saved: ['cloud'] } }
        await fake.setModes(end === 'success' ? {} : failing)
      })
      if (end === 'failure') {
        expect(outcome.status).toBe('rolled_back')
        expect(await stateOf(fake)).toEqual(before)
        return
      }
      expect(outcome.status).toBe('success')
      expect(await readFile(data)).toHaveLength(3000)
      const kept = String(outcome.remarks[0]?.facts['path'])
      expect(await readFile(join(fake.root, kept, 'data.bin'), 'utf8')).toBe('terabytes')
    },
  )
})
