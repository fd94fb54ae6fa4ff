// The contract suite: what every registered source must do, shown on real files and processes. Tests only.
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fingerprintOf } from '../archive/fingerprint.ts'
import type { ArchiveOrder, LogStream } from '../domain/helper-protocol.ts'
import { archiveNameSchema } from '../domain/helper-protocol.ts'
import { isProblem } from '../domain/problem.ts'
import { findMarked } from '../sys/process-tree.ts'
import { run, type Run } from '../sys/process.ts'
import type { Places, Source, SourceIo } from './source.ts'

/** One machine on which the source can work; made anew for each test. */
export interface SourceWorld {
  /** Settings with which `check` finds nothing and `produce` makes a small archive, as an admin would give them. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly places: Places
  /** The same machine without one of the source's tools; null when it needs none. */
  readonly withoutTool: Places | null
  /** Makes the next `produce` take its time; resolves true from `reached` once it is in the middle of writing. */
  slowDown(): Promise<{ reached(): Promise<boolean> }>
  dispose(): Promise<void>
}

/** Everything a test may want to see of an io. */
export interface WatchedIo extends SourceIo {
  readonly lines: { readonly stream: LogStream; readonly text: string }[]
  /** Processes of this io that are still running. */
  running(): number[]
}

/** An order as the engine makes them. */
export function anOrder(name: string, overrides: Partial<ArchiveOrder> = {}): ArchiveOrder {
  return {
    name,
    createdAt: Date.parse('2026-05-08T03:00:00Z'),
    timeZone: 'Europe/Paris',
    description: '',
    app: 'subject',
    instance: { id: 'f'.repeat(16), name: 'jerry', url: 'https://jerry.example.test/backup' },
    job: { uid: '0196a4c0-0000-7000-8000-000000000001', name: 'a job' },
    backupmanagerVersion: '0.1.0',
    ...overrides,
  }
}

/** An io whose processes carry a mark of their own, as the root helper's do. */
export function watchedIo(places: Places, signal = new AbortController().signal): WatchedIo {
  const operation = randomUUID()
  const marked: Run = (file, args, options = {}) =>
    run(file, args, { graceMs: 300, ...options, env: { ...options.env, BM_OPERATION: operation } })
  const lines: WatchedIo['lines'] = []
  return {
    run: marked,
    signal,
    places,
    lines,
    log: (stream, text) => void lines.push({ stream, text }),
    progress: () => undefined,
    operation,
    now: () => Date.parse('2026-05-08T03:00:00Z'),
    running: () => findMarked(operation),
  }
}

/** Everything in the archives folder, and what is left in the work folder beside it. */
export async function traces(archivesDir: string): Promise<string[]> {
  const tmp = await readdir(join(dirname(archivesDir), 'tmp')).catch(() => [])
  return [...(await readdir(archivesDir)), ...tmp.map((name) => `tmp/${name}`)].toSorted()
}

/** Registers the suite for one source. */
export function describeSource<S>(source: Source<S>, makeWorld: () => Promise<SourceWorld>): void {
  describe(`the source ${source.id}`, () => {
    let world: SourceWorld
    beforeEach(async () => {
      world = await makeWorld()
    })
    afterEach(() => world.dispose())
    const settings = (): S => source.settings.parse(world.settings)

    test('keeps its settings through JSON', () => {
      const stored: unknown = JSON.parse(JSON.stringify(settings()))
      expect(source.settings.parse(stored)).toEqual(settings())
    })

    test('refuses an unknown setting by its name', () => {
      const parsed = source.settings.safeParse({ ...world.settings, no_such_setting: 1 })
      const keys = parsed.error?.issues.flatMap((i) => (i.code === 'unrecognized_keys' ? i.keys : []))
      expect(keys).toEqual(['no_such_setting'])
    })

    test('gives the same subject each time, fit for an archive name whatever the job is called', () => {
      for (const jobName of ['nightly', 'Ma sauvegarde / d’été', '..', '\u0000\n', '日本', 'x'.repeat(60)]) {
        const subject = source.subject(settings(), jobName)
        expect(subject).toBe(source.subject(settings(), jobName))
        expect(subject).toMatch(/^[A-Za-z0-9_.-]+$/)
        expect(archiveNameSchema.safeParse(`jerry_${subject.slice(0, 30)}_20260508`).success).toBe(true)
      }
    })

    test('finds nothing wrong with good settings', async () => {
      expect(await source.check(settings(), watchedIo(world.places))).toEqual([])
    })

    test('makes an archive with its sidecar, and tells its true hash, size and fingerprint', async () => {
      const { places } = world
      const io = watchedIo(places)
      const made = await source.produce(settings(), anOrder('jerry_subject_20260508'), io)
      const path = join(places.archivesDir, made.file)
      expect(['jerry_subject_20260508.tar', 'jerry_subject_20260508.tar.gz']).toContain(made.file)
      expect(made.sizeBytes).toBe((await stat(path)).size)
      expect(made.sha256).toBe(await sha256Of(path))
      expect(made.fingerprint).toBe(await fingerprintOf(places.archivesDir, made.file))
      const sidecar = await readFile(join(places.archivesDir, 'jerry_subject_20260508.info.json'), 'utf8')
      expect(JSON.parse(sidecar)).toEqual(made.info)
      expect(made.backupInfo).toMatchObject({ type: source.id, instance_name: 'jerry', app: 'subject' })
      expect(made.targets.length).toBeGreaterThan(0)
      expect(made.warningCount).toBe(0)
      await run('tar', ['-tf', path])
      expect((await traces(places.archivesDir)).filter((name) => /^\.|^tmp\//.test(name))).toEqual([])
      expect(io.running()).toEqual([])
    })

    test('refuses a name that exists, and leaves the archive alone', async () => {
      const { places } = world
      const made = await source.produce(settings(), anOrder('twice'), watchedIo(places))
      const before = await traces(places.archivesDir)
      const again = source.produce(settings(), anOrder('twice'), watchedIo(places))
      await expect(again).rejects.toSatisfy((error) => isProblem(error, 'archive_exists'))
      expect(await traces(places.archivesDir)).toEqual(before)
      expect(await fingerprintOf(places.archivesDir, made.file)).toBe(made.fingerprint)
    })

    test('leaves nothing behind when it is cancelled in the middle', async () => {
      const { places } = world
      const before = await traces(places.archivesDir)
      const stop = new AbortController()
      const io = watchedIo(places, stop.signal)
      const slow = await world.slowDown()
      const work = source.produce(settings(), anOrder('cancelled'), io)
      work.catch(() => undefined)
      await Promise.race([until(() => slow.reached()), work])
      stop.abort()
      await expect(work).rejects.toSatisfy((error) => isProblem(error, 'cancelled'))
      expect(await traces(places.archivesDir)).toEqual(before)
      expect(io.running()).toEqual([])
    })

    test('does nothing at all when it was cancelled before', async () => {
      const { places } = world
      const before = await traces(places.archivesDir)
      const work = source.produce(settings(), anOrder('never'), watchedIo(places, AbortSignal.abort()))
      await expect(work).rejects.toSatisfy((error) => isProblem(error, 'cancelled'))
      expect(await traces(places.archivesDir)).toEqual(before)
    })

    test('says which tool is missing', async () => {
      const places = world.withoutTool
      expect(places === null).toBe(source.tools.length === 0)
      if (places === null) return
      const before = await traces(places.archivesDir)
      const work = source.produce(settings(), anOrder('toolless'), watchedIo(places))
      await expect(work).rejects.toSatisfy((error) => isProblem(error, 'tool_missing'))
      expect(await traces(places.archivesDir)).toEqual(before)
    })
  })
}

/** Resolves when the condition holds; the runner's own time limit is the limit. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
