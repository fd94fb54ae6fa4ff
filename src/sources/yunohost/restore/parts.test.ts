// Restores of system parts on the stand-in.
import { mkdirSync, writeFileSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../../../test/support/eventually.ts'
import { watchedIo } from '../../contract.ts'
import { ynhSystem } from '../../ynh-system/index.ts'
import { aServer, placesOf } from '../yunohost-world.ts'
import { codesOf, expectTidy, restoreIt, safetyName, saveParts, stateOf } from './restore-world.ts'

describe('system parts', () => {
  const parts = ['data_home', 'data_mail']
  const notes = 'home/alice/notes.txt'
  const mail = 'var/mail/alice/cur/1'

  test('are restored after the present ones were saved', async () => {
    const fake = await aServer()
    const saved = await stateOf(fake)
    await saveParts(fake, parts, 'saved')
    await writeFile(join(fake.root, notes), 'changed')
    await rm(join(fake.root, mail))
    const { outcome, plan, steps } = await restoreIt(fake, { source: ynhSystem, archive: 'saved' })
    expect(plan.safety).toEqual({ type: 'ynh_system', settings: { parts } })
    expect(outcome).toEqual({ status: 'success', problem: null, remarks: [] })
    expect(steps).toEqual(['restore_parts done'])
    expect(await stateOf(fake)).toEqual(saved)
  })

  test.each(['', '95-data_other'])(
    'leave no folder open to everybody, also with the hook %j',
    async (hook) => {
      const fake = await aServer()
      await saveParts(fake, parts, 'saved')
      const hooks = join(fake.root, 'etc/yunohost/hooks.d/restore')
      mkdirSync(hooks, { recursive: true })
      if (hook !== '') writeFileSync(join(hooks, hook), '')
      const before = await stateOf(fake)
      for (let time = 1; time <= 2; time += 1) {
        expect((await restoreIt(fake, { source: ynhSystem, archive: 'saved' })).outcome.status).toBe(
          'success',
        )
        expect(await stateOf(fake)).toEqual(before)
        await fake.call('backup', 'delete', safetyName)
      }
    },
  )

  test('only those that were chosen', async () => {
    const fake = await aServer()
    await saveParts(fake, parts, 'saved')
    await writeFile(join(fake.root, notes), 'changed')
    await writeFile(join(fake.root, mail), 'changed')
    const options = { targets: ['data_mail'] }
    await restoreIt(fake, { source: ynhSystem, archive: 'saved', options })
    expect(await readFile(join(fake.root, notes), 'utf8')).toBe('changed')
    expect(await readFile(join(fake.root, mail), 'utf8')).not.toBe('changed')
  })

  test('come back from the safety archive when one of them fails, though YunoHost exits with 0', async () => {
    const fake = await aServer()
    await saveParts(fake, parts, 'saved')
    await writeFile(join(fake.root, notes), 'changed')
    const before = await stateOf(fake)
    const { outcome } = await restoreIt(fake, { source: ynhSystem, archive: 'saved' }, () =>
      fake.setModes({ restore_error_in: { saved: ['data_mail'] } }),
    )
    expect(outcome).toMatchObject({ status: 'rolled_back', problem: { code: 'yunohost_failed' } })
    expect(outcome.problem?.detail).toContain('data_mail')
    expect(await stateOf(fake)).toEqual(before)
  })

  test('come back from the safety archive when it is cancelled in the middle', async () => {
    const fake = await aServer()
    await saveParts(fake, parts, 'saved')
    await writeFile(join(fake.root, notes), 'changed')
    const before = await stateOf(fake)
    const stop = new AbortController()
    const io = watchedIo(placesOf(fake), stop.signal)
    const work = restoreIt(fake, { source: ynhSystem, archive: 'saved', io }, () =>
      fake.setModes({ hang: 'restore_part', once: true }),
    )
    await Promise.race([eventually(() => fake.hangingPid(), 'hanging', 30_000), work])
    stop.abort()
    expect((await work).outcome).toMatchObject({ status: 'rolled_back', problem: { code: 'cancelled' } })
    expect(await stateOf(fake)).toEqual(before)
    await expectTidy(fake)
  })

  test('that only the archive’s own hook knows are restored, and said not to be put back', async () => {
    const fake = await aServer()
    const hooks = join(fake.root, 'etc/yunohost/hooks.d')
    mkdirSync(join(hooks, 'restore'), { recursive: true })
    const restored = join(fake.root, 'restored')
    writeFileSync(join(hooks, 'backup/60-data_own'), 'mkdir -p data/own && echo content > data/own/file\n')
    writeFileSync(join(hooks, 'restore/60-data_own'), `cp "$1/data/own/file" ${restored}\n`)
    await fake.call('backup', 'create', '--system', 'data_own', '-n', 'own')
    for (const folder of ['backup', 'restore']) await rm(join(hooks, folder, '60-data_own'))
    const { outcome, plan } = await restoreIt(fake, { source: ynhSystem, archive: 'own' })
    expect(plan.safety).toBe(null)
    expect(codesOf(plan).warnings).toEqual(['no_safety_archive', 'no_put_back'])
    expect(outcome.status).toBe('success')
    expect(await readFile(restored, 'utf8')).toBe('content\n')
    await fake.setModes({ restore_error: ['data_own'] })
    const failed = await restoreIt(fake, { source: ynhSystem, archive: 'own' })
    expect(failed.outcome).toMatchObject({ status: 'error', problem: { code: 'put_back_failed' } })
  })
})
