import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RunStatus } from '../domain/run.ts'
import type { Database } from './database.ts'
import { claimRun, deleteRunsBefore, finishRun, listRunsOfJob, runsBefore, type RunEnd } from './runs.ts'
import { addJob, addRun, memoryStore, runEnd, T0 } from './testing.ts'

let database: Database
beforeEach(async () => {
  database = await memoryStore()
})
afterEach(() => database.close())

/** Runs that ended at 1, 2, 3, …; their ids. */
async function history(jobId: number, statuses: readonly RunEnd['status'][]): Promise<number[]> {
  const ids: number[] = []
  for (const [at, status] of statuses.entries()) {
    const run = await addRun(database.db, jobId)
    await finishRun(database.db, run.id, runEnd({ status, finishedAt: at + 1 }))
    ids.push(run.id)
  }
  return ids
}

const statusesOf = async (jobId: number): Promise<RunStatus[]> =>
  (await listRunsOfJob(database.db, jobId, { limit: 100 })).map((run) => run.status).toReversed()

describe('old runs', () => {
  it('go when they ended before the day and are not among the newest of their job', async () => {
    const { id } = await addJob(database.db)
    const ids = await history(id, ['error', 'error', 'success', 'error', 'error', 'success'])
    expect(await runsBefore(database.db, 100, 2)).toEqual(ids.slice(0, 4))
    expect(await deleteRunsBefore(database.db, 3, 2)).toEqual(ids.slice(0, 2))
    expect(await statusesOf(id)).toEqual(['success', 'error', 'error', 'success'])
    expect(await deleteRunsBefore(database.db, 3, 2)).toEqual([])
  })

  it('never take the newest success or the newest warning of a job', async () => {
    const { id } = await addJob(database.db)
    await history(id, ['success', 'success', 'warning', 'warning', 'error', 'error'])
    await deleteRunsBefore(database.db, 1000, 0)
    expect(await statusesOf(id)).toEqual(['success', 'warning'])
  })

  it('never take an open run', async () => {
    const { id } = await addJob(database.db)
    const run = await addRun(database.db, id)
    await claimRun(database.db, run.id, T0)
    expect(await deleteRunsBefore(database.db, Number.MAX_SAFE_INTEGER, 0)).toEqual([])
    expect(await statusesOf(id)).toEqual(['running'])
  })

  it('are counted for each job by itself', async () => {
    const busy = await addJob(database.db, { name: 'busy' })
    const rare = await addJob(database.db, { name: 'rare' })
    await history(busy.id, ['error', 'error', 'error', 'error'])
    await history(rare.id, ['error', 'error'])
    await deleteRunsBefore(database.db, 1000, 3)
    expect(await statusesOf(busy.id)).toHaveLength(3)
    expect(await statusesOf(rare.id)).toHaveLength(2)
  })
})
