import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from './database.ts'
import { deleteDrillsBefore, drillsOfJob, insertDrill, lastDrills } from './drills.ts'
import {
  claimRestore,
  deleteRestoresBefore,
  finishRestore,
  getRestore,
  insertRestore,
  restoreThatSaved,
  listRestores,
  newestRestoreOf,
  openRestores,
  requestRestoreCancel,
  restoreSettings,
  setRestoreProgress,
  setRestoreSteps,
  setSafetyArchive,
} from './restores.ts'
import { addJob, aPlan, drillOf, memoryStore, newRestore, restoreEnd, T0 } from './testing.ts'

let database: Database
beforeEach(async () => {
  database = await memoryStore()
})
afterEach(() => database.close())

async function add(change: Parameters<typeof newRestore>[0] = {}): Promise<number> {
  const restore = await insertRestore(database.db, newRestore(change))
  if (!restore) throw new Error('not inserted')
  return restore.id
}

describe('a stored restore', () => {
  it('comes back as it was given', async () => {
    const id = await add({ options: { target_path: '/srv/x', paths: ['a'] } })
    const found = await getRestore(database.db, id)
    expect(found).toMatchObject({
      status: 'queued',
      plan: aPlan(),
      options: { target_path: '/srv/x', paths: ['a'] },
      requestedAt: T0,
      startedAt: null,
      finishedAt: null,
      safetyArchive: null,
    })
    expect(found?.steps.map((step) => step.state)).toEqual(['waiting', 'waiting'])
    expect(await restoreSettings(database.db, id)).toEqual({ source_path: '/srv/photos' })
  })

  it('is one per place while it is open', async () => {
    const id = await add()
    expect(await insertRestore(database.db, newRestore())).toBeNull()
    expect(await insertRestore(database.db, newRestore({ plan: aPlan({ target: '/srv/b' }) }))).not.toBeNull()
    await finishRestore(database.db, id, restoreEnd())
    expect(await insertRestore(database.db, newRestore())).not.toBeNull()
  })

  it('is claimed by one caller only, and not at all once it was cancelled', async () => {
    const id = await add()
    expect(await claimRestore(database.db, id, T0 + 1)).toMatchObject({
      status: 'running',
      startedAt: T0 + 1,
    })
    expect(await claimRestore(database.db, id, T0 + 2)).toBeNull()
    const other = await add({ plan: aPlan({ target: '/srv/b' }) })
    await requestRestoreCancel(database.db, other)
    expect(await claimRestore(database.db, other, T0)).toBeNull()
  })

  it('ends once', async () => {
    const id = await add()
    await claimRestore(database.db, id, T0)
    await setRestoreProgress(database.db, id, 5, 10)
    expect(await getRestore(database.db, id)).toMatchObject({ progressDone: 5, progressTotal: 10 })
    expect(await finishRestore(database.db, id, restoreEnd({ onlyFrom: 'queued' }))).toBeNull()
    const end = restoreEnd({ status: 'rolled_back', errorCode: 'disk_full', errorFacts: { free: 0 } })
    expect(await finishRestore(database.db, id, end)).toMatchObject({
      status: 'rolled_back',
      errorCode: 'disk_full',
      errorFacts: { free: 0 },
      progressDone: null,
      logTail: 'last line',
    })
    expect(await finishRestore(database.db, id, restoreEnd())).toBeNull()
    expect(await requestRestoreCancel(database.db, id)).toBeNull()
  })

  it('keeps its steps', async () => {
    const id = await add()
    const steps = (await getRestore(database.db, id))?.steps ?? []
    await setRestoreSteps(
      database.db,
      id,
      steps.map((step) => ({ ...step, state: 'failed', detail: 'why' })),
    )
    expect((await getRestore(database.db, id))?.steps[1]).toMatchObject({ state: 'failed', detail: 'why' })
  })

  it('is listed newest first, by archive and by page', async () => {
    const first = await add()
    const second = await add({ plan: aPlan({ target: '/b', archive: 'other' }) })
    const ids = async (page: Parameters<typeof listRestores>[1]) =>
      (await listRestores(database.db, page)).map((one) => one.id)
    expect(await ids({ limit: 9 })).toEqual([second, first])
    expect(await ids({ limit: 9, before: second })).toEqual([first])
    expect(await ids({ limit: 9, archive: 'other' })).toEqual([second])
    expect((await newestRestoreOf(database.db, 'other'))?.id).toBe(second)
    expect(await newestRestoreOf(database.db, 'none')).toBeNull()
    expect((await openRestores(database.db)).map((one) => one.id)).toEqual([first, second])
  })

  it('knows the archive of the state before it', async () => {
    const id = await add()
    expect(await restoreThatSaved(database.db, 'jerry_x')).toBeNull()
    await setSafetyArchive(database.db, id, 'jerry_x')
    expect(await restoreThatSaved(database.db, 'jerry_x')).toMatchObject({ id, type: 'custom_dir' })
  })

  it('is forgotten after a while, but for the newest ones; open ones never', async () => {
    const ids = []
    for (const target of ['/a', '/b', '/c']) {
      const id = await add({ plan: aPlan({ target }) })
      await finishRestore(database.db, id, restoreEnd())
      ids.push(id)
    }
    const open = await add()
    expect(await deleteRestoresBefore(database.db, T0 + 90_000, 2)).toEqual(ids.slice(0, 2))
    expect((await listRestores(database.db, { limit: 9 })).map((one) => one.id)).toEqual([open, ids[2]])
  })

  it('whose JSON cannot be read does not hide the others', async () => {
    const bad = await add()
    const good = await add({ plan: aPlan({ target: '/b' }) })
    await database.db.updateTable('restores').set({ plan_json: '{' }).where('id', '=', bad).execute()
    const listed = await listRestores(database.db, { limit: 9 })
    expect(listed.map((one) => one.unreadable ?? [])).toEqual([[], ['plan_json']])
    expect(listed[0]?.id).toBe(good)
    await expect(getRestore(database.db, bad)).rejects.toMatchObject({ code: 'record_damaged' })
  })
})

describe('drills', () => {
  it('are kept per job, newest first, and the last one of each job is found at once', async () => {
    const one = await addJob(database.db)
    const two = await addJob(database.db, { name: 'two' })
    await insertDrill(database.db, drillOf({ jobId: one.id, verdict: 'passed' }))
    const findings = [{ code: 'table_missing', facts: { table: 'x' } }] as const
    const newest = await insertDrill(database.db, drillOf({ jobId: one.id, verdict: 'failed', findings }))
    await insertDrill(database.db, drillOf({ jobId: two.id, verdict: 'inconclusive' }))
    expect((await drillsOfJob(database.db, one.id, 9)).map((drill) => drill.verdict)).toEqual([
      'failed',
      'passed',
    ])
    const last = await lastDrills(database.db, [one.id, two.id, 99])
    expect(last.get(one.id)).toEqual(newest)
    expect(last.get(two.id)?.verdict).toBe('inconclusive')
    expect(last.size).toBe(2)
    await deleteDrillsBefore(database.db, T0 + 90_000, 1)
    expect(await drillsOfJob(database.db, one.id, 9)).toEqual([newest])
  })
})
