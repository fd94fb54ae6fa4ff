import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Problem } from '../../domain/problem.ts'
import { listActivity } from '../../store/activity.ts'
import { getArchive } from '../../store/archives.ts'
import { getReceived } from '../../store/received.ts'
import { archiveName, receiveWorld, type ReceiveWorld } from './receive-world.ts'

const day = 86_400_000
const folder = (world: ReceiveWorld) => join(world.bench.deps.dataDir, 'uploads')
const signal = new AbortController().signal

describe('after a restart', () => {
  test('an upload goes on with the chunks that were recorded, read again for the whole hash', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 0)
    await world.send(id, 3)
    await world.restart()
    expect(await world.start()).toMatchObject({
      kind: 'open',
      upload: { id },
      received: [
        [0, 0],
        [3, 3],
      ],
    })
    for (const n of [1, 2, 4]) await world.send(id, n)
    expect(await world.uploads.finish(world.caller, id, null)).toMatchObject({ sha256: world.digest })
  })

  test.each([
    ['gone', (part: string) => rmSync(part)],
    ['shorter', (part: string) => truncateSync(part, 70_000)],
    ['longer', (part: string) => truncateSync(part, 1_000_000)],
  ])('an upload whose file is %s is void, whatever the rows say', async (_, harm) => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.sendAll(id)
    harm(join(folder(world), `${id}.part`))
    await world.restart()
    expect(readdirSync(folder(world))).toEqual([])
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({
      code: 'upload_not_found',
    })
    expect(await world.start()).toMatchObject({ kind: 'new', received: [] })
  })

  test('nothing is given up while the disk with the partial files is away', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 0)
    renameSync(folder(world), `${folder(world)}.away`)
    await world.restart()
    rmSync(folder(world), { recursive: true, force: true })
    renameSync(`${folder(world)}.away`, folder(world))
    expect(await world.start()).toMatchObject({ kind: 'open', upload: { id }, received: [[0, 0]] })
  })

  test('files of no upload are removed, other files are not touched', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    const stray = '00000000-0000-4000-8000-000000000000.part'
    for (const file of [stray, 'notes.txt', 'x.part']) writeFileSync(join(folder(world), file), 'x')
    await world.restart()
    expect(readdirSync(folder(world)).toSorted()).toEqual([`${id}.part`, 'notes.txt', 'x.part'].toSorted())
  })

  test('files in the place that the helper gives are looked at, too', async () => {
    let beside = ''
    const world = await receiveWorld({ answers: { 'receive.place': () => ({ folder: beside }) } })
    beside = join(world.bench.deps.dataDir, 'beside')
    mkdirSync(beside)
    const id = await world.open()
    expect(readdirSync(beside)).toEqual([`${id}.part`])
    writeFileSync(join(beside, '00000000-0000-4000-8000-000000000000.part'), 'x')
    await world.restart()
    expect(readdirSync(beside)).toEqual([`${id}.part`])
  })

  test('a peer that was removed leaves no partial files', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 0)
    await world.bench.deps.db.deleteFrom('remote_instances').execute()
    await expect(world.send(id, 1)).rejects.toMatchObject({ code: 'upload_not_found' })
    await world.uploads.sweep(signal)
    expect(readdirSync(folder(world))).toEqual([])
  })

  test('an archive that was put in place, but not recorded, is recorded once', async () => {
    let dies = true
    const world = await receiveWorld({
      answers: {
        'receive.publish': ({ part, file, sizeBytes }) => {
          if (existsSync(part)) renameSync(part, join(world.bench.deps.dataDir, file))
          if (dies) throw new Problem('helper_unavailable')
          return { file, sizeBytes, fingerprint: '1' }
        },
      },
    })
    const id = await world.open()
    await world.sendAll(id)
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({
      code: 'helper_unavailable',
    })
    expect(await getArchive(world.bench.deps.db, archiveName)).toBeNull()
    // The sender may come back before it is settled, and is told that everything is there.
    expect(await world.start()).toMatchObject({ kind: 'open', upload: { id }, received: [[0, 4]] })
    dies = false
    await world.restart()
    expect(await getArchive(world.bench.deps.db, archiveName)).toMatchObject({ sha256: world.digest })
    expect(await getReceived(world.bench.deps.db, archiveName)).toMatchObject({ owner: world.caller.owner })
    expect(await world.uploads.finish(world.caller, id, null)).toMatchObject({ sha256: world.digest })
    expect(await listActivity(world.bench.deps.db, { limit: 10 })).toHaveLength(1)
  })

  test('what cannot be settled now keeps nothing else from starting, and can be finished later', async () => {
    let dies = true
    const world = await receiveWorld({
      answers: {
        'receive.publish': ({ file, sizeBytes }) => {
          if (dies) throw new Problem('helper_unavailable')
          return { file, sizeBytes, fingerprint: '1' }
        },
      },
    })
    const id = await world.open()
    await world.sendAll(id)
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({
      code: 'helper_unavailable',
    })
    await world.restart()
    dies = false
    expect(await world.uploads.finish(world.caller, id, null)).toMatchObject({ sha256: world.digest })
  })
})

describe('the hourly look', () => {
  test('removes uploads that nobody went on with for 7 days, and no younger ones', async () => {
    const world = await receiveWorld()
    const old = await world.open({ filename: 'tom_old_20260508.tar' })
    await world.send(old, 0)
    world.bench.setNow(world.bench.deps.clock.now() + 6 * day)
    const young = await world.open({ filename: 'tom_young_20260508.tar' })
    world.bench.setNow(world.bench.deps.clock.now() + day + 1)
    await world.uploads.sweep(signal)
    expect(readdirSync(folder(world))).toEqual([`${young}.part`])
    await expect(world.uploads.status(world.caller, old)).rejects.toMatchObject({ code: 'upload_not_found' })
  })

  test('a chunk or a new start counts as going on', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    for (let round = 0; round < 3; round += 1) {
      world.bench.setNow(world.bench.deps.clock.now() + 5 * day)
      if (round === 1) await world.start()
      else await world.send(id, round)
      await world.uploads.sweep(signal)
    }
    expect(await world.uploads.status(world.caller, id)).toMatchObject({ upload: { chunksReceived: 2 } })
  })

  test('remembers a finished upload for 7 days', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.sendAll(id)
    await world.uploads.finish(world.caller, id, null)
    world.bench.setNow(world.bench.deps.clock.now() + 7 * day + 1)
    await world.uploads.sweep(signal)
    await expect(world.uploads.finish(world.caller, id, null)).rejects.toMatchObject({
      code: 'upload_not_found',
    })
    expect(await getArchive(world.bench.deps.db, archiveName)).not.toBeNull()
    expect(await getReceived(world.bench.deps.db, archiveName)).not.toBeNull()
  })
})
