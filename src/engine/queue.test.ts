import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { engineBench, type Answers, type EngineBench } from '../../test/support/engine.ts'
import { eventually } from '../../test/support/eventually.ts'
import { Problem } from '../domain/problem.ts'
import { claimRun, getRun, insertRun, listRuns, requestCancel } from '../store/runs.ts'
import { createRunEvents } from './events.ts'
import { createQueue, type Queue } from './queue.ts'

let queue: Queue | undefined
afterEach(() => queue?.close())

interface Backup {
  /** What is backed up: the middle of the archive's name. */
  readonly app: string
  readonly fail: () => void
}

/** Answers of a helper whose backups take until they are told to fail. */
function slowBackups() {
  const underWay: Backup[] = []
  const answers: Answers = {
    'source.estimate': () => ({ bytes: 10, files: 1 }),
    disk: () => ({ totalBytes: 1e12, freeBytes: 1e12 }),
    'source.produce': ({ archive }) =>
      new Promise((_, reject) => {
        underWay.push({ app: archive.app, fail: () => reject(new Problem('yunohost_failed')) })
      }),
  }
  return { answers, underWay }
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
    const { answers, underWay } = slowBackups()
    const bench = await engineBench(answers)
    await queued(bench, 'one', 'ynh_app')
    await queued(bench, 'two', 'ynh_app')
    await queued(bench, 'dir', 'custom_dir')
    const it = open(bench)
    const begun = () => underWay.map((one) => one.app).toSorted()
    await it.pump()
    await eventually(() => underWay.length === 2)
    expect(begun()).toEqual(['dir', 'one'])
    underWay.find((one) => one.app === 'one')?.fail()
    await eventually(() => underWay.length === 3)
    expect(begun()).toEqual(['dir', 'one', 'two'])
    for (const one of underWay) one.fail()
    await it.idle()
    const runs = await listRuns(bench.deps.db, { limit: 10 })
    expect(runs.map((run) => run.status)).toEqual(['error', 'error', 'error'])
  })

  test('a cancelled run is never started', async () => {
    const { answers, underWay } = slowBackups()
    const bench = await engineBench(answers)
    const id = await queued(bench, 'one', 'ynh_app')
    await requestCancel(bench.deps.db, id)
    await open(bench).pump()
    expect(underWay).toEqual([])
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
