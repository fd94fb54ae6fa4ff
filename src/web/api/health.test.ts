// Health and summary over the API: what peers are told, when it counts as changed, and how long it takes.
import { expect, test } from 'vitest'
import { apiBench } from '../../../test/support/api.ts'
import { seedArchives } from '../../../test/support/archives.ts'
import { failed, running, seedJob, seedRun } from '../../../test/support/job-seeds.ts'
import { testNow } from '../../../test/support/web.ts'
import { healthSchema, summarySchema } from '../../domain/api/summary.ts'
import { Problem } from '../../domain/problem.ts'
import { tell } from '../../store/testing.ts'

const gib = 2 ** 30
const day = 86_400_000

test('health says who this is, how much room there is, and that all is well', async () => {
  const bench = await apiBench()
  const key = await bench.script('read')
  const answer = await bench.ask('GET /health', { key })
  const health = healthSchema.parse(await answer.json())
  expect(health).toMatchObject({
    status: 'ok',
    instance: { name: 'jerry', url: 'https://jerry.example/backup' },
    api: 1,
    yunohost_version: '12.1.38',
    time: '2026-11-21T10:00:00+01:00',
    disk: { total_bytes: 500 * gib, free_bytes: 200 * gib },
    jobs: { total: 0, enabled: 0, failing: 0, overdue: 0, running: 0 },
  })
  expect(health.instance.id).toMatch(/^[\w-]{43}$/)
  expect(health.capabilities).toContain('upload')
})

test('health tells one start from another, and the tag goes with it', async () => {
  const [one, two] = [await apiBench(), await apiBench()]
  const ask = async (bench: typeof one) => {
    const answer = await bench.ask('GET /health', { key: await bench.script('read') })
    const { started } = healthSchema.parse(await answer.json())
    return { started, tag: answer.headers.get('etag') }
  }
  const [first, again, other] = [await ask(one), await ask(one), await ask(two)]
  expect(first.started).toMatch(/^[\w-]{22}$/)
  expect(again).toEqual(first)
  expect(other.started).not.toBe(first.started)
  expect(other.tag).not.toBe(first.tag)
})

test('a failing job, an overdue one, a disk under its reserve: each makes the instance degraded', async () => {
  const bench = await apiBench()
  const { engine, db } = bench.web.deps
  const key = await bench.script('read')
  const health = async () => healthSchema.parse(await (await bench.ask('GET /health', { key })).json())

  const job = await seedJob(engine, { name: 'cloud' })
  await seedRun(db, job.id, failed)
  expect(await health()).toMatchObject({ status: 'degraded', jobs: { total: 1, failing: 1, overdue: 0 } })
  await seedRun(db, job.id)
  expect(await health()).toMatchObject({ status: 'ok', jobs: { failing: 0 } })

  bench.web.clock.time += 3 * day
  expect(await health()).toMatchObject({ status: 'degraded', jobs: { overdue: 1 } })
  bench.web.clock.time -= 3 * day
  expect((await health()).status).toBe('ok')

  await engine.updateSettings({ diskReserveBytes: 300 * gib }, 'test')
  expect((await health()).status).toBe('degraded')
})

test('a disk that cannot be looked at leaves health answering, degraded', async () => {
  const bench = await apiBench()
  const key = await bench.script('read')
  bench.web.machine.broken = new Problem('helper_unavailable')
  const answer = await bench.ask('GET /health', { key })
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({
    status: 'degraded',
    yunohost_version: null,
    disk: { total_bytes: 0, free_bytes: 0 },
  })
})

test('the tag stays while only the time goes on, and changes with what is told', async () => {
  const bench = await apiBench()
  const key = await bench.script('read')
  for (const path of ['/health', '/summary']) {
    const first = await bench.ask(`GET ${path}`, { key })
    const tag = first.headers.get('etag') ?? ''
    expect(tag).toMatch(/^"[\w-]{32}"$/)
    bench.web.clock.time += 1000
    for (const condition of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
      const again = await bench.ask(`GET ${path}`, { key, headers: { 'if-none-match': condition } })
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', tag])
    }
    const other = await bench.ask(`GET ${path}`, { key, headers: { 'if-none-match': '"x"' } })
    expect(other.status).toBe(200)
    await seedJob(bench.web.deps.engine, { name: `job of ${path.slice(1)}` })
    const changed = await bench.ask(`GET ${path}`, { key, headers: { 'if-none-match': tag } })
    expect(changed.status).toBe(200)
  }
})

test('the summary tells a peer about jobs, archives, what lies here of others, and what it may leave', async () => {
  const bench = await apiBench()
  const { engine, db } = bench.web.deps
  const job = await seedJob(engine, { name: 'cloud' })
  await seedRun(db, job.id, { archive_name: 'jerry_nextcloud_20261121' })
  await seedRun(db, job.id, running)
  const key = await bench.peer('tom', 'read', 'upload')
  await db
    .updateTable('remote_instances')
    .set({ quota_bytes: 10 * gib, quota_count: 5, hold_days: 30 })
    .where('id', '=', bench.peerId('tom'))
    .execute()
  const wiki = { app: 'wiki', instance_name: 'tom', origin: 'received' as const, size_bytes: 1000 }
  await seedArchives(
    db,
    { name: 'jerry_nextcloud_20261121', job_id: job.id, size_bytes: 5000 },
    { name: 'tom_wiki_20261119', ...wiki, created_at: testNow - 2 * day },
    { name: 'tom_wiki_20261120', ...wiki, created_at: testNow - day },
    { name: 'tom_wiki_20261101', ...wiki, missing_at: testNow },
    { name: 'ann_blog_20261120', ...wiki, app: 'blog', instance_name: 'ann', created_at: testNow - 3 * day },
  )
  for (const name of ['tom_wiki_20261119', 'tom_wiki_20261120', 'tom_wiki_20261101']) {
    await bench.received(name, `peer:${bench.uidOf('tom')}`)
  }
  await bench.received('ann_blog_20261120', 'peer:ann')

  const summary = summarySchema.parse(await (await bench.ask('GET /summary', { key })).json())
  expect(summary.jobs).toEqual([
    expect.objectContaining({
      id: job.id,
      name: 'cloud',
      type: 'ynh_app',
      app: 'nextcloud',
      archive_count: 1,
      total_size_bytes: 5000,
      retention_mode: 'count',
      retention_value: 7,
      overdue: false,
      last_run: expect.objectContaining({ status: 'running', finished_at: null }),
      last_success_at: '2026-11-21T09:00:00+01:00',
    }),
  ])
  expect(summary.health.jobs).toMatchObject({ total: 1, enabled: 1, running: 1 })
  expect(summary.archives).toEqual({
    count: 4,
    total_size_bytes: 8000,
    newest_created_at: '2026-11-21T09:00:00+01:00',
  })
  expect(summary.holdings).toEqual([
    {
      instance_name: 'tom',
      app: 'wiki',
      type: 'ynh_app',
      archive_count: 2,
      total_size_bytes: 2000,
      newest_created_at: '2026-11-20T10:00:00+01:00',
      newest_name: 'tom_wiki_20261120',
    },
    expect.objectContaining({ instance_name: 'ann', app: 'blog', archive_count: 1 }),
  ])
  expect(summary.yours).toEqual({
    archive_count: 2,
    total_size_bytes: 2000,
    quota_bytes: 10 * gib,
    quota_count: 5,
    hold_days: 30,
    scopes: ['read', 'upload'],
  })

  const script = await bench.script('read')
  const forScript = summarySchema.parse(await (await bench.ask('GET /summary', { key: script })).json())
  // No peer, so no quota; its rights are told all the same.
  expect(forScript.yours).toEqual({
    archive_count: 0,
    total_size_bytes: 0,
    quota_bytes: null,
    quota_count: null,
    hold_days: 0,
    scopes: ['read'],
  })
})

test('health and summary answer with 50 jobs and 1,000 archives; how fast is told', async () => {
  const bench = await apiBench()
  const { engine, db } = bench.web.deps
  const key = await bench.peer('tom', 'read')
  for (let n = 0; n < 50; n += 1) {
    const job = await seedJob(engine, { name: `job ${n}`, cronExpr: `${n} 3 * * *` })
    for (let at = 0; at < 20; at += 1) await seedRun(db, job.id, { archive_name: `a_${n}_${at}` })
    const archives = Array.from({ length: 20 }, (_, at) => ({ name: `a_${n}_${at}`, job_id: job.id }))
    await seedArchives(db, ...archives)
    for (const { name } of archives.slice(0, 4)) await bench.received(name, `peer:${bench.uidOf('tom')}`)
  }
  for (const path of ['/health', '/summary']) {
    const times: number[] = []
    for (let n = 0; n < 60; n += 1) {
      const since = performance.now()
      const answer = await bench.ask(`GET ${path}`, { key })
      await answer.text()
      expect(answer.status).toBe(200)
      times.push(performance.now() - since)
    }
    const median = times.toSorted((a, b) => a - b)[30] ?? 0
    tell(`GET ${path} with 50 jobs and 1,000 archives: ${median.toFixed(2)} ms at the median`)
  }
})
