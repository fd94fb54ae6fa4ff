// The home page with 1,000 jobs, 100,000 runs and 10,000 archives in a file on disk.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import BetterSqlite3 from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { archivesOfJob, listArchives, totals } from './archives.ts'
import { openDatabase, type Database } from './database.ts'
import { storeDialect } from './dialect.ts'
import { counts, jobOverview, jobsNeedingAttention } from './overview.ts'
import { deleteRunsBefore, lastSuccessAt, listRuns, listRunsOfJob, openRuns, runsBefore } from './runs.ts'
import { Kysely } from 'kysely'
import type { Q, Schema } from './schema.ts'
import { T0, tell } from './testing.ts'

const JOBS = 1000
const RUNS = 100
const HOUR = 3_600_000
let dir: string
let database: Database

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bm-speed-'))
  const file = join(dir, 'backupmanager.db')
  await (await openDatabase(file, { now: T0 })).close()
  seed(file)
  database = await openDatabase(file, { now: T0 })
})
afterAll(async () => {
  await database.close()
  rmSync(dir, { recursive: true, force: true })
})

function seed(file: string): void {
  const raw = new BetterSqlite3(file)
  raw.exec('BEGIN')
  const job =
    raw.prepare(`INSERT INTO jobs (uid, name, type, config_json, cron_expr, retention_mode, retention_value,
    retention_config, hooks_json, next_run_at, created_at, updated_at)
    VALUES (?, ?, 'ynh_app', '{"app_id":"x"}', '0 3 * * *', 'count', 7, '{"mode":"count","count":7}', '{"timeoutS":60}', ?, 1, 1)`)
  const run =
    raw.prepare(`INSERT INTO runs (job_id, status, trigger, actor, operation, queued_at, not_before, started_at,
    finished_at, archive_name, size_bytes, targets_json, log_text) VALUES (?, ?, 'schedule', 'scheduler', ?, ?, 0, ?, ?, ?, ?,
    '[{"kind":"app","id":"x","status":"success"}]', ?)`)
  const archive =
    raw.prepare(`INSERT INTO archives (name, file, fingerprint, type, app, instance_name, created_at,
    size_bytes, state, origin, job_id, info_json) VALUES (?, ?, '1', 'ynh_app', ?, 'jerry', ?, 5, 'ok', 'local', ?, ?)`)
  const log = 'a line of the log of this run\n'.repeat(20)
  for (let n = 1; n <= JOBS; n += 1) job.run(`u${n}`, `job ${n}`, T0 + 1000 * HOUR)
  for (let turn = 0; turn < RUNS; turn += 1) {
    for (let n = 1; n <= JOBS; n += 1) {
      const open = turn === RUNS - 1 && n % 100 === 0
      const status = open
        ? n % 200 === 0
          ? 'running'
          : 'queued'
        : n % 20 === 0 && turn > 40
          ? 'error'
          : 'success'
      const at = T0 + turn * HOUR + n
      run.run(n, status, `${turn}-${n}`, at, at, open ? null : at + 1000, `a${turn}-${n}`, 1000, log)
    }
  }
  const info = JSON.stringify({ description: 'x'.repeat(2000) })
  for (let n = 0; n < 10_000; n += 1)
    archive.run(`a${n}`, `a${n}.tar`, `app${n % 50}`, T0 + n, (n % JOBS) + 1, info)
  raw.exec('COMMIT')
  raw.close()
}

async function median(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < 15; n += 1) {
    const start = performance.now()
    await work()
    times.push(performance.now() - start)
  }
  return times.toSorted((a, b) => a - b)[7] ?? Number.NaN
}

describe('with 1,000 jobs, 100,000 runs and 10,000 archives', () => {
  const now = T0 + 200 * HOUR
  const page = (q: Q) => jobOverview(q, { limit: 50, offset: 0, now })
  const pages: Record<string, { work: (q: Q) => Promise<unknown>; ms: number }> = {
    'a page of 50 jobs': { work: page, ms: 15 },
    'the last page': { work: (q) => jobOverview(q, { limit: 50, offset: 950 }), ms: 15 },
    'a search': { work: (q) => jobOverview(q, { limit: 50, offset: 0, search: '77' }), ms: 15 },
    'the counts': { work: (q) => counts(q, now), ms: 25 },
    'the attention list': { work: (q) => jobsNeedingAttention(q, 5, now), ms: 15 },
    'the whole first screen': {
      work: async (q) => [await page(q), await counts(q, now), await jobsNeedingAttention(q, 5, now)],
      ms: 40,
    },
    'the history of a job': { work: (q) => listRunsOfJob(q, 500, { limit: 50 }), ms: 10 },
    'failed runs': { work: (q) => listRuns(q, { status: 'error', limit: 50 }), ms: 10 },
    'open runs': { work: openRuns, ms: 10 },
    'a page of archives': { work: (q) => listArchives(q, { limit: 100 }), ms: 15 },
    'a search in archives': { work: (q) => listArchives(q, { limit: 100, q: '99' }), ms: 40 },
  }

  it.each(Object.entries(pages))('%s is there at once', async (name, { work, ms }) => {
    const took = await median(() => work(database.db))
    tell(`${name}: ${took.toFixed(1)} ms (bar ${ms})`)
    expect(took).toBeLessThan(ms)
  })

  it('the first page is the right one', async () => {
    const { items, total } = await page(database.db)
    expect(total).toBe(JOBS)
    expect(items).toHaveLength(50)
    expect(items.every((item) => item.standing === 'failing' && item.history.length === 30)).toBe(true)
    expect(items.every((item) => item.archiveCount === 10 && item.totalBytes === 50)).toBe(true)
    expect(await counts(database.db, now)).toMatchObject({
      failing: 50,
      running: 5,
      queued: 5,
      archives: 10_000,
    })
  })

  it('no statement walks through all runs, and totals do not read the rows of archives', async () => {
    const plans = await plansOf(async (q) => {
      for (const { work } of Object.values(pages)) await work(q)
      await lastSuccessAt(q, 5)
      await totals(q)
      await archivesOfJob(q, 5)
    })
    expect(plans.length).toBeGreaterThan(15)
    const walks = plans.filter((plan) => /SCAN (runs|r)\b/.test(plan))
    expect(walks).toEqual([])
    const wide = plans.filter((plan) => /SCAN archives(?! USING (COVERING )?INDEX)/.test(plan))
    expect(wide).toEqual([])
    expect(plans.some((plan) => plan.includes('SEARCH r USING COVERING INDEX runs_of_job'))).toBe(true)
  })

  it('forgetting old runs of all jobs does not hold up the process', async () => {
    const start = performance.now()
    const ids = await deleteRunsBefore(database.db, T0 + 50 * HOUR, 30)
    const took = performance.now() - start
    tell(`forgot ${ids.length} of ${JOBS * RUNS} runs in ${took.toFixed(0)} ms`)
    expect(ids.length).toBeGreaterThan(40_000)
    expect(took).toBeLessThan(3000)
    expect(await runsBefore(database.db, T0 + 50 * HOUR, 30)).toEqual([])
  })
})

/** What SQLite says about how it would execute each reading statement that `work` sends. */
async function plansOf(work: (q: Q) => Promise<void>): Promise<string[]> {
  const raw = new BetterSqlite3(join(dir, 'backupmanager.db'), { readonly: true })
  const plans: string[] = []
  const watching = new Kysely<Schema>({
    dialect: storeDialect(raw),
    log: (event) => {
      const { sql, parameters } = event.query
      const steps = raw.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters)
      plans.push(`${sql}\n${steps.map((step) => step.detail).join('\n')}`)
    },
  })
  await work(watching)
  await watching.destroy()
  return plans
}
