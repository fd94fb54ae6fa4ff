import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { archivesOfJob, getArchive, upsertArchives } from './archives.ts'
import type { Database } from './database.ts'
import {
  countJobs,
  deleteJob,
  dueJobs,
  findJob,
  getJob,
  insertJob,
  listJobs,
  setNextRun,
  setRetentionHold,
  updateJob,
} from './jobs.ts'
import { listRuns } from './runs.ts'
import { addJob, addRun, archiveEntry, jobFields, memoryStore, T0 } from './testing.ts'

let database: Database
beforeEach(async () => {
  database = await memoryStore()
})
afterEach(() => database.close())

describe('a job', () => {
  it('is read back as it was stored', async () => {
    const fields = jobFields({
      name: 'Sauvegarde été 🏖',
      config: { source_path: '/opt/a b', excludes: ['c/'], deep: { list: [1, null, true] } },
      retention: { mode: 'gfs', daily: 7, weekly: 4, monthly: 3, yearly: 0, maxBytes: 10 },
      hooks: { preBackup: 'systemctl stop x', timeoutS: 30 },
      timeoutS: 900,
      coreOnly: true,
      enabled: false,
      nextRunAt: null,
      retentionHold: 'verify_failed',
    })
    const job = await insertJob(database.db, fields)
    expect(job).toEqual({ ...fields, id: job.id })
    expect(await getJob(database.db, job.id)).toEqual(job)
  })

  it.each([
    [{ mode: 'count', count: 7 } as const, 7],
    [{ mode: 'daily', days: 14 } as const, 14],
    [{ mode: 'gfs', daily: 5, weekly: 4, monthly: 3, yearly: 1 } as const, 5],
  ])('stores its policy in the columns of the specification: %j', async (retention, value) => {
    await addJob(database.db, { retention })
    const row = await database.db.selectFrom('jobs').selectAll().executeTakeFirstOrThrow()
    expect([row.retention_mode, row.retention_value]).toEqual([retention.mode, value])
    expect(JSON.parse(row.retention_config)).toEqual(retention)
  })

  it('changes only in the fields that are given', async () => {
    const job = await addJob(database.db)
    const changed = await updateJob(database.db, job.id, { enabled: false, updatedAt: T0 + 9 })
    expect(changed).toEqual({ ...job, enabled: false, updatedAt: T0 + 9 })
    expect(await getJob(database.db, job.id)).toEqual(changed)
    expect(await updateJob(database.db, 4711, { enabled: false })).toBeNull()
  })

  it('cannot have the name of another one, in whatever case', async () => {
    await addJob(database.db, { name: 'Nextcloud' })
    const other = await addJob(database.db, { name: 'other' })
    const taken = { code: 'validation_failed', errors: [{ field: 'name', code: 'name_taken' }] }
    await expect(addJob(database.db, { name: 'nextcloud' })).rejects.toMatchObject(taken)
    await expect(updateJob(database.db, other.id, { name: 'NEXTCLOUD' })).rejects.toMatchObject(taken)
    expect((await updateJob(database.db, other.id, { name: 'OTHER' }))?.name).toBe('OTHER')
    expect(await countJobs(database.db)).toBe(2)
  })

  it('is found by id, then by name in any case', async () => {
    const first = await addJob(database.db, { name: 'first' })
    const misleading = await addJob(database.db, { name: String(first.id) })
    const digits = await addJob(database.db, { name: '20260508' })
    expect((await findJob(database.db, String(first.id)))?.id).toBe(first.id)
    expect((await findJob(database.db, '20260508'))?.id).toBe(digits.id)
    expect((await findJob(database.db, 'FIRST'))?.id).toBe(first.id)
    expect((await findJob(database.db, String(misleading.id)))?.name).toBe(String(first.id))
    expect(await findJob(database.db, 'nobody')).toBeNull()
    expect(await findJob(database.db, '99999999999999999999')).toBeNull()
  })

  it('takes its runs along when it goes, and leaves its archives', async () => {
    const job = await addJob(database.db)
    await addRun(database.db, job.id)
    await upsertArchives(database.db, [archiveEntry({ jobId: job.id, jobUid: job.uid, origin: 'local' })])
    expect(await archivesOfJob(database.db, job.id)).toHaveLength(1)
    expect(await deleteJob(database.db, job.id)).toBe(true)
    expect(await deleteJob(database.db, job.id)).toBe(false)
    expect(await listRuns(database.db, { limit: 10 })).toEqual([])
    expect(await getArchive(database.db, 'jerry_nocodb_20260508')).toMatchObject({
      jobId: null,
      origin: 'local',
    })
  })

  it('never gets the id of one that is gone', async () => {
    const job = await addJob(database.db)
    await deleteJob(database.db, job.id)
    expect((await addJob(database.db)).id).toBeGreaterThan(job.id)
  })
})

it('lists due jobs: enabled, tick passed, longest waiting first', async () => {
  const later = await addJob(database.db, { name: 'later', nextRunAt: T0 })
  const first = await addJob(database.db, { name: 'first', nextRunAt: T0 - 5 })
  await addJob(database.db, { name: 'not yet', nextRunAt: T0 + 1 })
  await addJob(database.db, { name: 'off', enabled: false, nextRunAt: T0 - 9 })
  const never = await addJob(database.db, { name: 'never', nextRunAt: T0 - 9 })
  await setNextRun(database.db, never.id, null)
  expect((await dueJobs(database.db, T0)).map((job) => job.id)).toEqual([first.id, later.id])
})

it('suspends and releases retention', async () => {
  const job = await addJob(database.db)
  await setRetentionHold(database.db, job.id, 'verify_failed')
  expect((await getJob(database.db, job.id))?.retentionHold).toBe('verify_failed')
  await setRetentionHold(database.db, job.id, null)
  expect((await getJob(database.db, job.id))?.retentionHold).toBeNull()
})

describe('a row whose JSON is broken', () => {
  it('stays in lists with harmless stand-ins, named, and throws when it is read to be acted upon', async () => {
    const good = await addJob(database.db, { name: 'a good one' })
    const bad = await addJob(database.db, { name: 'broken' })
    await database.db
      .updateTable('jobs')
      .set({ config_json: '{"source', retention_config: '{"mode":"count","count":0}' })
      .where('id', '=', bad.id)
      .execute()
    const listed = await listJobs(database.db)
    expect(listed[0]).toEqual(good)
    expect(listed[1]).toMatchObject({
      name: 'broken',
      config: {},
      retention: { mode: 'count', count: 100_000 },
      unreadable: ['config_json', 'retention_config'],
    })
    await expect(getJob(database.db, bad.id)).rejects.toMatchObject({
      code: 'record_damaged',
      facts: { where: `jobs ${bad.id}, config_json` },
    })
  })
})
