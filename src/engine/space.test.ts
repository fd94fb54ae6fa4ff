// One account of the room that is promised: whoever comes second is told of the first, whatever the two are.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { putSettings } from '../store/settings.ts'
import { bytesToCome } from '../store/uploads.ts'
import { goodInfo } from './receive/receive-world.ts'
import { createUploads } from './receive/uploads.ts'
import { createSpace, fetchSpace } from './space.ts'
import type { Carriers } from './transfers/attempt.ts'
import { createTransfers } from './transfers/transfers.ts'
import { transfersWorld } from './transfers/transfers-world.ts'

const GIB = 1024 ** 3
const name = 'jerry_photos_20260508'
const sha256 = 'a'.repeat(64)

const caller = { tokenId: 9, actor: 'token:x', owner: 'token:9', name: 'x', peerId: null, scopes: [] }

function upload(uploads: ReturnType<typeof createUploads>, size: number) {
  return uploads.start(caller, {
    filename: 'ann_mail_20260508.tar',
    total_size: size,
    chunk_size: 64 * 1024 ** 2,
    checksum: sha256,
    info: goodInfo,
  })
}

/** An account, uploads and transfers over one disk with 50 GiB free; tom offers an archive of 20 GiB. */
async function world() {
  const it = await transfersWorld(
    {
      disk: () => ({ totalBytes: 100 * GIB, freeBytes: 50 * GIB }),
      'receive.place': () => ({ folder }),
    },
    () => ({ status: 200, json: offered }),
  )
  const folder = join(it.deps.archivesDir, '.parts')
  mkdirSync(folder, { recursive: true })
  const space = createSpace(() => bytesToCome(it.deps.db))
  const uploads = createUploads(it.deps, { promisedBytes: () => space.promised() })
  const none = () => Promise.reject(new Error('not asked for'))
  const carriers: Carriers = { http: { send: none, fetch: (order, io) => it.carriers.fetch(order, io) } }
  const transfers = createTransfers(it.deps, { verifyArchive: none }, { space, random: () => 0, carriers })
  onTestFinished(async () => {
    await transfers.close()
    await uploads.close()
  })
  const tom = await it.addPeer('tom')
  const fetch = async () => {
    const { id } = await transfers.fetch(
      { archive: name, peerId: tom.peerId ?? 0, trigger: 'manual' },
      'admin',
    )
    transfers.open()
    return id
  }
  return { ...it, folder, space, uploads, transfers, fetch }
}

const offered = {
  ...{ name, file: `${name}.tar`, type: 'custom_dir', app: 'photos', instance_name: 'jerry', sha256 },
  ...{ created_at: '2026-05-08T01:00:00+00:00', size_bytes: 20 * GIB, state: 'ok', origin: 'received' },
  ...{ pinned: false, job_id: null, info: {}, backup_info: null, copies: [] },
}

test('a fetch is told of backups and uploads', async () => {
  const it = await world()
  await it.space.take('run 1', 40 * GIB, () => undefined)
  const id = await it.fetch()
  await it.transfers.idle()
  expect(await it.row(id)).toMatchObject({ status: 'waiting', errorCode: 'insufficient_storage' })
  it.space.release('run 1')
  await upload(it.uploads, 40 * GIB)
  await it.transfers.resume(id, 'admin')
  await it.transfers.idle()
  expect(await it.row(id)).toMatchObject({ status: 'waiting', errorCode: 'insufficient_storage', attempt: 2 })
  expect(it.space.promised()).toBe(0)
})

test('an upload is told of backups and fetches, less what they have written', async () => {
  const it = await world()
  const ends = Promise.withResolvers<never>()
  it.carriers.fetch = ({ part }, io) => {
    writeFileSync(part, 'x')
    io.progress(15 * GIB, 15 * GIB)
    return ends.promise
  }
  const id = await it.fetch()
  await expect.poll(() => it.space.promised()).toBe(5 * GIB)
  expect(it.space.promised(fetchSpace(id))).toBe(0)
  await it.space.take('run 1', 30 * GIB, (others) => expect(others).toBe(5 * GIB))
  await expect(upload(it.uploads, 20 * GIB)).rejects.toMatchObject({ code: 'insufficient_storage' })
  it.space.wrote('run 1', 29 * GIB)
  const started = await upload(it.uploads, 20 * GIB)
  expect(started.kind).toBe('new')
  ends.reject(new Error('over'))
  await it.transfers.idle()
  // What a backup that comes now is told: the upload, and no fetch any more.
  await it.space.take('run 2', 0, (others) => expect(others).toBe(21 * GIB))
})

test('what an admin wants to stay free stays free of uploads and fetches, too', async () => {
  const it = await world()
  await putSettings(it.deps.db, { diskReserveBytes: 45 * GIB }, 0)
  const id = await it.fetch()
  await it.transfers.idle()
  expect(await it.row(id)).toMatchObject({ errorCode: 'insufficient_storage' })
  await expect(upload(it.uploads, 20 * GIB)).rejects.toMatchObject({ code: 'insufficient_storage' })
})

test('of two that would each fit but not both, one is refused, however close they come', async () => {
  const space = createSpace()
  const fits = (others: number) => {
    if (others + 6 > 10) throw new Error('full')
  }
  const both = await Promise.allSettled([space.take('a', 6, fits), space.take('b', 6, fits)])
  expect(both.map((one) => one.status)).toEqual(['fulfilled', 'rejected'])
  space.release('a')
  await space.take('b', 6, fits)
  // Its own promise is not in its way.
  await space.take('b', 6, fits)
})
