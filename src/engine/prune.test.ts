import { describe, expect, test } from 'vitest'
import { engineBench, type Answers } from '../../test/support/engine.ts'
import { Problem } from '../domain/problem.ts'
import { archivesOfJob, deletingArchives, getArchive, setPinned } from '../store/archives.ts'
import { acquireHold } from '../store/holds.ts'
import { getJob, setRetentionHold, updateJob } from '../store/jobs.ts'
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
    const done = await applyRetention(deps, job.id, 'test', quiet)
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
    await applyRetention(deps, job.id, 'test', quiet)
    expect(JSON.stringify(calls)).not.toContain('2020')
    expect(await getArchive(deps.db, 'jerry_photos_20200102')).not.toBeNull()
  })

  test('keeps what is pinned or in use', async () => {
    const { deps, job } = await benchWithFive()
    await setPinned(deps.db, 'jerry_photos_20260501', true)
    await acquireHold(deps.db, 'jerry_photos_20260502', 'somebody', 'verify', deps.clock.now(), 60_000)
    await applyRetention(deps, job.id, 'test', quiet)
    const left = (await archivesOfJob(deps.db, job.id)).map((one) => one.name.slice(-2))
    expect(left.toSorted()).toEqual(['01', '02', '04', '05'])
  })

  test('removes nothing while an anomaly suspends it', async () => {
    const { deps, job, calls } = await benchWithFive()
    await setRetentionHold(deps.db, job.id, 'verify_failed')
    const done = await applyRetention(deps, job.id, 'test', quiet)
    expect(done.plan.remove).toEqual([])
    expect(calls.map((call) => call.verb)).toEqual(['catalogue.scan'])
  })

  test('shows an archive again whose files could not be deleted', async () => {
    const { deps, job } = await benchWithFive({
      'archive.delete': () => {
        throw new Problem('yunohost_failed')
      },
    })
    await expect(applyRetention(deps, job.id, 'test', quiet)).rejects.toMatchObject({
      code: 'yunohost_failed',
    })
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
  await applyRetention(deps, job.id, 'test', (text) => lines.push(text))
  expect(await archivesOfJob(deps.db, job.id)).toHaveLength(5)
  expect(lines).toHaveLength(3)
})

describe('retention looks again before it removes', () => {
  test('at the directory: what somebody else deleted does not count as kept', async () => {
    const { deps, job } = await benchWithFive({
      ...deletes,
      // Somebody removed the two newest in YunoHost's webadmin.
      'catalogue.scan': () => ({
        archives: ['01', '02', '03'].map((day) => ({
          name: `jerry_photos_202605${day}`,
          file: `jerry_photos_202605${day}.tar`,
          sizeBytes: 1000,
          fingerprint: `1:jerry_photos_202605${day}`,
        })),
        unfinished: [],
      }),
    })
    await applyRetention(deps, job.id, 'test', quiet)
    const left = (await archivesOfJob(deps.db, job.id)).map((one) => one.name.slice(-2))
    expect(left.toSorted()).toEqual(['02', '03'])
  })

  test('and removes nothing when the directory cannot be read', async () => {
    const { deps, job } = await benchWithFive({
      ...deletes,
      'catalogue.scan': () => {
        throw new Problem('archives_dir_missing')
      },
    })
    await expect(applyRetention(deps, job.id, 'test', quiet)).rejects.toMatchObject({
      code: 'archives_dir_missing',
    })
    expect(await archivesOfJob(deps.db, job.id)).toHaveLength(5)
  })

  test('at the policy: the one that an admin set while the backup ran counts', async () => {
    const { deps, job } = await benchWithFive()
    await updateJob(deps.db, job.id, { retention: { mode: 'count', count: 4 } })
    await applyRetention(deps, job.id, 'test', quiet)
    expect(await archivesOfJob(deps.db, job.id)).toHaveLength(4)
  })

  test('at the hold: one that is set between two deletions ends them', async () => {
    const bench = await benchWithFive({
      'archive.delete': async () => {
        await setRetentionHold(bench.deps.db, bench.job.id, 'verify_failed')
        return { removed: [] }
      },
    })
    await applyRetention(bench.deps, bench.job.id, 'test', quiet)
    expect(await archivesOfJob(bench.deps.db, bench.job.id)).toHaveLength(4)
  })

  test('at the clock: when it seems to have jumped ahead, an admin is asked first', async () => {
    const { deps, job, addArchive, setNow } = await benchWithFive()
    await updateJob(deps.db, job.id, { retention: { mode: 'daily', days: 30 } })
    setNow('2027-06-08T01:00:00Z')
    await addArchive('jerry_photos_20270608', { jobId: job.id, createdAt: deps.clock.now() })
    await applyRetention(deps, job.id, 'test', quiet)
    expect(await archivesOfJob(deps.db, job.id)).toHaveLength(6)
    expect((await getJob(deps.db, job.id))?.retentionHold).toBe('clock_jump')
  })
})

test('a job that runs four times a year is not taken for a clock that jumped', async () => {
  const bench = await engineBench(deletes)
  const job = await bench.addJob({ cronExpr: '0 3 1 1,4,7,10 *', retention: { mode: 'count', count: 2 } })
  bench.setNow('2026-10-01T01:00:00Z')
  for (const day of ['2026-01-01', '2026-04-01', '2026-07-01', '2026-10-01']) {
    await bench.addArchive(`quarter-${day}`, { jobId: job.id, createdAt: Date.parse(`${day}T01:00:00Z`) })
  }
  await applyRetention(bench.deps, job.id, 'test', quiet)
  expect(await archivesOfJob(bench.deps.db, job.id)).toHaveLength(2)
  expect((await getJob(bench.deps.db, job.id))?.retentionHold).toBeNull()
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
