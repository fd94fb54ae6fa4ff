import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DrillVerdict } from '../domain/drill.ts'
import { markDeleting, markMissing, setState, upsertArchives } from './archives.ts'
import type { Database } from './database.ts'
import { insertDrill } from './drills.ts'
import { setRetentionHold, updateJob } from './jobs.ts'
import { backupAges, counts, jobOverview, jobsNeedingAttention, type OverviewQuery } from './overview.ts'
import { claimRun, finishRun, type RunEnd } from './runs.ts'
import { addJob, addRun, archiveEntry, memoryStore, runEnd, T0 } from './testing.ts'

const HOUR = 3_600_000
let database: Database
beforeEach(async () => {
  database = await memoryStore()
})
afterEach(() => database.close())

/** A job with runs that ended so, an hour apart, the first at T0. */
async function jobWith(name: string, statuses: readonly RunEnd['status'][] = []): Promise<number> {
  const job = await addJob(database.db, { name, nextRunAt: T0 + 1000 * HOUR })
  for (const [n, status] of statuses.entries()) {
    const run = await addRun(database.db, job.id)
    const errorCode = status === 'error' ? 'disk_full' : null
    await finishRun(
      database.db,
      run.id,
      runEnd({ status, errorCode, finishedAt: T0 + n * HOUR, sizeBytes: 100 + n }),
    )
  }
  return job.id
}

const overview = (query: Partial<OverviewQuery> = {}) =>
  jobOverview(database.db, { limit: 50, offset: 0, ...query })
const namesOf = async (query: Partial<OverviewQuery> = {}) =>
  (await overview(query)).items.map((item) => `${item.job.name}: ${item.standing}`)

describe('the overview', () => {
  it('puts the worst first, then goes by name', async () => {
    await jobWith('b fine', ['error', 'success'])
    await jobWith('A fine', ['success'])
    await jobWith('new')
    await jobWith('z broken', ['success', 'error'])
    await jobWith('broken by a crash', ['interrupted'])
    await jobWith('incomplete', ['warning'])
    const held = await jobWith('held', ['success'])
    await setRetentionHold(database.db, held, 'verify_failed')
    const off = await jobWith('a disabled one', ['error'])
    await updateJob(database.db, off, { enabled: false })
    const stuck = await jobWith('stuck', ['success'])
    await updateJob(database.db, stuck, { nextRunAt: T0 })

    expect(await namesOf({ now: T0 + 2 * HOUR })).toEqual([
      'broken by a crash: failing',
      'z broken: failing',
      'stuck: late',
      'held: retention_held',
      'incomplete: warning',
      'A fine: ok',
      'b fine: ok',
      'new: ok',
      'a disabled one: disabled',
    ])
    expect(await namesOf({ now: T0 + 2 * HOUR, only: 'problem' })).toHaveLength(5)
    expect(await namesOf({ only: 'disabled' })).toEqual(['a disabled one: disabled'])
    expect(await namesOf({ search: 'FINE' })).toEqual(['A fine: ok', 'b fine: ok'])
    expect(await namesOf({ search: 'ynh_a', only: 'disabled' })).toHaveLength(1)
    expect(await namesOf({ search: '%' })).toEqual([])
    const page = await overview({ limit: 2, offset: 5, now: T0 + 2 * HOUR })
    expect(page.items.map((item) => item.job.name)).toEqual(['A fine', 'b fine'])
    expect(page.total).toBe(9)
    expect(await overview({ offset: 100 })).toEqual({ items: [], total: 9 })
  })

  it('is empty for an empty database', async () => {
    expect(await overview()).toEqual({ items: [], total: 0 })
    expect(await counts(database.db, T0)).toEqual({
      jobs: 0,
      enabled: 0,
      failing: 0,
      warning: 0,
      late: 0,
      noArchive: 0,
      drillFailed: 0,
      overdue: 0,
      running: 0,
      queued: 0,
      neverRun: 0,
      archives: 0,
      archiveBytes: 0,
      corrupted: 0,
      missing: 0,
      newestSuccessAt: null,
      lastFailures: [],
    })
    expect(await jobsNeedingAttention(database.db, 10)).toEqual([])
  })

  it('tells last run, open run, last good run and archives of each job', async () => {
    const id = await jobWith('nocodb', ['success', 'warning', 'error', 'cancelled'])
    await jobWith('other', ['success'])
    const open = await addRun(database.db, id)
    await claimRun(database.db, open.id, T0)
    await upsertArchives(database.db, [
      archiveEntry({ name: 'one', jobId: id, sizeBytes: 10 }),
      archiveEntry({ name: 'two', jobId: id, sizeBytes: 20 }),
      archiveEntry({ name: 'gone', jobId: id, sizeBytes: 40 }),
      archiveEntry({ name: 'of nobody', sizeBytes: 80 }),
    ])
    await markDeleting(database.db, 'gone')
    const { items } = await overview({ search: 'nocodb' })
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({
      job: { id, name: 'nocodb' },
      standing: 'failing',
      lastRun: { status: 'cancelled' },
      openRun: { id: open.id, status: 'running' },
      lastSuccessAt: T0,
      lastSuccessSize: 20,
      archiveCount: 2,
      totalBytes: 30,
    })
    expect(items[0]?.history.map((run) => run.status)).toEqual([
      'success',
      'warning',
      'error',
      'cancelled',
      'running',
    ])
  })

  it('shows the last thirty runs, oldest first', async () => {
    const id = await jobWith(
      'long',
      Array.from({ length: 40 }, (_, n) => (n % 2 ? 'success' : 'error')),
    )
    const { items } = await overview()
    const history = items[0]?.history ?? []
    expect(history).toHaveLength(30)
    expect(history.map((run) => run.id)).toEqual(history.map((_, n) => (history[0]?.id ?? 0) + n))
    expect(history.at(-1)?.id).toBe(items[0]?.lastRun?.id)
    expect(items[0]?.job.id).toBe(id)
  })

  it('has empty values for a job that never ran', async () => {
    await jobWith('new')
    const { items } = await overview()
    const nothing = { lastRun: null, openRun: null, history: [], lastSuccessAt: null, lastSuccessSize: null }
    expect(items[0]).toMatchObject({ ...nothing, archiveCount: 0, totalBytes: 0, standing: 'ok' })
  })

  it('does not call a job late while its run waits or works', async () => {
    const id = await jobWith('stuck', ['success'])
    await updateJob(database.db, id, { nextRunAt: T0 })
    const now = T0 + 2 * HOUR
    expect(await namesOf({ now })).toEqual(['stuck: late'])
    expect(await namesOf()).toEqual(['stuck: ok'])
    await addRun(database.db, id)
    expect(await namesOf({ now })).toEqual(['stuck: ok'])
  })

  it('shows a job whose row cannot be read', async () => {
    const id = await jobWith('broken', ['success'])
    await database.db.updateTable('jobs').set({ hooks_json: '[' }).where('id', '=', id).execute()
    const { items } = await overview()
    expect(items[0]?.job).toMatchObject({ name: 'broken', unreadable: ['hooks_json'] })
  })
})

describe('the counts', () => {
  it('say how jobs and archives are doing', async () => {
    await jobWith('fine', ['success'])
    await jobWith('incomplete', ['success', 'warning'])
    const broken = await jobWith('broken', ['success', 'success', 'error', 'cancelled'])
    const crashed = await jobWith('crashed', ['interrupted'])
    const off = await jobWith('off', ['error'])
    await updateJob(database.db, off, { enabled: false })
    const fresh = await jobWith('fresh')
    const waiting = await addRun(database.db, fresh)
    const working = await addRun(database.db, broken)
    await claimRun(database.db, working.id, T0)
    await upsertArchives(database.db, [
      archiveEntry({ name: 'one', sizeBytes: 10, state: 'ok' }),
      archiveEntry({ name: 'two', sizeBytes: 20, state: 'corrupted' }),
    ])
    const { lastFailures, ...numbers } = await counts(database.db, T0)
    expect(numbers).toEqual({
      jobs: 6,
      enabled: 5,
      failing: 2,
      warning: 1,
      late: 0,
      noArchive: 0,
      drillFailed: 0,
      overdue: 0,
      running: 1,
      queued: 1,
      neverRun: 0,
      archives: 2,
      archiveBytes: 30,
      corrupted: 1,
      missing: 0,
      newestSuccessAt: T0 + HOUR,
    })
    expect(lastFailures.map(({ job, run }) => [job.id, run.status, run.errorCode])).toEqual([
      [broken, 'error', 'disk_full'],
      [crashed, 'interrupted', null],
    ])
    await finishRun(database.db, waiting.id, runEnd({ status: 'success', finishedAt: T0 + 9 * HOUR }))
    expect(await counts(database.db, T0)).toMatchObject({ queued: 0, newestSuccessAt: T0 + 9 * HOUR })
  })

  it('list at most twenty failures, the latest first', async () => {
    for (let n = 0; n < 25; n += 1)
      await jobWith(
        `job ${n}`,
        Array.from({ length: n + 1 }, () => 'error' as const),
      )
    const { lastFailures, failing } = await counts(database.db)
    expect(failing).toBe(25)
    expect(lastFailures).toHaveLength(20)
    expect(lastFailures[0]?.job.name).toBe('job 24')
    expect(lastFailures.at(-1)?.job.name).toBe('job 5')
  })
})

it('what needs attention comes with the run that says so and the last good one', async () => {
  await jobWith('fine', ['success'])
  const broken = await jobWith('broken', ['success', 'error', 'cancelled'])
  const never = await jobWith('never good', ['error'])
  await jobWith('incomplete', ['warning'])
  const list = await jobsNeedingAttention(database.db, 10)
  expect(list.map((one) => [one.job.id, one.standing, one.run?.status, one.lastSuccessAt])).toEqual([
    [broken, 'failing', 'error', T0],
    [never, 'failing', 'error', null],
    [expect.any(Number), 'warning', 'warning', T0],
  ])
  expect(await jobsNeedingAttention(database.db, 1)).toHaveLength(1)
})

describe('a good backup', () => {
  const sizeOf = async () => (await overview()).items[0]?.lastSuccessSize
  const fingerprint = archiveEntry().fingerprint

  it('is an archive that is there and undamaged, timed by the end of its run', async () => {
    const jobId = await jobWith('nocodb', ['success'])
    await database.db.updateTable('runs').set({ archive_name: 'new' }).execute()
    await upsertArchives(database.db, [
      archiveEntry({ name: 'old', jobId, sizeBytes: 10, createdAt: T0 - 5 * HOUR }),
      archiveEntry({ name: 'new', jobId, sizeBytes: 20, createdAt: T0 - HOUR }),
    ])
    const { items } = await overview()
    expect(items[0]).toMatchObject({ standing: 'ok', lastSuccessAt: T0, lastSuccessSize: 20 })

    await setState(database.db, 'new', { state: 'corrupted', detail: 'hash' })
    expect((await overview()).items[0]).toMatchObject({
      standing: 'ok',
      lastSuccessAt: T0 - 5 * HOUR,
      lastSuccessSize: 10,
    })
    expect(await counts(database.db, T0)).toMatchObject({ newestSuccessAt: T0 - 5 * HOUR })

    await markMissing(database.db, { gone: [{ name: 'old', fingerprint }], back: [] }, T0)
    expect((await overview()).items[0]).toMatchObject({
      standing: 'no_archive',
      lastSuccessAt: null,
      lastSuccessSize: null,
    })
    expect(await counts(database.db, T0)).toMatchObject({ noArchive: 1, missing: 1, newestSuccessAt: null })
    expect(await jobsNeedingAttention(database.db, 5)).toMatchObject([
      { standing: 'no_archive', lost: true, lastSuccessAt: null },
    ])
    expect(await backupAges(database.db)).toMatchObject([{ jobId, appId: 'nocodb', lastSuccessAt: null }])
    expect(await namesOf({ only: 'problem' })).toEqual(['nocodb: no_archive'])
  })

  it('is told by the runs only where no archive was ever on record', async () => {
    const jobId = await jobWith('purged', ['success'])
    expect(await sizeOf()).toBe(100)
    await upsertArchives(database.db, [archiveEntry({ name: 'one', jobId, state: 'corrupted' })])
    expect(await sizeOf()).toBeNull()
  })

  it('that is missing matters less than a run that failed, more than a late one', async () => {
    const gone: number[] = []
    for (const name of ['failing', 'late', 'gone']) {
      const jobId = await jobWith(name, [name === 'failing' ? 'error' : 'success'])
      if (name === 'late') await updateJob(database.db, jobId, { nextRunAt: T0 })
      else gone.push(jobId)
    }
    const entries = gone.map((jobId) => archiveEntry({ name: `a${jobId}`, jobId, state: 'corrupted' }))
    await upsertArchives(database.db, entries)
    expect(await namesOf({ now: T0 + 2 * HOUR })).toEqual([
      'failing: failing',
      'gone: no_archive',
      'late: late',
    ])
  })

  it('that failed its last test restore is not relied upon, until another test passes', async () => {
    const jobId = await jobWith('tested', ['success'])
    const late = await jobWith('late', ['success'])
    await updateJob(database.db, late, { nextRunAt: T0 })
    const drill = (verdict: DrillVerdict) =>
      insertDrill(database.db, {
        jobId,
        archiveName: 'a',
        depth: 'extract',
        verdict,
        findings: [],
        actor: 'scheduler',
        startedAt: T0,
        finishedAt: T0,
      })
    await drill('passed')
    await drill('failed')
    // One that could not be carried out says nothing.
    await drill('inconclusive')
    expect(await namesOf({ now: T0 + 2 * HOUR })).toEqual(['tested: drill_failed', 'late: late'])
    expect(await namesOf({ only: 'problem' })).toEqual(['tested: drill_failed'])
    expect(await counts(database.db, T0)).toMatchObject({ drillFailed: 1, noArchive: 0 })
    expect(await jobsNeedingAttention(database.db, 5)).toMatchObject([{ standing: 'drill_failed' }])
    await drill('passed')
    expect(await namesOf()).toEqual(['late: ok', 'tested: ok'])
  })

  it('that is too old, says the caller, makes a job overdue: sorted, counted and needing attention', async () => {
    const old = await jobWith('z old', ['success', 'cancelled'])
    await jobWith('fine', ['success'])
    const held = await jobWith('held', ['success'])
    await setRetentionHold(database.db, held, 'verify_failed')
    expect(await namesOf({ overdue: [old] })).toEqual(['z old: overdue', 'held: retention_held', 'fine: ok'])
    expect(await counts(database.db, T0, [old])).toMatchObject({ overdue: 1, failing: 0, late: 0 })
    expect((await jobsNeedingAttention(database.db, 1, T0, [old]))[0]).toMatchObject({
      standing: 'overdue',
      lost: false,
    })
    await updateJob(database.db, old, { enabled: false })
    expect(await namesOf({ overdue: [old], only: 'problem' })).toEqual(['held: retention_held'])
    expect((await backupAges(database.db)).map((one) => one.jobId)).not.toContain(old)
  })
})
