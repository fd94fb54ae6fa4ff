// What pages read with 1,000 jobs, 100,000 runs and 10,000 archives: right, and by indexes. `npm run bench` has the times.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { archivesOfJob, listArchives, takenNames, totals } from './archives.ts'
import { openDatabase, type Database } from './database.ts'
import { storeDialect } from './dialect.ts'
import { backupAges, counts, jobOverview, jobsNeedingAttention } from './overview.ts'
import { deleteRunsBefore, lastSuccessAt, listRuns, listRunsOfJob, openRuns, runsBefore } from './runs.ts'
import { Kysely } from 'kysely'
import type { Q, Schema } from './schema.ts'
import { historyStart as T0, seedHistory } from '../../test/support/history.ts'

const JOBS = 1000
const RUNS = 100
const HOUR = 3_600_000
let dir: string
let database: Database

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bm-speed-'))
  const file = join(dir, 'backupmanager.db')
  await (await openDatabase(file, { now: T0 })).close()
  seedHistory(file, { jobs: JOBS, runsEach: RUNS, archives: 10_000, open: true })
  database = await openDatabase(file, { now: T0 })
})
afterAll(async () => {
  await database.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('with 1,000 jobs, 100,000 runs and 10,000 archives', () => {
  const now = T0 + 200 * HOUR
  const page = (q: Q) => jobOverview(q, { limit: 50, offset: 0, now })
  const pages: readonly ((q: Q) => Promise<unknown>)[] = [
    page,
    (q) => jobOverview(q, { limit: 50, offset: 950 }),
    (q) => jobOverview(q, { limit: 50, offset: 0, search: '77' }),
    (q) => counts(q, now),
    (q) => jobsNeedingAttention(q, 5, now, [5, 6]),
    backupAges,
    (q) => listRunsOfJob(q, 500, { limit: 50 }),
    (q) => listRuns(q, { status: 'error', limit: 50 }),
    openRuns,
    (q) => listArchives(q, { limit: 100 }),
    (q) => listArchives(q, { limit: 100, q: '99' }),
    (q) => takenNames(q, 'a5-'),
  ]

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
      for (const work of pages) await work(q)
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

  it('forgetting old runs of all jobs leaves nothing to forget', async () => {
    const ids = await deleteRunsBefore(database.db, T0 + 50 * HOUR, 30)
    expect(ids.length).toBeGreaterThan(40_000)
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
