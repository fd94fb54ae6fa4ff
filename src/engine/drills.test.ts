import { describe, expect, test } from 'vitest'
import { engineBench, type Answers, type EngineBench } from '../../test/support/engine.ts'
import type { VerifyResult } from '../domain/helper-protocol.ts'
import type { Job } from '../domain/job.ts'
import { Problem } from '../domain/problem.ts'
import { setState } from '../store/archives.ts'
import { drillsOfJob } from '../store/drills.ts'
import { getJob } from '../store/jobs.ts'
import { drillDue, runDrill } from './drills.ts'

const DAY_MS = 86_400_000
const whole: VerifyResult = {
  sha256: 'a'.repeat(64),
  sizeBytes: 1000,
  members: 3,
  damage: '',
  innerSha256: null,
}
const never = new AbortController().signal

async function world(answers: Answers = {}): Promise<{ bench: EngineBench; job: Job }> {
  const bench = await engineBench({ 'archive.verify': () => whole, ...answers })
  const job = await bench.addJob({ drill: { depth: 'extract', everyDays: 30 }, nextDrillAt: 0 })
  const backupInfo = { type: 'custom_dir', source_path: '/srv/photos', excludes: [] }
  await bench.addArchive('older', { jobId: job.id, backupInfo, createdAt: bench.deps.clock.now() - DAY_MS })
  await bench.addArchive('newest', { jobId: job.id, backupInfo })
  return { bench, job }
}

const passed: Answers = {
  'drill.run': () => ({ verdict: 'passed', findings: [{ code: 'files_compared', facts: { files: 3 } }] }),
}

describe('a drill', () => {
  test('reads the newest archive, then unpacks it, and remembers both', async () => {
    const { bench, job } = await world(passed)
    const drill = await runDrill(bench.deps, job.id, null, 'admin', never)
    expect(drill).toMatchObject({
      archiveName: 'newest',
      depth: 'extract',
      verdict: 'passed',
      actor: 'admin',
    })
    expect(drill.findings.map((one) => one.code)).toEqual(['bytes_read', 'files_compared'])
    expect(bench.calls.map((call) => call.verb)).toEqual(['archive.verify', 'drill.run'])
    expect((await getJob(bench.deps.db, job.id))?.nextDrillAt).toBe(bench.deps.clock.now() + 30 * DAY_MS)
  })

  test('of depth read unpacks nothing', async () => {
    const { bench, job } = await world()
    expect(await runDrill(bench.deps, job.id, 'read', 'admin', never)).toMatchObject({ verdict: 'passed' })
    expect(bench.calls.map((call) => call.verb)).toEqual(['archive.verify'])
  })

  test('that finds damage has failed, and suspends removal of the job’s archives', async () => {
    const { bench, job } = await world({ 'archive.verify': () => ({ ...whole, sha256: 'b'.repeat(64) }) })
    expect(await runDrill(bench.deps, job.id, 'read', 'admin', never)).toMatchObject({ verdict: 'failed' })
    expect((await getJob(bench.deps.db, job.id))?.retentionHold).toBe('drill_failed')
  })

  test('whose files differ has failed', async () => {
    const findings = [{ code: 'file_differs' as const, facts: { path: 'a' } }]
    const { bench, job } = await world({ 'drill.run': () => ({ verdict: 'failed', findings }) })
    expect(await runDrill(bench.deps, job.id, null, 'admin', never)).toMatchObject({ verdict: 'failed' })
    expect((await getJob(bench.deps.db, job.id))?.retentionHold).toBe('drill_failed')
  })

  test('that the machine could not make says nothing about the archive', async () => {
    const { bench, job } = await world({
      'drill.run': () => Promise.reject(new Problem('tool_missing', { tool: 'mariadb' })),
    })
    const drill = await runDrill(bench.deps, job.id, null, 'admin', never)
    expect(drill).toMatchObject({ verdict: 'inconclusive' })
    expect(drill.findings).toMatchObject([{ code: 'tool_missing', facts: { tool: 'mariadb' } }])
    expect((await getJob(bench.deps.db, job.id))?.retentionHold).toBeNull()
  })

  test('proves the newest archive also when it is known to be damaged, and needs one', async () => {
    const { bench, job } = await world(passed)
    await setState(bench.deps.db, 'newest', { state: 'corrupted', detail: 'cut off' })
    expect(await runDrill(bench.deps, job.id, null, 'admin', never)).toMatchObject({ archiveName: 'newest' })
    const empty = await bench.addJob({ name: 'no archive' })
    await expect(runDrill(bench.deps, empty.id, null, 'admin', never)).rejects.toMatchObject({
      code: 'archive_not_found',
    })
  })

  test('of a depth that the type does not have is refused by its field', async () => {
    const { bench, job } = await world(passed)
    await expect(runDrill(bench.deps, job.id, 'load', 'admin', never)).rejects.toMatchObject({
      errors: [{ field: 'depth', code: 'unknown_value' }],
    })
  })

  test('that is stopped leaves no verdict', async () => {
    const stop = new AbortController()
    const { bench, job } = await world({
      'drill.run': () => {
        stop.abort()
        return Promise.reject(new Problem('cancelled'))
      },
    })
    await expect(runDrill(bench.deps, job.id, null, 'admin', stop.signal)).rejects.toMatchObject({
      code: 'cancelled',
    })
    expect(await drillsOfJob(bench.deps.db, job.id, 9)).toEqual([])
  })
})

test('drills that are due are made one after the other, and one that cannot be made does not stop the rest', async () => {
  const { bench, job } = await world(passed)
  const empty = await bench.addJob({
    name: 'no archive yet',
    drill: { depth: 'read', everyDays: 1 },
    nextDrillAt: 0,
  })
  const other = await bench.addJob({ name: 'other', drill: { depth: 'read', everyDays: 1 }, nextDrillAt: 1 })
  await bench.addArchive('of-other', { jobId: other.id })
  await bench.addJob({
    name: 'later',
    drill: { depth: 'read', everyDays: 1 },
    nextDrillAt: bench.deps.clock.now() + 1,
  })
  const made: number[] = []
  await drillDue(
    bench.deps,
    async (id) => {
      made.push(id)
      if (id === job.id) throw new Error('not now')
    },
    never,
  )
  expect(made).toEqual([job.id, other.id])
  expect(made).not.toContain(empty.id)
})
