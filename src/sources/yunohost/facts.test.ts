import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { watchedIo } from '../contract.ts'
import { stockParts, systemParts, yunohostFacts, yunohostOffers } from './facts.ts'
import { aServer, placesOf } from './yunohost-world.ts'

test('tells the installed apps, without their secrets', async () => {
  const fake = await aServer({
    apps: [{ id: 'nocodb', name: 'NocoDB', version: '0.263.3~ynh1' }, { id: 'gone__2' }],
  })
  expect(await yunohostFacts('apps', watchedIo(placesOf(fake)))).toEqual({
    apps: [
      { id: 'gone__2', name: 'gone__2', description: '', version: '1.0~ynh1' },
      { id: 'nocodb', name: 'NocoDB', description: '', version: '0.263.3~ynh1' },
    ],
  })
})

test('answers while another command holds the lock', async () => {
  const fake = await aServer({ modes: { refuse_lock: true } })
  expect(await yunohostFacts('admins', watchedIo(placesOf(fake)))).toEqual({ admins: ['alice'] })
  expect(await yunohostFacts('versions', watchedIo(placesOf(fake)))).toEqual({ version: '12.1.39' })
})

test('knows no version where there is no YunoHost, and says for the rest that it is missing', async () => {
  const fake = await aServer()
  const io = watchedIo({ ...placesOf(fake), yunohost: ['/nonexistent/yunohost'] })
  expect(await yunohostFacts('versions', io)).toEqual({ version: null })
  await expect(yunohostFacts('apps', io)).rejects.toMatchObject({ code: 'tool_missing' })
  await expect(yunohostFacts('apps', watchedIo({ ...placesOf(fake), yunohost: [] }))).rejects.toMatchObject({
    code: 'tool_missing',
  })
})

test('offers a job of YunoHost where YunoHost answers', async () => {
  const fake = await aServer()
  const here = watchedIo(placesOf(fake))
  expect(await yunohostOffers(here)).toEqual({ missingTool: null, databases: null, error: null })
  const without = watchedIo({ ...placesOf(fake), yunohost: ['/nonexistent/yunohost'] })
  expect(await yunohostOffers(without)).toMatchObject({ missingTool: 'yunohost', error: null })
  const broken = watchedIo({ ...placesOf(fake), yunohost: ['false'] })
  expect(await yunohostOffers(broken)).toMatchObject({
    missingTool: null,
    error: expect.stringContaining('exit code 1'),
  })
})

test('refuses an answer that it does not understand', async () => {
  const fake = await aServer()
  const path = join(fake.root, 'bin/odd')
  await writeFile(path, `#!/bin/sh\necho '{"apps": [{"id": 7}]}'\n`, { mode: 0o755 })
  const io = watchedIo({ ...placesOf(fake), yunohost: [path] })
  await expect(yunohostFacts('apps', io)).rejects.toMatchObject({
    code: 'yunohost_failed',
    facts: { command: 'app list', detail: 'its answer is not understood (apps.0.id)' },
  })
})

test('tells the stock parts and those of the admin’s hooks', async () => {
  const hooksDir = join(await temporaryFolder(), 'backup')
  expect(await systemParts(hooksDir)).toEqual([...stockParts])
  await mkdir(hooksDir)
  const files = [
    '95-data_own',
    'plain',
    '50-scripted.sh',
    '20-conf_ynh_settings',
    '.hidden',
    '9-old~',
    '9---bad',
  ]
  for (const file of files) await writeFile(join(hooksDir, file), '')
  expect(await systemParts(hooksDir)).toEqual([...stockParts, 'data_own', 'plain', 'scripted'])
})
