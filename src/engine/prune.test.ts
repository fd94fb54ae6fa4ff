import { describe, expect, test } from 'vitest'
import { engineBench, type Answers } from '../../test/support/engine.ts'
import { Problem } from '../domain/problem.ts'
import { archivesOfJob, deletingArchives, getArchive, setPinned } from '../store/archives.ts'
import { acquireHold } from '../store/holds.ts'
import { applyRetention, deleteArchive, previewRetention } from './prune.ts'

const deletes: Answers = { 'archive.delete': ({ name }) => ({ removed: [`${name}.tar`] }) }
const quiet = () => undefined

async function benchWithFive(answers: Answers = deletes) {
  const bench = await engineBench(answers)
  const job = await bench.addJob()
  for (let day = 1; day <= 5; day += 1) {
    const createdAt = Date.parse(`2026-05-0${day}T01:00:00Z`)
    await bench.addArchive(`jerry_photos_2026050${day}`, { jobId: job.id, createdAt })
  }
  return { ...bench, job }
}

describe('retention', () => {
  test('does what the preview says', async () => {
    const { deps, job } = await benchWithFive()
    const preview = await previewRetention(deps, job)
    expect(preview.freedBytes).toBe(3000)
    const done = await applyRetention(deps, job, 'test', quiet)
    expect(done.plan).toEqual(preview.plan)
    const left = (await archivesOfJob(deps.db, job.id)).map((one) => one.name)
    expect(left.toSorted()).toEqual(preview.plan.keep.map((one) => one.name).toSorted())
    expect(left).toHaveLength(2)
  })

  test('touches no archive of another job and none that no job made', async () => {
    const { deps, job, addJob, addArchive, calls } = await benchWithFive()
    const other = await addJob({ name: 'other' })
    await addArchive('jerry_photos_20200101', { jobId: other.id, createdAt: 1 })
    await addArchive('jerry_photos_20200102', { jobId: null, origin: 'foreign', createdAt: 1 })
    await applyRetention(deps, job, 'test', quiet)
    expect(JSON.stringify(calls)).not.toContain('2020')
    expect(await getArchive(deps.db, 'jerry_photos_20200102')).not.toBeNull()
  })

  test('keeps what is pinned or in use', async () => {
    const { deps, job } = await benchWithFive()
    await setPinned(deps.db, 'jerry_photos_20260501', true)
    await acquireHold(deps.db, 'jerry_photos_20260502', 'somebody', 'verify', deps.clock.now(), 60_000)
    await applyRetention(deps, job, 'test', quiet)
    const left = (await archivesOfJob(deps.db, job.id)).map((one) => one.name.slice(-2))
    expect(left.toSorted()).toEqual(['01', '02', '04', '05'])
  })

  test('removes nothing while an anomaly suspends it', async () => {
    const { deps, job, calls } = await benchWithFive()
    const done = await applyRetention(deps, { ...job, retentionHold: 'verify_failed' }, 'test', quiet)
    expect(done.plan.remove).toEqual([])
    expect(calls).toEqual([])
  })

  test('shows an archive again whose files could not be deleted', async () => {
    const { deps, job } = await benchWithFive({
      'archive.delete': () => {
        throw new Problem('yunohost_failed')
      },
    })
    await expect(applyRetention(deps, job, 'test', quiet)).rejects.toMatchObject({ code: 'yunohost_failed' })
    expect(await deletingArchives(deps.db)).toEqual([])
    expect(await archivesOfJob(deps.db, job.id)).toHaveLength(5)
  })
})

test('what YunoHost is too busy to delete stays, without a complaint', async () => {
  const { deps, job } = await benchWithFive({
    'archive.delete': () => {
      throw new Problem('yunohost_busy')
    },
  })
  const lines: string[] = []
  await applyRetention(deps, job, 'test', (text) => lines.push(text))
  expect(await archivesOfJob(deps.db, job.id)).toHaveLength(5)
  expect(lines).toHaveLength(3)
})

describe('deleting by hand', () => {
  test('refuses what is pinned, in use or unknown, and asks the helper nothing', async () => {
    const { deps, calls } = await benchWithFive()
    await setPinned(deps.db, 'jerry_photos_20260501', true)
    await acquireHold(deps.db, 'jerry_photos_20260502', 'somebody', 'restore', deps.clock.now(), 60_000)
    const remove = (name: string) => deleteArchive(deps, name, 'test', { reason: 'by hand', jobId: null })
    await expect(remove('jerry_photos_20260501')).rejects.toMatchObject({ code: 'archive_pinned' })
    await expect(remove('jerry_photos_20260502')).rejects.toMatchObject({ code: 'archive_in_use' })
    await expect(remove('unknown')).rejects.toMatchObject({ code: 'archive_not_found' })
    expect(calls).toEqual([])
  })

  test('marks the row before a file goes, so that a crash in between is finished later', async () => {
    const marked: string[][] = []
    const bench = await engineBench({
      'archive.delete': async () => {
        marked.push(await deletingArchives(bench.deps.db))
        return { removed: [] }
      },
    })
    await bench.addArchive('one')
    await deleteArchive(bench.deps, 'one', 'test', { reason: 'by hand', jobId: null })
    expect(marked).toEqual([['one']])
    expect(await getArchive(bench.deps.db, 'one')).toBeNull()
  })
})
