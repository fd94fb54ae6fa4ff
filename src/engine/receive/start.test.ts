import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { recordReceived } from '../../store/received.ts'
import { getUpload } from '../../store/uploads.ts'
import {
  archiveName,
  chunkBytes,
  goodInfo,
  peerCaller,
  receiveWorld,
  type ReceiveWorld,
} from './receive-world.ts'

function parts(world: ReceiveWorld): string[] {
  const folder = join(world.bench.deps.dataDir, 'uploads')
  return existsSync(folder) ? readdirSync(folder) : []
}

describe('a start', () => {
  test('makes a private file of the full size that takes no room, and a row, before it answers', async () => {
    const world = await receiveWorld()
    const started = await world.start()
    if (started.kind !== 'new') throw new Error(started.kind)
    expect(started.upload).toMatchObject({ totalChunks: 5, chunkSize: chunkBytes, status: 'pending' })
    expect(started.received).toEqual([])
    const part = statSync(join(world.bench.deps.dataDir, 'uploads', `${started.upload.id}.part`))
    expect(part.size).toBe(world.file.length)
    expect(part.blocks).toBe(0)
    expect(part.mode & 0o777).toBe(0o600)
    expect(await getUpload(world.bench.deps.db, started.upload.id)).toMatchObject({
      owner: world.caller.owner,
    })
  })

  test('lowers the chunk size to 50 MiB', async () => {
    const world = await receiveWorld()
    const started = await world.start({ chunk_size: 2 ** 40 })
    expect(started).toMatchObject({ kind: 'new', upload: { chunkSize: 52_428_800, totalChunks: 1 } })
  })

  test('of the same file again gives the open upload back with what was received', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 1)
    await world.send(id, 2)
    expect(await world.start()).toMatchObject({ kind: 'open', upload: { id }, received: [[1, 2]] })
  })

  test('of the same file twice at once opens one upload', async () => {
    const world = await receiveWorld()
    const both = await Promise.all([world.start(), world.start(), world.start()])
    const ids = new Set(both.map((one) => (one.kind === 'present' ? '' : one.upload.id)))
    expect(ids.size).toBe(1)
    expect(parts(world)).toHaveLength(1)
  })

  test('counts two absent checksums as the same', async () => {
    const world = await receiveWorld()
    const id = await world.open({ checksum: undefined })
    expect(await world.start({ checksum: undefined })).toMatchObject({ kind: 'open', upload: { id } })
  })

  test('with another checksum takes the place of the open upload of that name', async () => {
    const world = await receiveWorld()
    const old = await world.open()
    await world.send(old, 0)
    const id = await world.open({ checksum: 'b'.repeat(64) })
    expect(id).not.toBe(old)
    expect(parts(world)).toEqual([`${id}.part`])
    await expect(world.send(old, 1)).rejects.toMatchObject({ code: 'upload_not_found' })
  })

  test('takes the place of what a stranger began under a name of its own, before it was known', async () => {
    const world = await receiveWorld()
    const evil = await peerCaller(world.bench, 'evil')
    const filename = 'zoe_photos_20260509.tar'
    const theirs = await world.start({ filename, total_size: 1, checksum: 'f'.repeat(64) }, evil)
    const zoe = await peerCaller(world.bench, 'zoe')
    expect(await world.start({ filename }, zoe)).toMatchObject({ kind: 'new', upload: { owner: zoe.owner } })
    expect(parts(world)).toHaveLength(1)
    if (theirs.kind === 'present') throw new Error(theirs.kind)
    expect(await getUpload(world.bench.deps.db, theirs.upload.id)).toBeNull()
  })

  test('begins anew when the file of the open upload is gone', async () => {
    const world = await receiveWorld()
    const old = await world.open()
    await world.send(old, 0)
    const { rmSync } = await import('node:fs')
    rmSync(join(world.bench.deps.dataDir, 'uploads', `${old}.part`))
    expect(await world.start()).toMatchObject({ kind: 'new', received: [] })
  })

  test('is told when the same archive is here already, and it is its own', async () => {
    const world = await receiveWorld()
    await world.bench.addArchive(archiveName, { sha256: world.digest, sizeBytes: world.file.length })
    // A copy that it could not fetch would be none.
    await expect(world.start()).rejects.toMatchObject({ code: 'archive_exists' })
    await recordReceived(world.bench.deps.db, {
      name: archiveName,
      owner: world.caller.owner,
      ownerName: 'tom',
      sizeBytes: world.file.length,
      sha256: world.digest,
      receivedAt: 1,
      holdUntil: 0,
    })
    const anna = await peerCaller(world.bench, 'anna')
    await expect(world.start({}, anna)).rejects.toMatchObject({ code: 'archive_exists' })
    const all = { ...anna, scopes: ['admin'] } as const
    expect(await world.start({}, all)).toMatchObject({ kind: 'present' })
    expect(await world.start()).toEqual({
      kind: 'present',
      name: archiveName,
      sizeBytes: world.file.length,
      sha256: world.digest,
    })
    expect(parts(world)).toEqual([])
  })

  test('may send an archive again whose file is missing here, but no other one under its name', async () => {
    const world = await receiveWorld()
    await world.bench.addArchive(archiveName, { sha256: world.digest, sizeBytes: world.file.length })
    await world.bench.deps.db.updateTable('archives').set({ missing_at: 1 }).execute()
    await expect(world.start({ checksum: 'b'.repeat(64) })).rejects.toMatchObject({ code: 'archive_exists' })
    expect(await world.start()).toMatchObject({ kind: 'new' })
  })
})

describe('a start is refused, and nothing is made,', () => {
  test.each([
    ['for a name with a slash', { filename: '../x.tar' }, 'name_invalid'],
    ['for a name with a NUL', { filename: 'x\0.tar' }, 'name_invalid'],
    ['for more than 100,000 chunks', { total_size: 65_536 * 100_000 + 1 }, 'validation_failed'],
    ['for a petabyte', { total_size: 2 ** 50, chunk_size: 52_428_800 }, 'validation_failed'],
    ['for a sidecar that YunoHost could not use', { info: { created_at: 'yesterday' } }, 'validation_failed'],
    [
      'for descriptions that are too long to pass on',
      { info: { ...goodInfo, description: 'é'.repeat(500_000) } },
      'body_too_large',
    ],
    [
      'when it needs more room than there is',
      { total_size: 4 * 10 ** 12, chunk_size: 52_428_800 },
      'insufficient_storage',
    ],
  ])('%s', async (_, change, code) => {
    const world = await receiveWorld()
    await expect(world.start(change)).rejects.toMatchObject({ code })
    expect(parts(world)).toEqual([])
    expect(await world.bench.deps.db.selectFrom('uploads').selectAll().execute()).toEqual([])
  })

  test('when another archive has the name, also when nobody says what is in the new one', async () => {
    const world = await receiveWorld()
    await world.bench.addArchive(archiveName, { sizeBytes: world.file.length })
    await expect(world.start()).rejects.toMatchObject({ code: 'archive_exists' })
    await expect(world.start({ checksum: undefined })).rejects.toMatchObject({ code: 'archive_exists' })
  })

  test('when the archive of that name is damaged: an admin has to look', async () => {
    const world = await receiveWorld()
    await world.bench.addArchive(archiveName, {
      sha256: world.digest,
      sizeBytes: world.file.length,
      state: 'corrupted',
    })
    await expect(world.start()).rejects.toMatchObject({ code: 'archive_exists' })
  })

  test('when somebody else is sending an archive of that name', async () => {
    const world = await receiveWorld()
    const change = { filename: 'zoe_photos_20260508.tar' }
    await world.open(change)
    const other = await peerCaller(world.bench, 'mia')
    await expect(world.start(change, other)).rejects.toMatchObject({ code: 'archive_exists' })
  })

  test('when the name is one of another peer that is known here', async () => {
    const world = await receiveWorld()
    const mia = await peerCaller(world.bench, 'mia')
    for (const filename of [`${archiveName}.tar`, 'TOM_x.tar.gz']) {
      await expect(world.start({ filename }, mia)).rejects.toMatchObject({
        code: 'validation_failed',
        errors: [{ field: 'filename', code: 'name_of_another' }],
      })
    }
    // But for what is on record here, and missing: whoever has it may bring it back.
    await world.bench.addArchive(archiveName, { sha256: world.digest, sizeBytes: world.file.length })
    await world.bench.deps.db.updateTable('archives').set({ missing_at: 1 }).execute()
    expect(await world.start({}, mia)).toMatchObject({ kind: 'new' })
  })

  test('when it would be more than the peer may leave here, open uploads included', async () => {
    const world = await receiveWorld()
    const mia = await peerCaller(world.bench, 'mia', { quotaBytes: world.file.length * 2 - 1 })
    await world.start({ filename: 'mia_one_20260508.tar' }, mia)
    await expect(world.start({ filename: 'mia_two_20260508.tar' }, mia)).rejects.toMatchObject({
      code: 'quota_exceeded',
    })
    // Another one in its place needs no more room than it had.
    expect(
      await world.start({ filename: 'mia_one_20260508.tar', checksum: 'c'.repeat(64) }, mia),
    ).toMatchObject({ kind: 'new' })
  })

  test('when the peer has as many archives here as it may', async () => {
    const world = await receiveWorld()
    const mia = await peerCaller(world.bench, 'mia', { quotaCount: 1 })
    await world.start({ filename: 'mia_one_20260508.tar' }, mia)
    await expect(world.start({ filename: 'mia_two_20260508.tar' }, mia)).rejects.toMatchObject({
      code: 'quota_exceeded',
      facts: { used: '1', quota: '1 archive' },
    })
  })

  test('when uploads that are open will need the room', async () => {
    const world = await receiveWorld({
      sizeBytes: 1000,
      answers: { disk: () => ({ totalBytes: 3 * 10 ** 9, freeBytes: 12 * 10 ** 8 }) },
    })
    await world.start({ filename: 'a_b_20260508.tar', total_size: 9 * 10 ** 8, chunk_size: 2 ** 20 })
    await expect(
      world.start({ filename: 'a_c_20260508.tar', total_size: 2 * 10 ** 8, chunk_size: 2 ** 20 }),
    ).rejects.toMatchObject({ code: 'insufficient_storage' })
  })

  test('when somebody opens uploads without end', async () => {
    const world = await receiveWorld()
    for (let n = 0; n < 100; n += 1) await world.start({ filename: `a_${n}_20260508.tar` })
    await expect(world.start()).rejects.toMatchObject({ code: 'quota_exceeded' })
  })
})
