import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Job } from '../domain/job.ts'
import { openDatabase, type Database } from './database.ts'
import {
  claimRun,
  finishRun,
  getRun,
  insertRun,
  lastRunOfJob,
  lastSuccessAt,
  listRuns,
  listRunsOfJob,
  openRuns,
  requestCancel,
  runLogTail,
  setRunArchive,
  setRunProgress,
  setRunStep,
} from './runs.ts'
import { addJob, addRun, memoryStore, runEnd, T0 } from './testing.ts'

let database: Database
let job: Job
beforeEach(async () => {
  database = await memoryStore()
  job = await addJob(database.db)
})
afterEach(() => database.close())

describe('queueing', () => {
  it('gives a run with everything still open', async () => {
    const run = await addRun(database.db, job.id, 'schedule')
    expect(run).toEqual({
      id: run.id,
      jobId: job.id,
      status: 'queued',
      trigger: 'schedule',
      actor: 'admin',
      queuedAt: T0,
      notBefore: T0,
      startedAt: null,
      finishedAt: null,
      archiveName: null,
      sizeBytes: null,
      step: null,
      progressDone: null,
      progressTotal: null,
      errorCode: null,
      errorFacts: {},
      targets: [],
      warnings: [],
      warningCount: 0,
      exitCodes: {},
      cancelRequested: false,
      operation: run.operation,
    })
    expect(await getRun(database.db, run.id)).toEqual(run)
    expect(await getRun(database.db, 4711)).toBeNull()
  })

  it('a second run is refused while one is queued or running, and works once it has ended', async () => {
    const again = (operation: string) =>
      insertRun(database.db, {
        jobId: job.id,
        trigger: 'api',
        actor: 'a',
        operation,
        queuedAt: T0,
        notBefore: T0,
      })
    const first = await addRun(database.db, job.id)
    expect(await again('o2')).toBeNull()
    await claimRun(database.db, first.id, T0)
    expect(await again('o2')).toBeNull()
    await finishRun(database.db, first.id, runEnd({ status: 'error' }))
    expect((await again('o2'))?.status).toBe('queued')
    expect(await listRunsOfJob(database.db, job.id, { limit: 10 })).toHaveLength(2)
  })

  it('for a job that is gone says so', async () => {
    await expect(addRun(database.db, 4711)).rejects.toMatchObject({
      code: 'job_not_found',
      facts: { id: 4711 },
    })
  })

  it('refuses an operation id that was used before', async () => {
    const run = await addRun(database.db, job.id)
    const other = await addJob(database.db, { name: 'other' })
    await expect(insertRun(database.db, { ...run, jobId: other.id })).rejects.toThrow(/runs.operation/)
  })
})

describe('claiming', () => {
  it('starts the run once', async () => {
    const run = await addRun(database.db, job.id)
    expect(await claimRun(database.db, run.id, T0 + 5)).toMatchObject({
      status: 'running',
      startedAt: T0 + 5,
    })
    expect(await claimRun(database.db, run.id, T0 + 6)).toBeNull()
    expect((await getRun(database.db, run.id))?.startedAt).toBe(T0 + 5)
  })

  it('has one winner when two processes try, again and again', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'bm-claim-'))
    try {
      const file = join(dir, 'backupmanager.db')
      await using one = await openDatabase(file, { now: T0 })
      await using two = await openDatabase(file, { now: T0 })
      const raced = await addJob(one.db)
      for (let round = 0; round < 20; round += 1) {
        const run = await addRun(one.db, raced.id)
        const claims = await Promise.all([one, two].map(({ db }) => claimRun(db, run.id, T0)))
        expect(claims.filter((claim) => claim !== null)).toHaveLength(1)
        const ends = await Promise.all([two, one].map(({ db }) => finishRun(db, run.id, runEnd())))
        expect(ends.filter((end) => end !== null)).toHaveLength(1)
      }
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })

  it('is refused after a cancel', async () => {
    const run = await addRun(database.db, job.id)
    expect(await requestCancel(database.db, run.id)).toMatchObject({
      status: 'queued',
      cancelRequested: true,
    })
    expect(await claimRun(database.db, run.id, T0)).toBeNull()
  })
})

describe('a running run', () => {
  it('tells step, progress and archive only while it runs', async () => {
    const run = await addRun(database.db, job.id)
    expect(await setRunStep(database.db, run.id, 'backup')).toBe(false)
    await claimRun(database.db, run.id, T0)
    expect(await setRunStep(database.db, run.id, 'backup')).toBe(true)
    expect(await setRunProgress(database.db, run.id, 5, 10)).toBe(true)
    expect(await setRunArchive(database.db, run.id, 'jerry_x')).toBe(true)
    const shown = { step: 'backup', progressDone: 5, progressTotal: 10, archiveName: 'jerry_x' }
    expect(await getRun(database.db, run.id)).toMatchObject(shown)
    expect(await setRunProgress(database.db, run.id, 6, null)).toBe(true)
    await finishRun(database.db, run.id, runEnd({ status: 'cancelled', archiveName: null }))
    expect(await setRunProgress(database.db, run.id, 9, 10)).toBe(false)
    expect(await setRunStep(database.db, run.id, 'retention')).toBe(false)
    const ended = { step: 'backup', progressDone: 6, progressTotal: null, archiveName: null }
    expect(await getRun(database.db, run.id)).toMatchObject(ended)
  })
})

describe('an end', () => {
  it('is recorded whole', async () => {
    const run = await addRun(database.db, job.id)
    await claimRun(database.db, run.id, T0)
    const end = runEnd({
      status: 'warning',
      errorCode: 'hook_failed',
      errorFacts: { code: 3, text: 'été' },
      targets: [{ kind: 'app', id: 'nocodb', status: 'warning', detail: 'slow' }],
      warnings: [{ code: 'file_changed', path: 'a\nb', facts: { count: 1 } }, { code: 'leftovers' }],
      warningCount: 4321,
      exitCodes: { tar: 1 },
    })
    const { logTail, ...shown } = end
    expect(await finishRun(database.db, run.id, end)).toMatchObject(shown)
    expect(await getRun(database.db, run.id)).toMatchObject(shown)
    expect(await runLogTail(database.db, run.id)).toBe(logTail)
  })

  it('happens once: the second one and a cancel find nothing to do', async () => {
    const run = await addRun(database.db, job.id)
    expect(await finishRun(database.db, run.id, runEnd({ status: 'cancelled' }))).not.toBeNull()
    expect(await finishRun(database.db, run.id, runEnd({ status: 'success' }))).toBeNull()
    expect(await requestCancel(database.db, run.id)).toBeNull()
    expect((await getRun(database.db, run.id))?.status).toBe('cancelled')
    expect(await finishRun(database.db, 4711, runEnd())).toBeNull()
  })

  it('can be limited to a run that nobody has claimed', async () => {
    const run = await addRun(database.db, job.id)
    await claimRun(database.db, run.id, T0)
    const end = runEnd({ status: 'cancelled', onlyFrom: 'queued' })
    expect(await finishRun(database.db, run.id, end)).toBeNull()
    expect((await getRun(database.db, run.id))?.status).toBe('running')
  })
})

async function ended(status: 'success' | 'warning' | 'error' | 'cancelled', at: number, jobId = job.id) {
  const run = await addRun(database.db, jobId)
  await finishRun(database.db, run.id, runEnd({ status, finishedAt: at }))
  return run.id
}

describe('lists', () => {
  it('go from the newest to the oldest, page by page', async () => {
    const ids = [await ended('success', 1), await ended('error', 2), await ended('success', 3)]
    const other = await addJob(database.db, { name: 'other' })
    const foreign = await ended('success', 4, other.id)
    const of = async (page: { limit: number; beforeId?: number }) =>
      (await listRunsOfJob(database.db, job.id, page)).map((run) => run.id)
    expect(await of({ limit: 2 })).toEqual([ids[2], ids[1]])
    expect(await of({ limit: 2, beforeId: ids[1] ?? 0 })).toEqual([ids[0]])
    const all = async (page: Parameters<typeof listRuns>[1]) =>
      (await listRuns(database.db, page)).map((run) => run.id)
    expect(await all({ limit: 2 })).toEqual([foreign, ids[2]])
    expect(await all({ limit: 9, status: 'success', beforeId: foreign })).toEqual([ids[2], ids[0]])
  })

  it('open runs come oldest first', async () => {
    await ended('success', 1)
    const first = await addRun(database.db, job.id)
    const second = await addRun(database.db, (await addJob(database.db, { name: 'other' })).id)
    await claimRun(database.db, second.id, T0)
    expect((await openRuns(database.db)).map((run) => [run.id, run.status])).toEqual([
      [first.id, 'queued'],
      [second.id, 'running'],
    ])
  })

  it('a warning left a usable archive, an error or a cancelled run did not', async () => {
    expect(await lastSuccessAt(database.db, job.id)).toBeNull()
    expect(await lastRunOfJob(database.db, job.id)).toBeNull()
    await ended('success', 100)
    await ended('warning', 200)
    await ended('error', 300)
    const last = await ended('cancelled', 400)
    expect(await lastSuccessAt(database.db, job.id)).toBe(200)
    expect((await lastRunOfJob(database.db, job.id))?.id).toBe(last)
  })

  it('leave out a very long list of warnings, which the run itself has', async () => {
    const run = await addRun(database.db, job.id)
    const warnings = Array.from({ length: 1000 }, (_, n) => ({
      code: 'file_changed' as const,
      path: `some/file/${n}`,
    }))
    await finishRun(database.db, run.id, runEnd({ status: 'warning', warnings, warningCount: 5000 }))
    const [listed] = await listRunsOfJob(database.db, job.id, { limit: 1 })
    expect(listed).toMatchObject({ warnings: [], warningCount: 5000 })
    expect(listed).not.toHaveProperty('unreadable')
    expect((await getRun(database.db, run.id))?.warnings).toEqual(warnings)
  })

  it('keep a row whose JSON is broken, and name the columns', async () => {
    const bad = await ended('error', 1)
    const good = await ended('success', 2)
    await database.db
      .updateTable('runs')
      .set({ targets_json: '[{"kind":"planet"}]', error_code: 'unheard_of' })
      .where('id', '=', bad)
      .execute()
    const listed = await listRunsOfJob(database.db, job.id, { limit: 5 })
    expect(listed.map((run) => [run.id, run.unreadable])).toEqual([
      [good, undefined],
      [bad, ['error_code', 'targets_json']],
    ])
    expect(listed[1]).toMatchObject({ errorCode: 'internal', targets: [] })
    await expect(getRun(database.db, bad)).rejects.toMatchObject({
      code: 'record_damaged',
      facts: { where: `runs ${bad}, error_code` },
    })
  })
})
