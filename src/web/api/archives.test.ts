// Archives over the API: lists, descriptions, pins, deletion, verification, contents and downloads.
import { beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { apiBench, problemOf, type ApiBench } from '../../../test/support/api.ts'
import { backupInfo, seedArchives } from '../../../test/support/archives.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { testNow } from '../../../test/support/web.ts'
import { archiveInfoSchema, archiveSchema } from '../../domain/api/archives.ts'
import { pageOf } from '../../domain/api/common.ts'

const list = pageOf(archiveSchema)
const name = 'jerry_nextcloud_20261121'
let bench: ApiBench
beforeEach(async () => {
  bench = await apiBench()
})

async function names(query: string): Promise<string[]> {
  const key = await bench.script('read')
  const answer = await bench.ask(`GET /archives${query}`, { key })
  return list.parse(await answer.json()).items.map((one) => one.name)
}

test('the list has what the contract says, newest first, and nothing else', async () => {
  await seedArchives(
    bench.web.deps.db,
    { name, pinned: 1 },
    { name: 'gone', missing_at: testNow },
    {
      name: 'old',
      sha256: 'not a hash',
      type: null,
      app: null,
      instance_name: null,
      origin: 'foreign',
      created_at: 0,
    },
  )
  const key = await bench.script('read')
  const body: unknown = await (await bench.ask('GET /archives', { key })).json()
  expect(body).toEqual({
    items: [
      {
        name,
        file: `${name}.tar`,
        type: 'ynh_app',
        app: 'nextcloud',
        instance_name: 'jerry',
        created_at: '2026-11-21T09:00:00+01:00',
        size_bytes: 412 * 2 ** 20,
        sha256: 'ab'.repeat(32),
        state: 'ok',
        origin: 'local',
        pinned: true,
        job_id: null,
      },
      expect.objectContaining({ name: 'old', sha256: null, created_at: '1970-01-01T01:00:00+01:00' }),
    ],
    next_cursor: null,
  })
})

test('filters by app, type, instance and part of the name', async () => {
  await seedArchives(
    bench.web.deps.db,
    { name: 'a_wiki', app: 'wiki', created_at: 3 },
    { name: 'b_dir', type: 'custom_dir', app: 'photos', created_at: 2 },
    { name: 'c_tom', instance_name: 'tom', app: 'wiki', created_at: 1 },
  )
  expect(await names('?app=wiki')).toEqual(['a_wiki', 'c_tom'])
  expect(await names('?type=custom_dir')).toEqual(['b_dir'])
  expect(await names('?instance=tom')).toEqual(['c_tom'])
  expect(await names('?q=b_')).toEqual(['b_dir'])
  expect(await names('?app=wiki&instance=jerry')).toEqual(['a_wiki'])
  expect(await names('?app=none')).toEqual([])
})

test('pages follow each other without a gap; cursors that nobody gave out are refused', async () => {
  const all = Array.from({ length: 7 }, (_, n) => ({ name: `a${n}`, created_at: 1000 - n }))
  await seedArchives(bench.web.deps.db, ...all)
  const key = await bench.script('read')
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const more: string = cursor === '' ? '' : `&cursor=${cursor}`
    const page = list.parse(await (await bench.ask(`GET /archives?limit=3${more}`, { key })).json())
    seen.push(...page.items.map((one) => one.name))
    cursor = page.next_cursor
  }
  expect(seen).toEqual(all.map((one) => one.name))
  for (const query of [
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=1.5',
    'cursor=zzz',
    'cursor=W10',
    'cursor=',
  ]) {
    expect(await problemOf(await bench.ask(`GET /archives?${query}`, { key }))).toBe('422 validation_failed')
  }
})

test('a list that has not changed is 304', async () => {
  await seedArchives(bench.web.deps.db, { name })
  const key = await bench.script('read')
  for (const path of ['/archives', '/archives?app=nextcloud', `/archives/${name}/info`, '/jobs']) {
    const tag = (await bench.ask(`GET ${path}`, { key })).headers.get('etag') ?? ''
    const again = await bench.ask(`GET ${path}`, { key, headers: { 'if-none-match': tag } })
    expect([path, again.status]).toEqual([path, 304])
  }
})

test('one archive comes with its descriptions and its copies', async () => {
  const { db } = bench.web.deps
  await seedArchives(db, { name, backup_info_json: JSON.stringify(backupInfo) })
  const row = { kind: 'peer', name: 'tom', created_at: testNow }
  const { id } = await db.insertInto('destinations').values(row).returning('id').executeTakeFirstOrThrow()
  await db
    .insertInto('copies')
    .values({
      archive_name: name,
      destination_id: id,
      state: 'present',
      size_bytes: 7,
      sha256: 'ab'.repeat(32),
      job_uid: null,
      archive_at: testNow,
      copied_at: testNow,
      checked_at: testNow,
    })
    .execute()
  const key = await bench.script('read')
  const info = archiveInfoSchema.parse(await (await bench.ask(`GET /archives/${name}/info`, { key })).json())
  expect(info).toMatchObject({
    name,
    info: { description: 'nightly' },
    backup_info: { app: 'nextcloud' },
    copies: [
      { destination_id: id, destination: 'tom', state: 'present', copied_at: '2026-11-21T10:00:00+01:00' },
    ],
  })
  expect(await problemOf(await bench.ask('GET /archives/none/info', { key }))).toBe('404 archive_not_found')
})

test('a pin stands in the way of deletion, and both land in the log with who did it', async () => {
  const { db } = bench.web.deps
  await seedArchives(db, { name })
  const key = await bench.script('admin')
  const pinned = await bench.ask(`PUT /archives/${name}/pin`, { key })
  expect(archiveSchema.parse(await pinned.json()).pinned).toBe(true)
  expect(await problemOf(await bench.ask(`DELETE /archives/${name}`, { key }))).toBe('409 archive_pinned')
  await bench.ask(`DELETE /archives/${name}/pin`, { key })
  const gone = await bench.ask(`DELETE /archives/${name}`, { key })
  expect([gone.status, await gone.text()]).toEqual([204, ''])
  expect(bench.web.machine.deleted).toEqual([name])
  expect(await problemOf(await bench.ask(`DELETE /archives/${name}`, { key }))).toBe('404 archive_not_found')
  const done = await db.selectFrom('activity').select(['action', 'actor']).execute()
  expect(done.filter((one) => one.action.startsWith('archive.')).map((one) => one.action)).toEqual([
    'archive.pin',
    'archive.unpin',
    'archive.delete',
  ])
  expect(new Set(done.slice(-3).map((one) => one.actor))).toEqual(new Set(['token:script 1']))
})

test('a verification goes on by itself, and only once however often it is asked for', async () => {
  await seedArchives(bench.web.deps.db, { name, state: 'unverified' })
  const gate = Promise.withResolvers<void>()
  bench.web.machine.verifyGate = gate.promise
  const key = await bench.script('run', 'read')
  for (let n = 0; n < 3; n += 1) {
    const answer = await bench.ask(`POST /archives/${name}/verify`, { key })
    expect([answer.status, await answer.json()]).toEqual([202, { name, status: 'verifying' }])
  }
  expect(bench.web.deps.engine.verifying()).toEqual([name])
  gate.resolve()
  await eventually(() => bench.web.deps.engine.verifying().length === 0)
  const info = await bench.ask(`GET /archives/${name}/info`, { key })
  expect(archiveInfoSchema.parse(await info.json()).state).toBe('ok')
  expect(await problemOf(await bench.ask('POST /archives/none/verify', { key }))).toBe(
    '404 archive_not_found',
  )
})

test('contents are read by path; while the index is made, 202 says how far it is', async () => {
  await seedArchives(bench.web.deps.db, { name })
  const key = await bench.script('download')
  const at = async (query: string) => bench.ask(`GET /archives/${name}/contents${query}`, { key })
  const top = z
    .object({ items: z.array(z.object({ path: z.string(), kind: z.string() })) })
    .parse(await (await at('')).json())
  expect(top.items).toEqual([
    { path: 'data', kind: 'directory' },
    { path: 'info.json', kind: 'file' },
  ])
  expect(await (await at('?path=/data/custom/srv/photos/&limit=1')).json()).toMatchObject({
    items: [{ path: 'data/custom/srv/photos/2026' }],
    next_cursor: expect.any(String),
  })
  expect(await problemOf(await at('?path=nothing'))).toBe('404 member_not_found')
  bench.web.machine.contents.building = { state: 'building', members: 3, done: 10, totalBytes: 100 }
  const building = await at('')
  expect([building.status, await building.json()]).toEqual([
    202,
    { status: 'building', members: 3, done_bytes: 10, total_bytes: 100 },
  ])
})

test('a download gives all of it, or the part that was asked for of the same file', async () => {
  await seedArchives(bench.web.deps.db, { name, size_bytes: 1000 })
  const key = await bench.script('download')
  const get = (headers = {}) => bench.ask(`GET /archives/${name}/download`, { key, headers })
  const whole = await get()
  const tag = `"${'ab'.repeat(32)}"`
  expect([whole.status, whole.headers.get('etag'), whole.headers.get('content-length')]).toEqual([
    200,
    tag,
    '1000',
  ])
  expect((await whole.arrayBuffer()).byteLength).toBe(1000)

  const part = await get({ range: 'bytes=995-', 'if-range': tag })
  expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
    206,
    'bytes 995-999/1000',
    '56789',
  ])
  const other = await get({ range: 'bytes=995-', 'if-range': '"other"' })
  expect([other.status, (await other.arrayBuffer()).byteLength]).toEqual([200, 1000])
  const behind = await get({ range: 'bytes=1000-' })
  expect([behind.status, behind.headers.get('content-range')]).toEqual([416, 'bytes */1000'])
  const head = await bench.ask(`HEAD /archives/${name}/download`, { key })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '1000'])
})

test('the key of a peer downloads and deletes only what that peer has sent', async () => {
  const { db } = bench.web.deps
  await seedArchives(
    db,
    { name, size_bytes: 1000 },
    { name: 'tom_wiki', origin: 'received', size_bytes: 1000 },
  )
  const tom = await bench.peer('tom', 'download', 'delete', 'read')
  const ann = await bench.peer('ann', 'download', 'delete', 'read')
  await bench.received('tom_wiki', `peer:${bench.uidOf('tom')}`)
  for (const what of ['GET /archives/tom_wiki/download', 'DELETE /archives/tom_wiki']) {
    expect(await problemOf(await bench.ask(what, { key: ann }))).toBe('404 archive_not_found')
    expect((await bench.ask(what, { key: tom })).status).toBeLessThan(300)
  }
  expect(await problemOf(await bench.ask(`GET /archives/${name}/download`, { key: tom }))).toBe(
    '404 archive_not_found',
  )
  expect((await bench.ask(`GET /archives/${name}/info`, { key: tom })).status).toBe(200)
})
