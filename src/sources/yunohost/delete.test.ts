import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { traces, watchedIo } from '../contract.ts'
import { deleteThroughYunohost } from './delete.ts'
import { aServer, placesOf } from './yunohost-world.ts'

test('deletes an archive that YunoHost knows, and its hooks run', async () => {
  const fake = await aServer()
  await fake.call('backup', 'create', '--apps', 'nocodb', '--name', 'doomed')
  const hooks = join(fake.root, 'etc/yunohost/hooks.d/post_backup_delete')
  await mkdir(hooks, { recursive: true })
  await writeFile(join(hooks, '50-note'), `echo "$1" > ${join(fake.root, 'deleted')}\n`)
  expect(await deleteThroughYunohost('doomed', watchedIo(placesOf(fake)))).toBe(true)
  expect(await traces(fake.archivesDir)).toEqual([])
  expect(await readFile(join(fake.root, 'deleted'), 'utf8')).toBe('doomed\n')
})

test('leaves to the caller what YunoHost does not know, or when there is no YunoHost', async () => {
  const fake = await aServer()
  expect(await deleteThroughYunohost('unknown', watchedIo(placesOf(fake)))).toBe(false)
  const io = watchedIo({ ...placesOf(fake), yunohost: ['/nonexistent/yunohost'] })
  expect(await deleteThroughYunohost('unknown', io)).toBe(false)
})

test('says that YunoHost is busy, and deletes nothing', async () => {
  const fake = await aServer()
  await fake.call('backup', 'create', '--apps', 'nocodb', '--name', 'kept')
  await fake.setModes({ refuse_lock: true })
  const work = deleteThroughYunohost('kept', watchedIo(placesOf(fake)), 0)
  await expect(work).rejects.toMatchObject({ code: 'yunohost_busy' })
  expect(await traces(fake.archivesDir)).toEqual(['kept.info.json', 'kept.tar'])
})

test('touches no archive of that name which YunoHost keeps in another folder', async () => {
  const fake = await aServer()
  await fake.call('backup', 'create', '--apps', 'nocodb', '--name', 'namesake')
  const elsewhere = join(fake.root, 'elsewhere')
  await mkdir(elsewhere)
  const io = watchedIo({ ...placesOf(fake), archivesDir: elsewhere })
  expect(await deleteThroughYunohost('namesake', io)).toBe(false)
  expect(await traces(fake.archivesDir)).toEqual(['namesake.info.json', 'namesake.tar'])
})

test('leaves an archive that YunoHost cannot read to the caller', async () => {
  const fake = await aServer()
  await fake.call('backup', 'create', '--apps', 'nocodb', '--name', 'broken')
  await writeFile(join(fake.archivesDir, 'broken.info.json'), 'no JSON')
  expect(await deleteThroughYunohost('broken', watchedIo(placesOf(fake)))).toBe(false)
})
