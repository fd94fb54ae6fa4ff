// The machine dies at every moment of a restore; the next start finds the journal and puts everything back.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FakeYunohost, FakeYunohostOptions, Modes } from '../../../../test/support/fake-yunohost.ts'
import { isProblem } from '../../../domain/problem.ts'
import type { Run } from '../../../sys/process.ts'
import { watchedIo, type WatchedIo } from '../../contract.ts'
import { newJournal } from '../../restore/journal.ts'
import { recoverRestore } from '../../restore/transaction.ts'
import type { RestoreTransaction } from '../../source.ts'
import { ynhApp } from '../../ynh-app/index.ts'
import { ynhSystem } from '../../ynh-system/index.ts'
import { aServer, placesOf } from '../yunohost-world.ts'
import {
  planOf,
  requestOf,
  saveApp,
  saveParts,
  saveThePresent,
  stateOf,
  type Wanted,
} from './restore-world.ts'

/**
 * Applies the plan and stops at moment `cutAt`: before or after an announcement, before or after a command that changes
 * something. True when it came to the end before that moment.
 */
async function applyUntil(
  cutAt: number,
  fake: FakeYunohost,
  wanted: Wanted,
  io: WatchedIo,
): Promise<boolean> {
  let moment = 0
  const isOff = (): boolean => moment >= cutAt
  const pass = (): void => {
    moment += 1
    if (isOff()) throw new Error('power cut')
  }
  const changing: Run = async (file, args, options) => {
    const changes = ['remove', 'restore'].some((word) => args.includes(word)) && !args.includes('--help')
    if (changes) pass()
    const done = await io.run(file, args, options)
    if (changes) pass()
    return done
  }
  const plan = await planOf(fake, wanted)
  const request = { ...requestOf(wanted), safetyArchive: await saveThePresent(fake, plan) }
  const journal = newJournal(io.places.archivesDir, io.operation)
  const tx: RestoreTransaction = {
    step: (_code, work) => work(),
    will: async (change) => {
      pass()
      await journal.add(change)
      pass()
    },
    remark: () => undefined,
    commit: () => journal.commit(),
  }
  try {
    await wanted.source.restore.apply(request, plan, tx, { ...io, run: changing })
    return true
  } catch (error) {
    // A command that was killed is told as a problem.
    if (isOff() || isProblem(error, 'yunohost_failed')) return false
    throw error
  }
}

async function recover(fake: FakeYunohost, wanted: Wanted, operation: string) {
  return recoverRestore(wanted.source, requestOf(wanted), operation, watchedIo(placesOf(fake)))
}

/** Cuts at every moment in turn, each on a server of its own, and expects that nothing has changed after recovery. */
async function everyMoment(
  prepare: (fake: FakeYunohost) => Promise<Wanted>,
  same: (state: Record<string, string>) => unknown = (state) => state,
): Promise<number> {
  for (let cutAt = 1; ; cutAt += 1) {
    const fake = await aServer(small)
    const wanted = await prepare(fake)
    const before = same(await stateOf(fake))
    const io = watchedIo(placesOf(fake))
    const finished = await applyUntil(cutAt, fake, wanted, io)
    const recovered = await recover(fake, wanted, io.operation)
    expect(recovered.status).toBe('rolled_back')
    // Before the first announcement nothing is known, and nothing has changed.
    expect(recovered.found).toBe(cutAt > 1)
    expect(same(await stateOf(fake))).toEqual(before)
    // Whoever asks again finds nothing to do.
    expect((await recover(fake, wanted, io.operation)).found).toBe(false)
    expect(same(await stateOf(fake))).toEqual(before)
    if (finished) return cutAt - 1
  }
}

/** Few files: every moment has a server of its own. */
const small: FakeYunohostOptions = { apps: [{ id: 'nextcloud', data_bytes: 1000 }] }
const app: Wanted = { source: ynhApp, archive: 'saved' }
const timeout = 120_000

async function installedApp(fake: FakeYunohost): Promise<Wanted> {
  await saveApp(fake, 'nextcloud', 'saved')
  writeFileSync(join(fake.root, 'var/www/nextcloud/index.php'), 'changed')
  writeFileSync(join(fake.root, 'home/yunohost.app/nextcloud/data.bin'), 'newer')
  return app
}

async function removedApp(fake: FakeYunohost): Promise<Wanted> {
  await saveApp(fake, 'nextcloud', 'saved')
  await fake.call('app', 'remove', 'nextcloud')
  writeFileSync(join(fake.root, 'home/yunohost.app/nextcloud/data.bin'), 'the only copy')
  return app
}

async function someParts(fake: FakeYunohost): Promise<Wanted> {
  await saveParts(fake, ['data_home', 'data_mail'], 'saved')
  writeFileSync(join(fake.root, 'home/alice/notes.txt'), 'changed')
  return { source: ynhSystem, archive: 'saved' }
}

describe('after a crash at any moment', () => {
  test(
    'an installed app is as it was before',
    async () => {
      // Two announcements and two commands, before and after each.
      expect(await everyMoment(installedApp)).toBe(8)
    },
    timeout,
  )

  test(
    'an app that was not installed is not there, and its former data is',
    async () => {
      const withoutLogs = (state: Record<string, string>) =>
        Object.fromEntries(Object.entries(state).filter(([path]) => !path.startsWith('var/log')))
      expect(await everyMoment(removedApp, withoutLogs)).toBe(6)
    },
    timeout,
  )

  test(
    'system parts are as they were before',
    async () => {
      expect(await everyMoment(someParts)).toBe(4)
    },
    timeout,
  )
})

describe('after a crash in the middle of a command', () => {
  test.each<[string, Modes, (fake: FakeYunohost) => Promise<Wanted>]>([
    ['the removal of an app', { kill: 'remove', once: true }, installedApp],
    ['the restore of an app', { kill: 'restore', once: true }, installedApp],
    ['the restore of a part', { kill: 'restore_part', once: true }, someParts],
  ])('%s, everything is as it was before', async (_what, modes, prepare) => {
    const fake = await aServer(small)
    const wanted = await prepare(fake)
    const before = await stateOf(fake)
    const io = watchedIo(placesOf(fake))
    await fake.setModes(modes)
    expect(await applyUntil(100, fake, wanted, io)).toBe(false)
    expect(await stateOf(fake)).not.toEqual(before)
    expect(await recover(fake, wanted, io.operation)).toMatchObject({ found: true, status: 'rolled_back' })
    expect(await stateOf(fake)).toEqual(before)
  })

  test.each(['remove', 'restore'] as const)(
    '%s while it is put back, the next start puts it back',
    async (kill) => {
      const fake = await aServer(small)
      const wanted = await installedApp(fake)
      const before = await stateOf(fake)
      const io = watchedIo(placesOf(fake))
      await applyUntil(8, fake, wanted, io)
      await fake.setModes({ kill, once: true })
      const first = await recover(fake, wanted, io.operation)
      if (first.status === 'error') {
        expect(first.problem?.detail).toContain('safety')
        expect(await recover(fake, wanted, io.operation)).toMatchObject({
          found: true,
          status: 'rolled_back',
        })
      }
      expect(await stateOf(fake)).toEqual(before)
    },
  )
})

test('what a killed restore has left of an app’s settings does not stand in the way', async () => {
  const fake = await aServer(small)
  const wanted = await installedApp(fake)
  const before = await stateOf(fake)
  const io = watchedIo(placesOf(fake))
  await applyUntil(7, fake, wanted, io)
  // YunoHost was copying them: too little for it to remove the app, enough to call it installed.
  const settings = join(fake.root, 'etc/yunohost/apps/nextcloud')
  await fake.call('app', 'remove', 'nextcloud').catch(() => undefined)
  mkdirSync(settings, { recursive: true })
  writeFileSync(join(settings, 'settings.yml'), 'half')
  expect(await recover(fake, wanted, io.operation)).toMatchObject({ found: true, status: 'rolled_back' })
  expect(await stateOf(fake)).toEqual(before)
})

test('without its safety archive nothing more is removed, and the journal stays for whoever looks', async () => {
  const fake = await aServer(small)
  const wanted = await installedApp(fake)
  const io = watchedIo(placesOf(fake))
  await applyUntil(3, fake, wanted, io)
  const before = await stateOf(fake)
  await fake.call('backup', 'delete', 'safety')
  const recovered = await recover(fake, wanted, io.operation)
  expect(recovered).toMatchObject({ found: true, status: 'error', problem: { code: 'put_back_failed' } })
  expect(recovered.problem?.detail).toContain('archive=safety')
  expect(await stateOf(fake)).toEqual(before)
  const journal = readFileSync(join(fake.archivesDir, `.restore-${io.operation}.journal`), 'utf8')
  expect(journal).toContain('"safety":"safety"')
})
