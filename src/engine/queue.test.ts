import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { engineBench, type Answers, type EngineBench } from '../../test/support/engine.ts'
import { eventually } from '../../test/support/eventually.ts'
import { Problem } from '../domain/problem.ts'
import { claimRun, getRun, insertRun, requestCancel } from '../store/runs.ts'
import { createRunEvents } from './events.ts'
import { createQueue, type Queue } from './queue.ts'

let queue: Queue | undefined
afterEach(() => queue?.close())

/** Answers of a helper whose backups take until `release` is called. */
function slowBackups() {
  const waiting: (() => void)[] = []
  const answers: Answers = {
    'source.estimate': () => ({ bytes: 10, files: 1 }),
    disk: () => ({ totalBytes: 1e12, freeBytes: 1e12 }),
    'source.produce': () =>
      new Promise((_, reject) => {
        waiting.push(() => reject(new Problem('yunohost_failed')))
      }),
  }
  return { answers, waiting }
}

async function queued(bench: EngineBench, name: string, type: string): Promise<number> {
  const config = type === 'ynh_app' ? { app_id: name } : { source_path: '/srv', excludes: [] }
  const job = await bench.addJob({ name, type, config })
  const now = bench.deps.clock.now()
  const run = await insertRun(bench.deps.db, {
    jobId: job.id,
    trigger: 'manual',
    actor: 'test',
    operation: randomUUID(),
    queuedAt: now,
    notBefore: now,
  })
  return run?.id ?? 0
}

function open(bench: EngineBench): Queue {
  queue = createQueue(bench.deps, createRunEvents(), () => '')
  queue.open()
  return queue
}

describe('the queue', () => {
  test('runs one yunohost job at a time beside the others, and the next when one ends', async () => {
    const { answers, waiting } = slowBackups()
    const bench = await engineBench(answers)
    const ids = [await queued(bench, 'one', 'ynh_app'), await queued(bench, 'two', 'ynh_app')]
    const other = await queued(bench, 'dir', 'custom_dir')
    const it = open(bench)
    await it.pump()
    await eventually(() => waiting.length === 2)
    const statuses = async () =>
      Promise.all([...ids, other].map(async (id) => (await getRun(bench.deps.db, id))?.status))
    expect(await statuses()).toEqual(['running', 'queued', 'running'])
    waiting[0]?.()
    await eventually(async () => (await statuses())[1] === 'running')
    for (const release of waiting) release()
    await eventually(() => waiting.length === 3)
    waiting[2]?.()
    await it.idle()
    expect(await statuses()).toEqual(['error', 'error', 'error'])
  })

  test('a cancelled run is never started', async () => {
    const { answers, waiting } = slowBackups()
    const bench = await engineBench(answers)
    const id = await queued(bench, 'one', 'ynh_app')
    await requestCancel(bench.deps.db, id)
    await open(bench).pump()
    expect(waiting).toEqual([])
  })

  test('a run of a type that this version does not know fails by itself and stops nobody', async () => {
    const { answers } = slowBackups()
    const bench = await engineBench(answers)
    const id = await queued(bench, 'future', 'floppy')
    await open(bench).idle()
    expect(await getRun(bench.deps.db, id)).toMatchObject({ status: 'error', errorCode: 'source_unknown' })
  })

  test('a run whose end could not be written is not left running for ever', async () => {
    const bench = await engineBench()
    const id = await queued(bench, 'lost', 'custom_dir')
    await claimRun(bench.deps.db, id, bench.deps.clock.now())
    await open(bench).idle()
    expect(await getRun(bench.deps.db, id)).toMatchObject({ status: 'error', errorCode: 'internal' })
  })
})
