// `network …` between two instances that answer over HTTP.
import { expect, test } from 'vitest'
import { seedArchives } from '../../test/support/archives.ts'
import { seedJob } from '../../test/support/job-seeds.ts'
import { localCli } from '../../test/support/local-cli.ts'
import { localInstance } from '../../test/support/local-instances.ts'

const archive = 'tom_photos_20261121'
const scopes = ['read', 'run', 'upload', 'download', 'delete', 'restore'] as const

/** jerry knows tom and may do everything there; tom has a job and an archive. */
async function two() {
  const [tom, jerry] = [await localInstance('tom'), await localInstance('jerry')]
  await seedJob(tom.engine, { name: 'cloud' })
  const { code } = await tom.engine.peers.invite({ scopes: [...scopes, 'admin'], ssh: false }, 'admin')
  await jerry.engine.peers.join(code, { scopes: ['read'], ssh: false }, 'admin')
  await seedArchives(tom.db, {
    name: archive,
    app: 'photos',
    type: 'custom_dir',
    info_json: JSON.stringify({ system: { data_custom: ['/hooks/restore/95-data_custom'] } }),
    backup_info_json: JSON.stringify({ type: 'custom_dir', app: 'photos', source_path: '/srv/photos' }),
  })
  return { tom, jerry, cli: localCli(jerry) }
}

function json(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text)
  return Object(value)
}

test('network tells every instance and its state', async () => {
  const { tom, jerry, cli } = await two()
  await jerry.engine.peers.poll(1)
  expect((await cli(['network'])).out).toMatch(/jerry +here[\s\S]*tom +online/)
  await tom.stopListening()
  await jerry.engine.peers.poll(1)
  expect((await cli(['network'])).out).toMatch(/tom +offline +2026-11-21T10:00:00\+01:00 +1 +0/)
  expect(json((await cli(['network', '--json'])).out)).toMatchObject({
    items: [{ name: 'tom', status: 'offline' }],
  })
})

test('network archives lists what is there, and says why it cannot', async () => {
  const { tom, cli } = await two()
  expect((await cli(['network', 'archives', 'tom'])).out).toContain(archive)
  expect(json((await cli(['network', 'archives', 'tom', '--json'])).out)).toMatchObject({
    items: [{ name: archive }],
    next_cursor: null,
  })
  await tom.stopListening()
  const failed = await cli(['network', 'archives', 'tom'])
  expect([failed.code, failed.err.split('\n')[0]]).toEqual([69, 'The peer does not answer'])
  expect((await cli(['network', 'archives', 'nobody'])).code).not.toBe(0)
})

test('network run starts a job there by its name', async () => {
  const { tom, jerry, cli } = await two()
  await jerry.engine.peers.poll(1)
  expect((await cli(['network', 'run', 'tom', 'cloud'])).out).toBe('run 1 is queued on tom\n')
  const run = await tom.db.selectFrom('runs').select(['status', 'actor']).executeTakeFirstOrThrow()
  expect(run).toEqual({ status: 'queued', actor: 'peer:jerry' })
  expect((await cli(['network', 'run', 'tom', 'no such job'])).code).toBe(66)
})

test('network restore --plan tells what would be done there, and changes nothing', async () => {
  const { tom, cli } = await two()
  const plan = await cli(['network', 'restore', 'tom', archive, '--plan', '--target', '/srv/again'])
  expect(plan.out).toMatch(/restore tom_photos_20261121 on tom to \/srv\/again\n {2}1\. /)
  expect(await tom.db.selectFrom('restores').select('id').execute()).toEqual([])
  const other = await cli(['network', 'restore', 'tom', 'jerry_not_there_20261121', '--plan'])
  expect(other.out).toContain('is not on tom yet')
})

test('network restore has it restored there, and waits for its end', async () => {
  const { tom, jerry, cli } = await two()
  await tom.engine.start({ schedule: false })
  await jerry.engine.start({ schedule: true })
  const asked = await cli(['network', 'restore', 'tom', archive])
  expect([asked.code, await jerry.db.selectFrom('remote_restores').select('id').execute()]).toEqual([64, []])
  const done = await cli(['network', 'restore', 'tom', archive, '--yes', '--wait', '--json'])
  expect(json(done.out)).toMatchObject({ status: 'success', archive, instance: 'tom', error: null })
  expect(done.code).toBe(0)
  expect((await tom.db.selectFrom('restores').select('actor').execute())[0]?.actor).toBe('peer:jerry')
})

test('without a server the order waits for one, and cannot be waited for', async () => {
  const { jerry } = await two()
  const alone = localCli(jerry, { served: false })
  const ended = await alone(['network', 'restore', 'tom', archive, '--yes', '--wait'])
  expect([ended.code, ended.err]).toEqual([75, expect.stringContaining('as soon as the server runs')])
})
