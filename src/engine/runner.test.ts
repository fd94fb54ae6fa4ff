import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { engineBench, type Answers, type EngineBench } from '../../test/support/engine.ts'
import type { Produced, VerbArgs } from '../domain/helper-protocol.ts'
import type { Job } from '../domain/job.ts'
import { Problem } from '../domain/problem.ts'
import { archivesOfJob, getArchive } from '../store/archives.ts'
import { getJob } from '../store/jobs.ts'
import { claimRun, insertRun } from '../store/runs.ts'
import { defaultSettings } from '../domain/settings.ts'
import { customDir } from '../sources/custom-dir/index.ts'
import { createRunEvents } from './events.ts'
import { executeRun } from './runner.ts'
import { createSpace } from './space.ts'

const GIB = 1024 ** 3

function produced(args: VerbArgs['source.produce'], change: Partial<Produced> = {}): Produced {
  const { name } = args.archive
  return {
    file: `${name}.tar`,
    sizeBytes: 100 * 1024 * 1024,
    sha256: 'b'.repeat(64),
    fingerprint: `1:${name}`,
    targets: [{ kind: 'path', id: '/srv/photos', status: 'success' }],
    warnings: [],
    warningCount: 0,
    exitCodes: { tar: 0 },
    info: {},
    backupInfo: { created_at: '2026-05-08T10:00:00.000+00:00' },
    ...change,
  }
}

const fine: Answers = {
  'source.estimate': () => ({ bytes: 1000, files: 1 }),
  disk: () => ({ totalBytes: 100 * GIB, freeBytes: 50 * GIB }),
  'source.produce': (args) => produced(args),
  'archive.delete': () => ({ removed: [] }),
  hook: () => ({ exitCode: 0 }),
}

interface Went {
  readonly status: string | undefined
  readonly error: string | null | undefined
  readonly lines: readonly string[]
  readonly job: Job
  readonly name: string | null | undefined
}

async function execute(
  bench: EngineBench,
  options: {
    readonly hooks?: boolean
    readonly stop?: AbortController
    readonly space?: ReturnType<typeof createSpace>
  } = {},
): Promise<Went> {
  const hooks = { timeoutS: 5, ...(options.hooks && { preBackup: 'stop it', postBackup: 'start it' }) }
  const job = await bench.addJob({ hooks, name: randomUUID() })
  const now = bench.deps.clock.now()
  const queued = await insertRun(bench.deps.db, {
    ...{ jobId: job.id, trigger: 'manual', actor: 'test', operation: randomUUID() },
    ...{ queuedAt: now, notBefore: now },
  })
  const run = await claimRun(bench.deps.db, queued?.id ?? 0, now)
  if (!run) throw new Error('not claimed')
  const lines: string[] = []
  const finished = await executeRun(bench.deps, {
    run,
    job,
    source: customDir,
    config: job.config,
    settings: defaultSettings,
    log: { write: (_, text) => void lines.push(text), close: async () => '' },
    signal: (options.stop ?? new AbortController()).signal,
    events: createRunEvents(),
    space: options.space ?? createSpace(),
    onFrame: () => undefined,
  })
  return { status: finished?.status, error: finished?.errorCode, lines, job, name: finished?.archiveName }
}

function hooksOf(bench: EngineBench): unknown[] {
  return bench.calls.flatMap((call) =>
    call.verb === 'hook' ? [(call.args as VerbArgs['hook']).command] : [],
  )
}

describe('a run', () => {
  test('that goes well records the archive as good, with its hash', async () => {
    const bench = await engineBench(fine)
    const { status, name } = await execute(bench)
    expect(status).toBe('success')
    expect(await getArchive(bench.deps.db, name ?? '')).toMatchObject({ state: 'ok', sha256: 'b'.repeat(64) })
  })

  test('that is cancelled when its archive is finished keeps the archive and its hash', async () => {
    const stop = new AbortController()
    const bench = await engineBench({
      ...fine,
      'source.produce': (args) => {
        stop.abort('cancelled')
        return produced(args)
      },
    })
    const { status, name } = await execute(bench, { stop })
    expect(status).toBe('success')
    expect(await getArchive(bench.deps.db, name ?? '')).toMatchObject({ sha256: 'b'.repeat(64) })
  })

  test.each([
    ['cancelled', 'cancelled', 'cancelled'],
    ['timed_out', 'error', 'timed_out'],
    ['interrupted', 'interrupted', 'interrupted'],
  ])('that is stopped (%s) ends so, and post_backup still runs', async (reason, status, error) => {
    const stop = new AbortController()
    const bench = await engineBench({
      ...fine,
      'source.produce': () => {
        stop.abort(reason)
        throw new Problem('cancelled')
      },
    })
    expect(await execute(bench, { hooks: true, stop })).toMatchObject({ status, error })
    expect(hooksOf(bench)).toEqual(['stop it', 'start it'])
  })

  test('starts again what it stopped also when the database cannot be written', async () => {
    const bench = await engineBench({
      ...fine,
      'source.produce': async (args) => {
        await sql`CREATE TRIGGER full BEFORE UPDATE OF step ON runs BEGIN SELECT RAISE(ABORT, 'disk full'); END`.execute(
          bench.deps.db,
        )
        return produced(args)
      },
    })
    const { status } = await execute(bench, { hooks: true })
    expect(status).toBe('success')
    expect(hooksOf(bench)).toEqual(['stop it', 'start it'])
  })

  test('is refused when other runs will need the room that seems free', async () => {
    const bench = await engineBench({ ...fine, 'source.estimate': () => ({ bytes: 20 * GIB, files: 1 }) })
    const space = createSpace()
    await space.take('another', 40 * GIB, () => undefined)
    expect(await execute(bench, { space })).toMatchObject({ status: 'error', error: 'insufficient_storage' })
    space.wrote('another', 39 * GIB)
    expect(await execute(bench, { space })).toMatchObject({ status: 'success' })
  })

  test('whose archive shrank to less than half suspends removal and keeps the ones before it', async () => {
    const bench = await engineBench({
      ...fine,
      'source.produce': (args) => produced(args, { sizeBytes: 1000 }),
    })
    let id = 0
    const addJob = bench.addJob
    const watched: EngineBench = {
      ...bench,
      async addJob(change) {
        const job = await addJob(change)
        id = job.id
        for (let day = 1; day <= 4; day += 1) {
          const createdAt = Date.parse(`2026-05-0${day}T01:00:00Z`)
          await bench.addArchive(`old-${day}`, { jobId: job.id, createdAt, sizeBytes: GIB })
        }
        return job
      },
    }
    expect((await execute(watched)).status).toBe('success')
    expect((await getJob(bench.deps.db, id))?.retentionHold).toBe('size_collapse')
    expect(await archivesOfJob(bench.deps.db, id)).toHaveLength(5)
  })

  test('takes the next name when somebody has taken this one', async () => {
    let tries = 0
    const bench = await engineBench({
      ...fine,
      'source.produce': (args) => {
        tries += 1
        if (tries < 3) throw new Problem('archive_exists')
        return produced(args)
      },
    })
    expect((await execute(bench)).name).toMatch(/_20260508-3$/)
  })
})
