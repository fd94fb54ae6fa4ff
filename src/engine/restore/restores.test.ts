import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { engineBench, type Answers, type EngineBench } from '../../../test/support/engine.ts'
import type { ArchiveOrder, Produced } from '../../domain/helper-protocol.ts'
import { Problem } from '../../domain/problem.ts'
import type { Restore, RestoreOutcome, RestorePlan } from '../../domain/restore.ts'
import { planDigest } from '../../sys/plan-digest.ts'
import type { AnySource } from '../../sources/source.ts'
import { listActivity } from '../../store/activity.ts'
import { getArchive, setState } from '../../store/archives.ts'
import { heldNames } from '../../store/holds.ts'
import { claimRestore, getRestore } from '../../store/restores.ts'
import { createRunEvents } from '../events.ts'
import { createQueue } from '../queue.ts'
import { readRestoreLog } from '../run-log.ts'
import { jobPlace, sealConfig } from '../secrets.ts'
import { createRestores, type Restores } from './restores.ts'
import { endSafetyArchives } from './safety.ts'

const NAME = 'jerry_photos_20260508'
const GIB = 1024 ** 3
const DAY_MS = 86_400_000

const source = {
  id: 'custom_dir',
  settings: z.strictObject({ source_path: z.string(), password: z.string().optional() }),
  secrets: ['password'],
  lane: 'general',
  tools: [],
  subject: () => 'photos',
  supportsCoreOnly: false,
  restore: {
    options: ['target_path'],
    drills: ['extract'],
    recall: ({ backupInfo }: { readonly backupInfo: Readonly<Record<string, unknown>> | null }) =>
      backupInfo && { source_path: backupInfo['source_path'] },
  },
} as unknown as AnySource

const plan: RestorePlan = {
  archive: NAME,
  type: 'custom_dir',
  target: '/srv/photos',
  steps: [
    { code: 'extract_files', facts: { files: 3, bytes: 4096, path: '/srv/photos' } },
    { code: 'put_files_in_place', facts: { path: '/srv/photos' } },
  ],
  warnings: [],
  refusals: [],
  replaces: true,
  safety: { type: 'custom_dir', settings: { source_path: '/srv/photos' } },
  bytes: 4096,
  files: 3,
}
const good: RestoreOutcome = { status: 'success', problem: null, remarks: [] }

function produced({ archive }: { readonly archive: Pick<ArchiveOrder, 'name' | 'app'> }): Produced {
  return {
    file: `${archive.name}.tar`,
    sizeBytes: 1000,
    sha256: 'c'.repeat(64),
    fingerprint: `1:${archive.name}`,
    targets: [{ kind: 'path', id: '/srv/photos', status: 'success' }],
    warnings: [],
    warningCount: 0,
    exitCodes: {},
    info: {},
    backupInfo: { created_at: '2026-05-08T10:00:00.000+00:00', app: archive.app },
  }
}

const fine: Answers = {
  'restore.plan': () => plan,
  'restore.apply': () => good,
  'restore.recover': () => ({ ...good, found: true }),
  'archive.verify': () => ({
    sha256: 'a'.repeat(64),
    sizeBytes: 1000,
    members: 3,
    damage: '',
    innerSha256: null,
  }),
  'source.estimate': () => ({ bytes: 1000, files: 3 }),
  disk: () => ({ totalBytes: 100 * GIB, freeBytes: 50 * GIB }),
  'source.produce': produced,
  'archive.delete': () => ({ removed: [] }),
  recover: () => ({ killed: 0, removed: [] }),
}

async function world(answers: Answers = {}): Promise<{ bench: EngineBench; restores: Restores }> {
  const bench = await engineBench({ ...fine, ...answers })
  const deps = { ...bench.deps, sources: [source] }
  const job = await bench.addJob({ config: { source_path: '/srv/photos' } })
  await bench.addArchive(NAME, { backupInfo: { source_path: '/srv/photos' }, jobId: job.id })
  const stamp = () => 'now'
  const queue = createQueue(deps, createRunEvents(), stamp)
  return { bench: { ...bench, deps }, restores: createRestores(deps, queue, createRunEvents(), stamp) }
}

async function carriedOut(it: { restores: Restores }, force = true): Promise<Restore> {
  const queued = await it.restores.start(NAME, { options: {}, force }, 'admin')
  it.restores.open()
  await it.restores.pump()
  const ended = await it.restores.wait(queued.id)
  await it.restores.idle()
  return ended
}

const states = (restore: Restore) => restore.steps.map((step) => `${step.code} ${step.state}`)
const verbs = (bench: EngineBench) => bench.calls.map((call) => call.verb)

describe('a restore', () => {
  test('proves the archive, saves the present state, then does what was planned', async () => {
    const it = await world()
    const ended = await carriedOut(it)
    expect(ended).toMatchObject({ status: 'success', errorCode: null, target: '/srv/photos' })
    expect(states(ended).slice(0, 2)).toEqual(['verify_archive done', 'safety_archive done'])
    const order = verbs(it.bench).filter((verb) => /verify|produce|apply/.test(verb))
    expect(order).toEqual(['archive.verify', 'source.produce', 'restore.apply'])
    const log = await readRestoreLog(it.bench.deps.dataDir, ended.id, 0, 10_000)
    expect(log.text).toContain('ended: success')
  })

  test('the state before it is pinned for a week, belongs to no job, and goes afterwards', async () => {
    const it = await world()
    const ended = await carriedOut(it)
    const safety = ended.safetyArchive ?? ''
    const now = it.bench.deps.clock.now()
    expect(await getArchive(it.bench.deps.db, safety)).toMatchObject({
      pinned: true,
      pinnedUntil: now + 7 * DAY_MS,
      jobId: null,
    })
    it.bench.setNow(now + 7 * DAY_MS - 1)
    await endSafetyArchives(it.bench.deps, new AbortController().signal)
    expect(await getArchive(it.bench.deps.db, safety)).not.toBeNull()
    it.bench.setNow(now + 7 * DAY_MS)
    await endSafetyArchives(it.bench.deps, new AbortController().signal)
    expect(await getArchive(it.bench.deps.db, safety)).toBeNull()
    expect(await getArchive(it.bench.deps.db, NAME)).not.toBeNull()
  })

  test('holds the archive, so that nothing deletes it meanwhile', async () => {
    let held = new Set<string>()
    const it = await world({
      'restore.apply': async () => {
        held = await heldNames(it.bench.deps.db, it.bench.deps.clock.now())
        return good
      },
    })
    await carriedOut(it)
    expect([...held]).toEqual([NAME])
    expect([...(await heldNames(it.bench.deps.db, it.bench.deps.clock.now()))]).toEqual([])
  })

  test('of a damaged archive changes nothing', async () => {
    const it = await world({
      'archive.verify': () => ({
        sha256: 'b'.repeat(64),
        sizeBytes: 1,
        members: 1,
        damage: 'cut off',
        innerSha256: null,
      }),
    })
    expect(await carriedOut(it)).toMatchObject({ status: 'error', errorCode: 'archive_corrupted' })
    expect(verbs(it.bench)).not.toContain('restore.apply')
    expect(verbs(it.bench)).not.toContain('source.produce')
  })

  test('that cannot save the present state changes nothing', async () => {
    const it = await world({ disk: () => ({ totalBytes: 100 * GIB, freeBytes: 0 }) })
    const ended = await carriedOut(it)
    expect(ended).toMatchObject({ status: 'error', errorCode: 'insufficient_storage' })
    expect(states(ended).slice(0, 3)).toEqual([
      'verify_archive done',
      'safety_archive failed',
      'extract_files waiting',
    ])
    expect(verbs(it.bench)).not.toContain('restore.apply')
  })

  const safetyWith = (warnings: Produced['warnings']): Answers => ({
    'source.produce': (args) => ({ ...produced(args), warnings, warningCount: warnings.length }),
  })

  test('whose safety archive lacks something replaces nothing, and keeps what could be saved', async () => {
    const it = await world(safetyWith([{ code: 'file_unreadable', path: '/srv/photos/x' }]))
    const ended = await carriedOut(it)
    const archive = ended.safetyArchive
    expect(ended).toMatchObject({ status: 'error', errorCode: 'safety_incomplete', errorFacts: { archive } })
    expect(states(ended)[1]).toBe('safety_archive failed')
    expect(verbs(it.bench)).not.toContain('restore.apply')
    expect(await getArchive(it.bench.deps.db, archive ?? '')).toMatchObject({ pinned: true })
  })

  test('whose safety archive was made with other warnings goes on, and says so', async () => {
    const it = await world(safetyWith([{ code: 'file_changed', path: '/srv/photos/log' }]))
    const ended = await carriedOut(it)
    const archive = ended.safetyArchive
    expect(ended).toMatchObject({
      status: 'success',
      remarks: [{ code: 'safety_warnings', facts: { archive, number: 1 } }],
    })
    expect(ended.steps[1]?.detail).toBe(`${archive} was made with warnings (1): see the log`)
    const { text } = await readRestoreLog(it.bench.deps.dataDir, ended.id, 0, 10_000)
    expect(text).toContain(`warning of ${archive}: file_changed /srv/photos/log\n`)
  })

  test('that was put back says why', async () => {
    const problem = { code: 'command_failed', facts: { command: 'tar' }, detail: 'exit 2' } as const
    const it = await world({ 'restore.apply': () => ({ status: 'rolled_back', problem, remarks: [] }) })
    expect(await carriedOut(it)).toMatchObject({
      status: 'rolled_back',
      errorCode: 'command_failed',
      errorFacts: { command: 'tar', detail: 'exit 2' },
    })
  })

  test('is looked at by another helper when the first one dies under it', async () => {
    const problem = { code: 'interrupted', facts: {}, detail: '' } as const
    const it = await world({
      'restore.apply': () => Promise.reject(new Problem('helper_unavailable', { reason: 'SIGKILL' })),
      'restore.recover': () => ({ found: true, status: 'rolled_back', problem, remarks: [] }),
    })
    expect(await carriedOut(it)).toMatchObject({ status: 'rolled_back', errorCode: 'interrupted' })
  })

  test('that is cancelled while it runs is told to stop, and ends as its helper says', async () => {
    const problem = { code: 'cancelled', facts: {}, detail: '' } as const
    let began = () => undefined as void
    const running = new Promise<void>((resolve) => (began = resolve))
    const it = await world({
      'restore.apply': async () => {
        began()
        await sleep(50)
        return { status: 'rolled_back', problem, remarks: [] }
      },
    })
    const queued = await it.restores.start(NAME, { options: {}, force: true }, 'admin')
    it.restores.open()
    void it.restores.pump()
    await running
    await it.restores.cancel(queued.id, 'admin')
    expect(await it.restores.wait(queued.id)).toMatchObject({ status: 'rolled_back', errorCode: 'cancelled' })
    await it.restores.idle()
    await expect(it.restores.cancel(queued.id, 'admin')).rejects.toMatchObject({ code: 'restore_finished' })
  })

  test('that is cancelled before anybody began it never begins', async () => {
    const it = await world()
    const queued = await it.restores.start(NAME, { options: {}, force: true }, 'admin')
    expect(await it.restores.cancel(queued.id, 'admin')).toMatchObject({ status: 'cancelled' })
    it.restores.open()
    await it.restores.idle()
    expect(verbs(it.bench)).toEqual(['restore.plan'])
  })

  test('is told in the activity log, with who asked for it', async () => {
    const it = await world()
    await carriedOut(it)
    const items = await listActivity(it.bench.deps.db, { limit: 10 })
    const told = items.map(({ action, actor }) => `${action} ${actor}`)
    expect(told).toContain('restore.start admin')
    expect(told).toContain('restore.end admin')
  })
})

describe('asking for a restore', () => {
  test('is refused without a confirmation when something would be replaced', async () => {
    const it = await world()
    const asked = it.restores.start(NAME, { options: {} }, 'admin')
    await expect(asked).rejects.toMatchObject({ code: 'confirmation_missing' })
  })

  test('is refused when the plan that was confirmed is not the plan any more', async () => {
    const it = await world()
    const seen = await it.restores.plan(NAME, { options: {} })
    const digest = planDigest({ ...seen, target: '/srv/other' })
    const asked = it.restores.start(NAME, { options: {}, digest }, 'admin')
    await expect(asked).rejects.toMatchObject({ code: 'restore_plan_changed' })
    const good = await it.restores.start(NAME, { options: {}, digest: planDigest(seen) }, 'admin')
    expect(good.status).toBe('queued')
  })

  test('is refused with the reasons of the plan', async () => {
    const refusals = [{ field: 'target_path', code: 'path_inside_data' as const }]
    const it = await world({ 'restore.plan': () => ({ ...plan, refusals }) })
    const asked = it.restores.start(NAME, { options: {}, force: true }, 'admin')
    await expect(asked).rejects.toMatchObject({ code: 'restore_refused', errors: refusals })
  })

  test('twice into one place is refused, until the first has ended', async () => {
    const it = await world()
    await it.restores.start(NAME, { options: {}, force: true }, 'admin')
    const second = it.restores.start(NAME, { options: {}, force: true }, 'admin')
    await expect(second).rejects.toMatchObject({ code: 'restore_running' })
  })

  test('plans with the archive known to be damaged are refused', async () => {
    const it = await world()
    await setState(it.bench.deps.db, NAME, { state: 'corrupted', detail: 'cut off' })
    expect((await it.restores.plan(NAME, { options: {} })).refusals).toMatchObject([
      { field: 'archive', code: 'archive_damaged' },
    ])
  })

  test('names an option of another form', async () => {
    const it = await world()
    const asked = it.restores.plan(NAME, { options: { target_path: '' } })
    await expect(asked).rejects.toMatchObject({ errors: [{ field: 'target_path' }] })
  })

  test('uses the password of the job, and one that is given now comes first; neither is stored in clear', async () => {
    const it = await world()
    const { db, vault } = it.bench.deps
    const job = await it.bench.addJob({ name: 'secret' })
    const config = sealConfig(vault, source, jobPlace(job.uid), { source_path: '/x', password: 'of-the-job' })
    await db
      .updateTable('jobs')
      .set({ config_json: JSON.stringify(config) })
      .where('id', '=', job.id)
      .execute()
    await it.bench.addArchive('jerry_secret', { backupInfo: { source_path: '/saved' }, jobId: job.id })
    await it.restores.plan('jerry_secret', { options: {} })
    await it.restores.start(
      'jerry_secret',
      { options: {}, connection: { password: 'given-now' }, force: true },
      'admin',
    )
    const asked = it.bench.calls.flatMap((call) =>
      call.verb === 'restore.plan' ? [(call.args as { settings: unknown }).settings] : [],
    )
    // What was saved is what the archive says, whatever the job saves by now.
    expect(asked).toEqual([
      { source_path: '/saved', password: 'of-the-job' },
      { source_path: '/saved', password: 'given-now' },
    ])
    const rows = JSON.stringify(await db.selectFrom('restores').selectAll().execute())
    expect(rows).not.toContain('given-now')
    expect(rows).toContain('v1:')
  })
})

describe('after a crash', () => {
  async function crashed(answers: Answers) {
    const it = await world(answers)
    const queued = await it.restores.start(NAME, { options: {}, force: true }, 'admin')
    await claimRestore(it.bench.deps.db, queued.id, it.bench.deps.clock.now())
    return { ...it, id: queued.id }
  }

  test('what was under way is put back by the next start', async () => {
    const problem = { code: 'interrupted', facts: {}, detail: '' } as const
    const it = await crashed({
      'restore.recover': () => ({ found: true, status: 'rolled_back', problem, remarks: [] }),
    })
    await it.restores.recover()
    expect(await getRestore(it.bench.deps.db, it.id)).toMatchObject({
      status: 'rolled_back',
      errorCode: 'interrupted',
    })
  })

  test('what had not changed anything is said to have changed nothing', async () => {
    const problem = { code: 'interrupted', facts: {}, detail: '' } as const
    const it = await crashed({
      'restore.recover': () => ({ found: false, status: 'rolled_back', problem, remarks: [] }),
    })
    await it.restores.recover()
    expect(await getRestore(it.bench.deps.db, it.id)).toMatchObject({
      status: 'cancelled',
      errorCode: 'interrupted',
    })
  })

  test('a helper that cannot be reached leaves it for the next start', async () => {
    const it = await crashed({ recover: () => Promise.reject(new Problem('helper_unavailable', {})) })
    await it.restores.recover()
    expect(await getRestore(it.bench.deps.db, it.id)).toMatchObject({ status: 'running' })
  })

  test('one that has waited for long is not begun behind the back of whoever asked', async () => {
    const it = await world()
    const queued = await it.restores.start(NAME, { options: {}, force: true }, 'admin')
    it.bench.setNow(it.bench.deps.clock.now() + 3_600_000)
    await it.restores.recover()
    expect(await getRestore(it.bench.deps.db, queued.id)).toMatchObject({ status: 'cancelled' })
  })
})
