// Putting in place, with the real thing of the root helper: whose an archive is from its first moment on.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Answers } from '../../../test/support/engine.ts'
import { readArchives } from '../../archive/read.ts'
import { publishUpload } from '../../archive/receive.ts'
import { scanArchives } from '../../archive/scan.ts'
import { Problem } from '../../domain/problem.ts'
import { getArchive } from '../../store/archives.ts'
import { getReceived } from '../../store/received.ts'
import { getUpload, setFound } from '../../store/uploads.ts'
import { rescan } from '../catalogue.ts'
import { previewRetention } from '../prune.ts'
import { archiveName, goodInfo, receiveWorld, sha256, type ReceiveWorld } from './receive-world.ts'

const signal = new AbortController().signal

interface Gates {
  /** Before the helper says where uploads go. */
  place?: () => Promise<void>
  /** Before and after the archive is in its place. */
  before?: () => Promise<void>
  after?: () => Promise<void>
}

async function realWorld(gates: Gates): Promise<ReceiveWorld> {
  const answers: Answers = {
    'receive.place': async () => {
      await gates.place?.()
      return { folder: null }
    },
    'receive.publish': async (args) => {
      await gates.before?.()
      const { archivesDir, dataDir } = world.bench.deps
      const now = () => world.bench.deps.clock.now()
      const done = await publishUpload(args, {
        signal,
        progress: () => undefined,
        now,
        places: { archivesDir, dataDir },
      })
      await gates.after?.()
      return done
    },
    'catalogue.scan': () => scanArchives(world.bench.deps.archivesDir),
    'catalogue.read': async ({ names }) => ({
      archives: await readArchives(world.bench.deps.archivesDir, names),
    }),
  }
  const world = await receiveWorld({ sizeBytes: 1000, answers })
  mkdirSync(world.bench.deps.archivesDir, { recursive: true })
  return world
}

function tarOf(world: ReceiveWorld, text: string): Buffer {
  const folder = join(world.bench.deps.dataDir, 'content')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'file'), text)
  return execFileSync('tar', ['-C', folder, '-cf', '-', 'file'])
}

function described(uid: string, day: string): Record<string, unknown> {
  return {
    type: 'custom_dir',
    app: 'photos',
    instance_name: 'jerry',
    instance_id: 'our-id',
    created_at: `${day}T03:00:00Z`,
    job: { uid, name: 'photos' },
  }
}

/** An upload that says to be of our job, sent and not finished. */
async function sent(world: ReceiveWorld, uid: string) {
  const bytes = tarOf(world, 'theirs')
  const said = {
    total_size: bytes.length,
    checksum: sha256(bytes),
    backup_info: described(uid, '2026-05-08'),
  }
  const id = await world.open(said)
  await world.send(id, 0, { bytes })
  return { id, said, bytes }
}

function gate(): { readonly reached: Promise<void>; open(): void; pass(): Promise<void> } {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  return {
    reached: reached.promise,
    open: () => opened.resolve(),
    pass() {
      reached.resolve()
      return opened.promise
    },
  }
}

describe('what somebody sends never counts as of our job, though it says so,', () => {
  /** Two archives of a job that keeps two: a third one would push one of them out. */
  async function withJob(gates: Gates) {
    const world = await realWorld(gates)
    const { deps } = world.bench
    const job = await world.bench.addJob({ retention: { mode: 'count', count: 2 } })
    for (const day of ['2026-05-06', '2026-05-07']) {
      const path = join(deps.archivesDir, `jerry_photos_${day.replaceAll('-', '')}`)
      writeFileSync(`${path}.tar`, tarOf(world, day))
      writeFileSync(`${path}.info.json`, JSON.stringify(goodInfo))
      writeFileSync(`${path}.backup_info.json`, JSON.stringify(described(job.uid, day)))
    }
    await rescan(deps)
    const nothingGoes = async () => {
      await rescan(deps)
      const kept = await deps.db
        .selectFrom('archives')
        .select('name')
        .where('job_id', 'is not', null)
        .execute()
      expect(kept).toHaveLength(2)
      expect((await previewRetention(deps, job)).plan.remove).toEqual([])
    }
    return { world, deps, job, nothingGoes }
  }

  test('when another upload of its name begins while it is put in place', async () => {
    const gates: Gates = {}
    const { world, deps, job, nothingGoes } = await withJob(gates)
    const { id, said } = await sent(world, job.uid)
    const place = gate()
    const published = gate()
    gates.place = () => place.pass()
    gates.after = () => published.pass()
    const second = world.start({ ...said, checksum: 'f'.repeat(64) }).catch((error: unknown) => error)
    await place.reached
    const finish = world.uploads.finish(world.caller, id, null)
    await published.reached
    place.open()
    expect(await second).toMatchObject({ code: 'archive_in_use' })
    published.open()
    expect(await finish).toMatchObject({ sha256: said.checksum })
    expect(await getReceived(deps.db, archiveName)).toMatchObject({ owner: world.caller.owner })
    await nothingGoes()
  })

  test('when a scan finds it before it is entered', async () => {
    const gates: Gates = {}
    const { world, deps, job, nothingGoes } = await withJob(gates)
    const { id } = await sent(world, job.uid)
    gates.after = () => rescan(deps).then(() => undefined)
    await world.uploads.finish(world.caller, id, null)
    expect(await getArchive(deps.db, archiveName)).toMatchObject({ origin: 'received', jobId: null })
    await nothingGoes()
  })

  test.each([
    ['helper_unavailable', new Problem('helper_unavailable')],
    ['no word', new Error('connection reset')],
  ])('when all ends in between (%s), and it is entered by the next start', async (_, end) => {
    const gates: Gates = {}
    const { world, deps, job, nothingGoes } = await withJob(gates)
    const { id, said } = await sent(world, job.uid)
    gates.after = () => Promise.reject(end)
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toBe(end)
    expect(existsSync(join(deps.archivesDir, `${archiveName}.tar`))).toBe(true)
    await nothingGoes()
    expect(await getArchive(deps.db, archiveName)).toMatchObject({ origin: 'received', sha256: null })
    delete gates.after
    await world.restart()
    expect(await getUpload(deps.db, id)).toMatchObject({ status: 'complete' })
    expect(await getArchive(deps.db, archiveName)).toMatchObject({ sha256: said.checksum, state: 'ok' })
    await nothingGoes()
  })

  test('when its sender gives it up after it was put in place', async () => {
    const gates: Gates = {}
    const { world, job, deps, nothingGoes } = await withJob(gates)
    const { id } = await sent(world, job.uid)
    gates.after = () => Promise.reject(new Problem('helper_unavailable'))
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({
      code: 'helper_unavailable',
    })
    await world.uploads.remove(world.caller, id)
    await world.uploads.sweep(signal)
    await nothingGoes()
    expect(await getReceived(deps.db, archiveName)).toMatchObject({ owner: world.caller.owner })
  })
})

test('an archive of ours that came back meanwhile stays ours when its holder sends it, too', async () => {
  const gates: Gates = {}
  const world = await realWorld(gates)
  const { deps } = world.bench
  const job = await world.bench.addJob()
  const { id, bytes } = await sent(world, job.uid)
  const path = join(deps.archivesDir, archiveName)
  writeFileSync(`${path}.tar`, bytes)
  writeFileSync(`${path}.info.json`, JSON.stringify(goodInfo))
  await world.bench.addArchive(archiveName, { sha256: sha256(bytes), jobId: job.id, jobUid: job.uid })
  await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({ code: 'archive_exists' })
  expect(await getArchive(deps.db, archiveName)).toMatchObject({ origin: 'local', jobId: job.id })
  expect(await getReceived(deps.db, archiveName)).toBeNull()
})

test('what could not be put in place is on record for nobody', async () => {
  const world = await realWorld({ before: () => Promise.reject(new Problem('disk_full')) })
  const { id } = await sent(world, 'x')
  await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({ code: 'disk_full' })
  expect(await getReceived(world.bench.deps.db, archiveName)).toBeNull()
  expect(await getUpload(world.bench.deps.db, id)).toMatchObject({ status: 'in_progress', sha256: null })
})

test('a sender that asks again while the start goes on with its upload gets one archive, put in place once', async () => {
  let now = 0
  let most = 0
  const world = await realWorld({
    async before() {
      now += 1
      most = Math.max(most, now)
      await new Promise((go) => setTimeout(go, 5))
    },
    async after() {
      await new Promise((go) => setTimeout(go, 5))
      now -= 1
    },
  })
  const { deps } = world.bench
  const { id, said } = await sent(world, 'x')
  await setFound(deps.db, id, said.checksum)
  await Promise.all([
    world.uploads.recover(),
    world.uploads.finish(world.caller, id, null),
    world.uploads.recover(),
  ])
  expect(most).toBe(1)
  expect(readdirSync(deps.archivesDir).filter((file) => file.endsWith('.tar'))).toEqual([
    `${archiveName}.tar`,
  ])
  expect(readdirSync(join(deps.dataDir, 'uploads'))).toEqual([])
  expect(await getUpload(deps.db, id)).toMatchObject({ status: 'complete' })
})

describe('while the disk with the partial files is away', () => {
  test.each([
    ['finish', 5, (world: ReceiveWorld, id: string) => world.uploads.finish(world.caller, id, null)],
    ['start', 4, (world: ReceiveWorld) => world.start()],
    ['a chunk', 4, (world: ReceiveWorld, id: string) => world.send(id, 4)],
  ])('%s says so, and everything that was received is there when it is back', async (_, chunks, ask) => {
    const world = await receiveWorld()
    const id = await world.open()
    const uploads = join(world.bench.deps.dataDir, 'uploads')
    for (let n = 0; n < chunks; n += 1) await world.send(id, n)
    renameSync(uploads, `${uploads}.away`)
    await expect(ask(world, id)).rejects.toMatchObject({ code: 'archives_dir_missing' })
    renameSync(`${uploads}.away`, uploads)
    for (let n = chunks; n < 5; n += 1) await world.send(id, n)
    expect(await world.uploads.finish(world.caller, id, null)).toMatchObject({ sha256: world.digest })
  })
})
