// The verbs through the real program, as the server calls it, with the stand-in for YunoHost.
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { createFakeYunohost, type FakeYunohost } from '../../test/support/fake-yunohost.ts'
import { isAlive } from '../../test/support/programs/programs.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import type { ArchiveOrder } from '../domain/helper-protocol.ts'
import { createHelper, type Helper } from '../sys/helper-client.ts'
import { joinWords } from '../sys/words.ts'

const entry = fileURLToPath(new URL('../../bin/backupmanager.js', import.meta.url))

async function server(): Promise<{ fake: FakeYunohost; helper: Helper }> {
  const fake = await createFakeYunohost()
  onTestFinished(() => fake.dispose())
  const env = {
    BM_ARCHIVES_DIR: fake.archivesDir,
    BM_DATA_DIR: fake.root,
    BM_YUNOHOST: joinWords(fake.command),
  }
  return { fake, helper: createHelper({ target: { kind: 'direct', entry }, env }) }
}

function order(name: string): ArchiveOrder {
  return {
    name,
    createdAt: Date.parse('2026-05-08T03:00:00Z'),
    timeZone: 'Europe/Paris',
    description: 'nightly',
    app: 'nocodb',
    instance: { id: 'a'.repeat(43), name: 'jerry', url: 'https://jerry.example.test/backup' },
    job: { uid: randomUUID(), name: 'nightly' },
    backupmanagerVersion: '0.1.0',
  }
}

const nocodb = { type: 'ynh_app', settings: { app_id: 'nocodb' } }

test('an archive is made, found, read, verified and deleted through YunoHost', async () => {
  const { fake, helper } = await server()
  const name = 'jerry_nocodb_20260508'
  const made = await helper.call('source.produce', { ...nocodb, archive: order(name) })

  const { archives } = await helper.call('catalogue.scan', {})
  expect(archives).toMatchObject([
    { name, file: made.file, sizeBytes: made.sizeBytes, fingerprint: made.fingerprint },
  ])
  const read = await helper.call('catalogue.read', { names: [name] })
  expect(read.archives).toMatchObject([{ name, info: made.info, backupInfo: made.backupInfo, error: null }])
  const progress: number[] = []
  const verified = await helper.call(
    'archive.verify',
    { name },
    { onFrame: (frame) => frame.t === 'progress' && progress.push(frame.done) },
  )
  expect(verified).toMatchObject({ sha256: made.sha256, sizeBytes: made.sizeBytes, damage: '' })
  expect(progress.at(-1)).toBe(made.sizeBytes)

  const { removed } = await helper.call('archive.delete', { name })
  expect(removed.map((path) => path.slice(fake.archivesDir.length + 1))).toContain(`${name}.tar`)
  expect(await readdir(fake.archivesDir)).toEqual([])
  expect(await fake.call('backup', 'list')).toEqual({ archives: [] })
})

test('facts and checks come from YunoHost', async () => {
  const { helper } = await server()
  const { apps } = await helper.call('yunohost.facts', { what: 'apps' })
  expect(apps?.map((app) => app.id)).toContain('nocodb')
  expect((await helper.call('yunohost.facts', { what: 'versions' })).version).toMatch(/^12\./)
  expect(await helper.call('source.check', nocodb)).toEqual({ errors: [] })
  const missing = { type: 'ynh_app', settings: { app_id: 'no_such_app' } }
  const { errors } = await helper.call('source.check', missing)
  expect(errors).toMatchObject([{ field: 'config.app_id', code: 'app_not_installed' }])
})

test('cancelling a backup ends what YunoHost started and leaves nothing behind', async () => {
  const { fake, helper } = await server()
  await fake.setModes({ hang: 'tar' })
  const stop = new AbortController()
  const call = helper.call(
    'source.produce',
    { ...nocodb, archive: order('jerry_nocodb_20260508') },
    { signal: stop.signal },
  )
  const outcome = call.catch((error: unknown) => error)
  const pid = await eventually(() => fake.hangingPid())
  stop.abort()
  expect(await outcome).toMatchObject({ code: 'cancelled' })
  expect(isAlive(pid)).toBe(false)
  expect(await readdir(fake.archivesDir)).toEqual([])
})

test('a helper killed in the middle of a backup leaves neither processes nor half an archive', async () => {
  const { fake, helper } = await server()
  await fake.setModes({ hang: 'tar' })
  const call = helper.call('source.produce', { ...nocodb, archive: order('jerry_nocodb_20260508') })
  const outcome = call.catch((error: unknown) => error)
  const pid = await eventually(() => fake.hangingPid())
  process.kill(await helperOf(fake), 'SIGKILL')
  expect(await outcome).toMatchObject({ code: 'helper_unavailable' })
  expect(isAlive(pid)).toBe(false)
  expect(await readdir(fake.archivesDir)).toEqual([])
})

test('a directory is backed up with the settings checked again', async () => {
  const { fake, helper } = await server()
  const tree = await temporaryFolder()
  await mkdir(join(tree, 'a'))
  await writeFile(join(tree, 'a', 'file'), 'content')
  const type = 'custom_dir'
  const archive = order('jerry_tree_20260508')
  const made = await helper.call('source.produce', { type, settings: { source_path: tree }, archive })
  expect(made).toMatchObject({ file: 'jerry_tree_20260508.tar', warningCount: 0 })
  expect(await readFile(join(fake.archivesDir, 'jerry_tree_20260508.info.json'), 'utf8')).not.toBe('')
  const refused = helper.call('source.produce', {
    type,
    settings: { source_path: tree, as: 'root' },
    archive,
  })
  await expect(refused).rejects.toMatchObject({ code: 'helper_refused' })
})

test('cleaning up spares the files of backups that are still running', async () => {
  const { fake, helper } = await server()
  const files = ['.long.yunohost.partial', '.crashed.tar.partial']
  const put = async (): Promise<void> => {
    for (const file of files) {
      await writeFile(join(fake.archivesDir, file), '')
      await utimes(join(fake.archivesDir, file), 1, 1)
    }
  }
  await put()
  const { removed } = await helper.call('recover', { operations: [], busy: ['long'] })
  expect(removed).toEqual([join(fake.archivesDir, '.crashed.tar.partial')])
  await put()
  await helper.call('recover', { operations: [{ operation: randomUUID(), archiveName: 'other' }] })
  expect((await readdir(fake.archivesDir)).toSorted()).toEqual(files.toSorted())
})

/** The helper process that serves this world: a child of ours with its archives folder in the environment. */
async function helperOf(fake: FakeYunohost): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
    if (environment.split('\0').includes(`BM_DATA_DIR=${fake.root}`)) return Number(pid)
  }
  throw new Error('no helper is running')
}
