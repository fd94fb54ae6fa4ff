import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { engineBench } from '../../test/support/engine.ts'
import { deletingArchives, getArchive, markDeleting } from '../store/archives.ts'
import { acquireHold, heldNames } from '../store/holds.ts'
import { claimRun, getRun, insertRun, openRuns, setRunArchive } from '../store/runs.ts'
import { finishDeletions, recover } from './recover.ts'

describe('a start after a crash', () => {
  test('interrupts what was running, after its processes and partial files are gone, and leaves the queue', async () => {
    const states: unknown[] = []
    const bench = await engineBench({
      recover: async () => {
        states.push((await openRuns(bench.deps.db)).map((run) => run.status))
        return { killed: 1, removed: [] }
      },
    })
    const { db, clock } = bench.deps
    const operation = randomUUID()
    const ids: number[] = []
    for (const name of ['running', 'queued']) {
      const job = await bench.addJob({ name })
      const run = await insertRun(db, {
        jobId: job.id,
        trigger: 'schedule',
        actor: 'scheduler',
        operation: name === 'running' ? operation : randomUUID(),
        queuedAt: clock.now(),
        notBefore: clock.now(),
      })
      if (run) ids.push(run.id)
    }
    const [running = 0, queued = 0] = ids
    await claimRun(db, running, clock.now())
    await setRunArchive(db, running, 'jerry_photos_20260508')

    const interrupted = await recover(bench.deps)
    expect(interrupted.map((run) => run.id)).toEqual([running])
    expect(bench.calls).toEqual([
      { verb: 'recover', args: { operations: [{ operation, archiveName: 'jerry_photos_20260508' }] } },
    ])
    expect(states).toEqual([['running', 'queued']])
    expect(await getRun(db, running)).toMatchObject({ status: 'interrupted', errorCode: 'interrupted' })
    expect((await getRun(db, queued))?.status).toBe('queued')
  })

  test('finishes deletions that had begun, and frees what a crash held, but not what others still use', async () => {
    const bench = await engineBench({ 'archive.delete': () => ({ removed: [] }) })
    await bench.addArchive('half gone')
    await bench.addArchive('held')
    await markDeleting(bench.deps.db, 'half gone')
    await acquireHold(bench.deps.db, 'held', 'crashed', 'verify', bench.deps.clock.now() - 1000, 500)
    await acquireHold(bench.deps.db, 'busy', 'command line', 'verify', bench.deps.clock.now(), 60_000)
    await recover(bench.deps)
    await finishDeletions(bench.deps, new AbortController().signal)
    expect(await getArchive(bench.deps.db, 'half gone')).toBeNull()
    expect(await heldNames(bench.deps.db, bench.deps.clock.now())).toEqual(new Set(['busy']))
  })

  test('does not keep the server from starting when the helper cannot be reached', async () => {
    const bench = await engineBench()
    const job = await bench.addJob()
    const { db, clock } = bench.deps
    const now = clock.now()
    const run = await insertRun(db, {
      ...{ jobId: job.id, trigger: 'manual', actor: 'test', operation: randomUUID() },
      ...{ queuedAt: now, notBefore: now },
    })
    await claimRun(db, run?.id ?? 0, now)
    await bench.addArchive('half gone')
    await markDeleting(db, 'half gone')
    expect((await recover(bench.deps)).map((one) => one.status)).toEqual(['interrupted'])
    await finishDeletions(bench.deps, new AbortController().signal)
    expect(await deletingArchives(db)).toEqual(['half gone'])
  })

  test('with nothing to do asks the helper nothing', async () => {
    const bench = await engineBench()
    expect(await recover(bench.deps)).toEqual([])
    expect(bench.calls).toEqual([])
  })
})
