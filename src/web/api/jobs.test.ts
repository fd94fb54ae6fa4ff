// Jobs and runs over the API.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { apiBench, problemOf, type ApiBench, type TestKey } from '../../../test/support/api.ts'
import { failed, seedJob, seedRun } from '../../../test/support/job-seeds.ts'
import { pageOf } from '../../domain/api/common.ts'
import { jobSchema, runSchema } from '../../domain/api/summary.ts'
import { runLogPath } from '../../engine/run-log.ts'

let bench: ApiBench
let key: TestKey
beforeEach(async () => {
  bench = await apiBench()
  key = await bench.script('read', 'run')
})

test('jobs are listed without settings or secrets', async () => {
  const { engine } = bench.web.deps
  await seedJob(engine, {
    name: 'numbers',
    type: 'mysql',
    config: { database: 'numbers', user: 'root', password: 'hunter2hunter2' },
  })
  const text = await (await bench.ask('GET /jobs', { key })).text()
  const [job] = pageOf(jobSchema).parse(JSON.parse(text)).items
  expect(job).toMatchObject({ name: 'numbers', app: 'mysql_numbers', last_run: null, last_success_at: null })
  expect(text).not.toMatch(/hunter2|config|password|sealed|root/)
})

test('jobs and runs come in pages', async () => {
  const { engine, db } = bench.web.deps
  const ids = []
  for (const name of ['a', 'b', 'c']) ids.push((await seedJob(engine, { name })).id)
  const page = async (path: string) =>
    z
      .object({ items: z.array(z.object({ id: z.number() })), next_cursor: z.string().nullable() })
      .parse(await (await bench.ask(`GET ${path}`, { key })).json())
  const first = await page('/jobs?limit=2')
  const second = await page(`/jobs?limit=2&cursor=${first.next_cursor}`)
  expect([...first.items, ...second.items].map((job) => job.id)).toEqual(ids)
  expect(second.next_cursor).toBeNull()

  const runs = []
  for (let n = 0; n < 3; n += 1) runs.push(await seedRun(db, ids[0] ?? 0))
  const newest = await page(`/jobs/${ids[0]}/runs?limit=2`)
  const oldest = await page(`/jobs/${ids[0]}/runs?limit=2&cursor=${newest.next_cursor}`)
  expect([...newest.items, ...oldest.items].map((run) => run.id)).toEqual(runs.toReversed())
  for (const cursor of ['x', 'WyJhIl0', 'WzAuNV0']) {
    expect(await problemOf(await bench.ask(`GET /jobs?cursor=${cursor}`, { key }))).toBe(
      '422 validation_failed',
    )
  }
  expect(await problemOf(await bench.ask('GET /jobs/99/runs', { key }))).toBe('404 job_not_found')
  expect(await problemOf(await bench.ask('GET /jobs/x/runs', { key }))).toBe('422 validation_failed')
})

test('a run is queued once, by whom is known, and can be cancelled', async () => {
  const job = await seedJob(bench.web.deps.engine)
  const answer = await bench.ask(`POST /jobs/${job.id}/run`, { key })
  const started = z.object({ run_id: z.number(), status: z.literal('queued') }).parse(await answer.json())
  expect(answer.status).toBe(202)
  const run = await bench.ask(`GET /runs/${started.run_id}`, { key })
  expect(await run.json()).toMatchObject({
    id: started.run_id,
    job_id: job.id,
    status: 'queued',
    trigger: 'api',
    started_at: null,
    error: null,
    log: { text: '', end: true },
  })
  const cancelled = await bench.ask(`POST /runs/${started.run_id}/cancel`, { key })
  expect(runSchema.parse(await cancelled.json()).status).toBe('cancelled')
  expect(await problemOf(await bench.ask(`POST /runs/${started.run_id}/cancel`, { key }))).toBe(
    '409 run_finished',
  )
  expect(await problemOf(await bench.ask('GET /runs/99', { key }))).toBe('404 run_not_found')
  const row = await bench.web.deps.db.selectFrom('runs').select('actor').executeTakeFirstOrThrow()
  expect(row.actor).toMatch(/^token:script/)
})

test('a failed run tells its code, and its log from any byte on', async () => {
  const { engine, db, config } = bench.web.deps
  const job = await seedJob(engine)
  const id = await seedRun(db, job.id, failed)
  const path = runLogPath(config.dataDir, id)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, 'first line\nsécond line\n')
  const logSchema = z.object({
    error: z.string(),
    log: z.object({ text: z.string(), from: z.number(), next: z.number(), end: z.boolean() }),
  })
  const at = async (from: string) =>
    logSchema.parse(await (await bench.ask(`GET /runs/${id}${from}`, { key })).json())
  expect(await at('')).toEqual({
    error: 'insufficient_storage',
    log: { text: 'first line\nsécond line\n', from: 0, next: 24, end: true },
  })
  expect((await at('?from=11')).log.text).toBe('sécond line\n')
  expect((await at('?from=24')).log).toEqual({ text: '', from: 24, next: 24, end: true })
  expect(await problemOf(await bench.ask(`GET /runs/${id}?from=-1`, { key }))).toBe('422 validation_failed')
})

test('when the log is gone, what the database kept of it is told', async () => {
  const { engine, db } = bench.web.deps
  const job = await seedJob(engine)
  const id = await seedRun(db, job.id, { log_text: 'the end of it' })
  expect(await (await bench.ask(`GET /runs/${id}`, { key })).json()).toMatchObject({
    log: { text: 'the end of it', end: true },
  })
})
