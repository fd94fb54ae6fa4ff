// What the plan sees of real archives and of the stand-in's server.
import { existsSync } from 'node:fs'
import { readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { run } from '../../../sys/process.ts'
import { traces, watchedIo } from '../../contract.ts'
import { ynhApp } from '../../ynh-app/index.ts'
import { ynhSystem } from '../../ynh-system/index.ts'
import { aServer, placesOf } from '../yunohost-world.ts'
import { changedSince, codesOf, nextcloud, planOf, restoreIt, saveApp, stateOf } from './restore-world.ts'

describe('the plan looks at archive and server', () => {
  test('and sees domain, address, users and rights', async () => {
    const fake = await aServer({
      apps: [
        { id: 'one', domain: 'sub.example.test', allowed: ['bob'] },
        { id: 'two', path: '/two', allowed: ['alice', 'bob'] },
      ],
    })
    await fake.call('backup', 'create', '--apps', 'one', 'two', '-n', 'both')
    for (const app of ['one', 'two']) await fake.call('app', 'remove', app)
    await fake.addApp({ id: 'three', path: '/two' })
    await fake.addApp({ id: 'two', path: '/moved', version: '2.0~ynh1' })
    await fake.call('user', 'delete', 'bob')
    await fake.call('domain', 'remove', 'sub.example.test')
    const plan = await planOf(fake, { source: ynhApp, archive: 'both' })
    expect(plan.refusals).toEqual([
      { field: 'archive', code: 'domain_missing', facts: { app: 'one', domain: 'sub.example.test' } },
      { field: 'archive', code: 'url_taken', facts: { app: 'three', url: 'example.test/two' } },
    ])
    expect(plan.warnings.map(({ code, facts }) => `${code} ${Object.values(facts).join(' ')}`)).toEqual([
      'permission_lost one.main',
      'users_missing one bob',
      'app_version_differs two 1.0~ynh1 2.0~ynh1',
      'app_of_other_domain two example.test/two',
      'users_missing two bob',
      'services_stopped two',
    ])
  })

  test('and refuses an archive that YunoHost keeps elsewhere, or under a name that it would misread', async () => {
    const fake = await aServer()
    await saveApp(fake, 'nextcloud', 'saved')
    const elsewhere = join(fake.root, 'bm-archives')
    await run('cp', ['-a', fake.archivesDir, elsewhere])
    const io = watchedIo({ ...placesOf(fake), archivesDir: elsewhere })
    expect(codesOf(await planOf(fake, { ...nextcloud, io })).refusals).toEqual(['archive_not_listed'])
    for (const name of ['-saved', 'saved.tar']) {
      await rename(join(elsewhere, 'saved.tar'), join(elsewhere, `${name}.tar`))
      await run('cp', [join(elsewhere, 'saved.info.json'), join(elsewhere, `./${name}.info.json`)])
      const plan = await planOf(fake, { ...nextcloud, archive: name, io })
      expect(codesOf(plan).refusals).toEqual(['archive_not_listed'])
      await rename(join(elsewhere, `${name}.tar`), join(elsewhere, 'saved.tar'))
    }
  })

  test('and refuses one that is cut, empty, or made of something else', async () => {
    const fake = await aServer()
    await saveApp(fake, 'nextcloud', 'saved')
    const tar = join(fake.archivesDir, 'saved.tar')
    await truncate(tar, 20_000)
    expect(codesOf(await planOf(fake, nextcloud))).toEqual({ refusals: ['archive_truncated'], warnings: [] })
    await writeFile(tar, 'no tar')
    expect(codesOf(await planOf(fake, nextcloud)).refusals).toEqual(['archive_truncated'])
    await rm(tar)
    await expect(planOf(fake, nextcloud)).rejects.toMatchObject({ code: 'archive_not_found' })
  })

  test('and takes an app for installed that YunoHost cannot read and does not list', async () => {
    const fake = await aServer()
    await saveApp(fake, 'nextcloud', 'saved')
    await rm(join(fake.root, 'etc/yunohost/apps/nextcloud/manifest.toml'))
    await rm(join(fake.root, 'etc/yunohost/apps/nextcloud/settings.yml'))
    const plan = await planOf(fake, nextcloud)
    expect(plan.safety).toMatchObject({ settings: { app_id: 'nextcloud' } })
    expect(plan.steps.map(({ code }) => code)).toEqual(['remove_app', 'restore_app'])
  })

  test('and refuses without YunoHost', async () => {
    const fake = await aServer()
    await saveApp(fake, 'nextcloud', 'saved')
    const io = watchedIo({ ...placesOf(fake), yunohost: ['/nonexistent/yunohost'] })
    expect(codesOf(await planOf(fake, { ...nextcloud, io })).refusals).toEqual(['yunohost_missing'])
  })

  test('and takes no lock and changes nothing', async () => {
    const fake = await aServer()
    await changedSince(fake)
    const before = await stateOf(fake)
    const files = await traces(fake.archivesDir)
    await fake.setModes({ refuse_lock: true })
    expect((await planOf(fake, nextcloud)).refusals).toEqual([])
    expect(await stateOf(fake)).toEqual(before)
    expect(await traces(fake.archivesDir)).toEqual(files)
  })

  test('and finds app and part of an archive that holds both, whichever source is asked', async () => {
    const fake = await aServer()
    await fake.call('backup', 'create', '--apps', 'nextcloud', '--system', 'data_home', '-n', 'both')
    await fake.call('app', 'remove', 'nextcloud', '--purge')
    for (const source of [ynhApp, ynhSystem]) {
      const plan = await planOf(fake, { source, archive: 'both' })
      expect(plan).toMatchObject({ type: source.id, target: 'data_home, nextcloud', refusals: [] })
    }
    await writeFile(join(fake.root, 'home/alice/notes.txt'), 'changed')
    expect((await restoreIt(fake, { source: ynhApp, archive: 'both' })).outcome.status).toBe('success')
    expect(await readFile(join(fake.root, 'home/alice/notes.txt'), 'utf8')).toBe('notes of alice\n')
    expect(existsSync(join(fake.root, 'var/www/nextcloud/index.php'))).toBe(true)
  })
})
