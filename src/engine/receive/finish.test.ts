import { existsSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { invalid, Problem } from '../../domain/problem.ts'
import { listActivity } from '../../store/activity.ts'
import { getArchive } from '../../store/archives.ts'
import { getReceived } from '../../store/received.ts'
import { archiveName, chunkBytes, peerCaller, receiveWorld, type ReceiveWorld } from './receive-world.ts'

const received = (world: ReceiveWorld) => ({
  name: archiveName,
  sizeBytes: world.file.length,
  sha256: world.digest,
})
const parts = (world: ReceiveWorld) => readdirSync(join(world.bench.deps.dataDir, 'uploads'))
const published = (world: ReceiveWorld) => join(world.bench.deps.archivesDir, `${archiveName}.tar`)

describe('finishing', () => {
  test('makes it an archive with its sidecar: of its sender, proven, of no job here', async () => {
    const world = await receiveWorld()
    const job = await world.bench.addJob()
    const backupInfo = {
      type: 'custom_dir',
      app: 'photos',
      instance_name: 'tom',
      instance_id: 'our-id',
      job: { uid: job.uid },
    }
    const id = await world.open({ backup_info: backupInfo })
    await world.sendAll(id)
    expect(await world.uploads.finish(world.caller, id, null)).toEqual(received(world))
    expect(readFileSync(published(world)).equals(world.file)).toBe(true)
    expect(parts(world)).toEqual([])
    expect(await getArchive(world.bench.deps.db, archiveName)).toMatchObject({
      state: 'ok',
      origin: 'received',
      sha256: world.digest,
      type: 'custom_dir',
      app: 'photos',
      instanceName: 'tom',
      jobId: null,
      verifiedAt: world.bench.deps.clock.now(),
    })
    expect(await getReceived(world.bench.deps.db, archiveName)).toMatchObject({
      owner: world.caller.owner,
      ownerName: 'tom',
      holdUntil: 0,
    })
    expect(await listActivity(world.bench.deps.db, { limit: 1 })).toMatchObject([
      { action: 'archive.received', subject: archiveName, actor: 'peer:tom' },
    ])
  })

  test('answers the same when it is asked twice, at once, and after a restart', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.sendAll(id)
    const both = await Promise.all([
      world.uploads.finish(world.caller, id, world.digest),
      world.uploads.finish(world.caller, id, null),
    ])
    expect(both).toEqual([received(world), received(world)])
    await world.restart()
    expect(await world.uploads.finish(world.caller, id, world.digest)).toEqual(received(world))
    expect(world.bench.calls.filter((call) => call.verb === 'receive.publish')).toHaveLength(1)
    expect(await listActivity(world.bench.deps.db, { limit: 10 })).toHaveLength(1)
  })

  test('a chunk that comes late, after it, is harmless', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.sendAll(id)
    await world.uploads.finish(world.caller, id, null)
    expect(await world.send(id, 2)).toMatchObject({ received: 2, chunksReceived: 5 })
    expect(readFileSync(published(world)).equals(world.file)).toBe(true)
  })

  test('names the chunks that are missing, as runs', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 2)
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({
      code: 'upload_incomplete',
      missing: [
        [0, 1],
        [3, 4],
      ],
    })
    expect(await world.uploads.status(world.caller, id)).toMatchObject({ received: [[2, 2]] })
  })

  test('needs the checksum at the start or now', async () => {
    const world = await receiveWorld()
    const id = await world.open({ checksum: undefined })
    await world.sendAll(id)
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({
      code: 'validation_failed',
      errors: [{ field: 'checksum', code: 'required' }],
    })
    expect(await world.uploads.finish(world.caller, id, world.digest)).toEqual(received(world))
  })

  test.each([
    ['at the start', 'b'.repeat(64), null],
    ['now', undefined, 'b'.repeat(64)],
  ])('voids what is not what its sender said %s, and says so again', async (_, first, last) => {
    const world = await receiveWorld()
    const id = await world.open({ checksum: first })
    await world.sendAll(id)
    const mismatch = {
      code: 'upload_checksum_mismatch',
      facts: { expected: 'b'.repeat(64), found: world.digest },
    }
    await expect(world.uploads.finish(world.caller, id, last)).rejects.toMatchObject(mismatch)
    expect(parts(world)).toEqual([])
    expect(existsSync(published(world))).toBe(false)
    await expect(world.uploads.finish(world.caller, id, last)).rejects.toMatchObject(mismatch)
    await world.restart()
    await expect(world.uploads.finish(world.caller, id, last)).rejects.toMatchObject(mismatch)
    expect(await world.start({ checksum: first })).toMatchObject({ kind: 'new' })
  })

  test('takes no other checksum at the end than the one at the start', async () => {
    const world = await receiveWorld()
    const id = await world.open({ checksum: 'b'.repeat(64) })
    await world.sendAll(id)
    await expect(world.uploads.finish(world.caller, id, world.digest)).rejects.toMatchObject({
      code: 'upload_checksum_mismatch',
    })
    expect(existsSync(published(world))).toBe(false)
  })

  test('throws away what arrived well and is no archive', async () => {
    const world = await receiveWorld({
      answers: {
        'receive.publish': () => {
          throw invalid({ field: 'file', code: 'not_an_archive' })
        },
      },
    })
    const id = await world.open()
    await world.sendAll(id)
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({
      code: 'validation_failed',
    })
    expect(parts(world)).toEqual([])
    expect(await world.uploads.status(world.caller, id)).toMatchObject({ upload: { status: 'error' } })
  })

  test('a checksum that is wrong afterwards is refused, and the archive stays', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.sendAll(id)
    await world.uploads.finish(world.caller, id, null)
    await expect(world.uploads.finish(world.caller, id, 'b'.repeat(64))).rejects.toMatchObject({
      code: 'upload_checksum_mismatch',
    })
    expect(await world.uploads.finish(world.caller, id, null)).toEqual(received(world))
  })

  test('keeps the upload when another archive got the name meanwhile', async () => {
    let taken = true
    const world = await receiveWorld({
      answers: {
        'receive.publish': ({ name, file, sizeBytes }) => {
          if (taken) throw new Problem('archive_exists', { name })
          return { file, sizeBytes, fingerprint: '1' }
        },
      },
    })
    const id = await world.open()
    await world.sendAll(id)
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({
      code: 'archive_exists',
    })
    expect(await world.uploads.status(world.caller, id)).toMatchObject({ received: [[0, 4]] })
    taken = false
    expect(await world.uploads.finish(world.caller, id, null)).toEqual(received(world))
  })

  test('sets the hold time of the peer that sent it', async () => {
    const world = await receiveWorld()
    const mia = await peerCaller(world.bench, 'mia', { holdDays: 30 })
    const started = await world.start({ filename: 'mia_photos_20260508.tar' }, mia)
    if (started.kind === 'present') throw new Error(started.kind)
    for (let n = 0; n < 5; n += 1) await world.send(started.upload.id, n, { caller: mia })
    await world.uploads.finish(mia, started.upload.id, null)
    expect(await getReceived(world.bench.deps.db, 'mia_photos_20260508')).toMatchObject({
      holdUntil: world.bench.deps.clock.now() + 30 * 86_400_000,
    })
  })

  test('does not believe rows when the file is shorter', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.sendAll(id)
    truncateSync(join(world.bench.deps.dataDir, 'uploads', `${id}.part`), 100)
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({
      code: 'upload_not_found',
    })
    expect(await world.start()).toMatchObject({ kind: 'new', received: [] })
  })
})

describe('the whole file', () => {
  test('is hashed on its way in when its chunks come in order', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.sendAll(id)
    await world.uploads.finish(world.caller, id, null)
    expect(world.uploads.hashed).toEqual({ passing: world.file.length, readBack: 0 })
  })

  test('is read back only where they came out of order, and no byte is counted twice', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    for (const n of [1, 0, 4, 2, 3]) await world.send(id, n)
    expect(await world.uploads.finish(world.caller, id, null)).toEqual(received(world))
    const { passing, readBack } = world.uploads.hashed
    expect(passing + readBack).toBe(world.file.length)
    expect(passing).toBeGreaterThanOrEqual(chunkBytes)
  })

  test('is not spoilt by a chunk that failed half way', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 0)
    await expect(world.send(id, 1, { digest: 'b'.repeat(64) })).rejects.toMatchObject({
      code: 'chunk_digest_mismatch',
    })
    for (const n of [1, 2, 3, 4]) await world.send(id, n)
    expect(await world.uploads.finish(world.caller, id, null)).toEqual(received(world))
    expect(world.uploads.hashed.readBack).toBe(0)
  })
})

describe('giving up', () => {
  test('removes the file, ends who is sending, and can be asked again', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 0)
    const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) }
    const sending = world.send(id, 1, { body: never })
    const ended = Promise.allSettled([sending])
    await new Promise((resolve) => setTimeout(resolve, 20))
    await world.uploads.remove(world.caller, id)
    expect(await ended).toMatchObject([{ status: 'rejected', reason: { code: 'cancelled' } }])
    expect(parts(world)).toEqual([])
    await world.uploads.remove(world.caller, id)
    await expect(world.uploads.status(world.caller, id)).rejects.toMatchObject({ code: 'upload_not_found' })
  })

  test('of another owner’s upload does nothing', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.uploads.remove(await peerCaller(world.bench, 'mia'), id)
    expect(await world.send(id, 0)).toMatchObject({ chunksReceived: 1 })
  })

  test('of a finished one leaves the archive and its answer', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.sendAll(id)
    await world.uploads.finish(world.caller, id, null)
    await world.uploads.remove(world.caller, id)
    expect(await world.uploads.finish(world.caller, id, null)).toEqual(received(world))
    rmSync(published(world))
  })
})

test('what is over keeps no descriptions, and is remembered a hundred times at most', async () => {
  const world = await receiveWorld({ sizeBytes: 600 })
  const { db } = world.bench.deps
  const told = { backup_info: { big: 'x'.repeat(100_000) } }
  const done = await world.open(told)
  await world.sendAll(done)
  await world.uploads.finish(world.caller, done, null)
  for (let n = 0; n < 103; n += 1) {
    world.bench.setNow(world.bench.deps.clock.now() + 1000)
    const id = await world.open({ filename: 'tom_other_20260508.tar', checksum: undefined, ...told })
    await world.sendAll(id)
    await expect(world.uploads.finish(world.caller, id, 'f'.repeat(64))).rejects.toMatchObject({
      code: 'upload_checksum_mismatch',
    })
    if (n === 0) expect(await world.uploads.finish(world.caller, done, null)).toEqual(received(world))
  }
  const rows = await db.selectFrom('uploads').select(['info_json', 'backup_info_json']).execute()
  expect(rows.length).toBeLessThanOrEqual(101)
  expect(new Set(rows.map((row) => `${row.info_json} ${row.backup_info_json}`))).toEqual(new Set(['{} null']))
})
