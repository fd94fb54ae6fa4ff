import { describe, expect, test } from 'vitest'
import { engineBench } from '../../test/support/engine.ts'
import { listActivity } from '../store/activity.ts'
import { getJob } from '../store/jobs.ts'
import { openRuns } from '../store/runs.ts'
import { tick } from './scheduler.ts'

const at = (time: string) => Date.parse(time)

describe('a tick', () => {
  test('queues what is due once and plans the next time', async () => {
    const bench = await engineBench()
    const job = await bench.addJob({ nextRunAt: at('2026-05-08T10:00:00Z') })
    const { queued, nextAt } = await tick(bench.deps)
    expect(queued).toBe(1)
    expect(nextAt).toBe(at('2026-05-09T01:00:00Z'))
    expect(await openRuns(bench.deps.db)).toEqual([
      expect.objectContaining({ jobId: job.id, trigger: 'schedule', status: 'queued', actor: 'scheduler' }),
    ])
    expect((await tick(bench.deps)).queued).toBe(0)
  })

  test('on a job that is still open is recorded as skipped, with the reason', async () => {
    const bench = await engineBench()
    const job = await bench.addJob({ nextRunAt: at('2026-05-08T10:00:00Z') })
    await tick(bench.deps)
    bench.setNow('2026-05-09T01:00:00Z')
    await tick(bench.deps)
    expect(await openRuns(bench.deps.db)).toHaveLength(1)
    expect(await listActivity(bench.deps.db, { limit: 10, jobId: job.id })).toEqual([
      expect.objectContaining({
        action: 'run.skipped',
        facts: expect.objectContaining({ reason: 'still_running' }),
      }),
    ])
    expect((await getJob(bench.deps.db, job.id))?.nextRunAt).toBe(at('2026-05-10T01:00:00Z'))
  })

  test('after downtime catches up once per job, spread over the configured minutes', async () => {
    const bench = await engineBench()
    for (let n = 0; n < 20; n += 1) {
      await bench.addJob({ name: `job ${n}`, nextRunAt: at('2026-05-01T01:00:00Z') })
    }
    expect((await tick(bench.deps)).queued).toBe(20)
    const runs = await openRuns(bench.deps.db)
    const delays = runs.map((run) => run.notBefore - bench.deps.clock.now())
    expect(new Set(runs.map((run) => run.trigger))).toEqual(new Set(['catch_up']))
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...delays)).toBeLessThanOrEqual(5 * 60_000)
    expect(new Set(delays).size).toBeGreaterThan(10)
  })

  test('gives a job without a next time one, and corrects one from a clock that was years ahead', async () => {
    const bench = await engineBench()
    const none = await bench.addJob({ name: 'none', nextRunAt: null })
    const ahead = await bench.addJob({ name: 'ahead', nextRunAt: at('2036-05-09T01:00:00Z') })
    expect((await tick(bench.deps)).queued).toBe(0)
    for (const { id } of [none, ahead]) {
      expect((await getJob(bench.deps.db, id))?.nextRunAt).toBe(at('2026-05-09T01:00:00Z'))
    }
  })

  test('leaves disabled jobs alone', async () => {
    const bench = await engineBench()
    await bench.addJob({ enabled: false, nextRunAt: at('2026-05-08T09:00:00Z') })
    expect(await tick(bench.deps)).toEqual({ queued: 0, nextAt: null })
  })
})
