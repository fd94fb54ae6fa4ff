import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Answers } from '../../../test/support/engine.ts'
import { Problem } from '../../domain/problem.ts'
import { removeArchives, getArchive } from '../../store/archives.ts'
import { getCopy, recordCopy } from '../../store/copies.ts'
import { rescan } from '../catalogue.ts'
import { hangs, transfersWorld, unreachable } from './transfers-world.ts'

const NAME = 'jerry_photos_20260508'
const SHA = 'a'.repeat(64)
const GIB = 1024 ** 3
const never = new AbortController().signal

/** What `tom` says of the archive. */
function told(change: Readonly<Record<string, unknown>> = {}) {
  return {
    name: NAME,
    file: `${NAME}.tar`,
    type: 'custom_dir',
    app: 'photos',
    instance_name: 'jerry',
    created_at: '2026-05-08T01:00:00+00:00',
    size_bytes: 1000,
    sha256: SHA,
    state: 'ok',
    origin: 'received',
    pinned: false,
    job_id: null,
    info: {},
    backup_info: null,
    copies: [],
    ...change,
  }
}

async function world(offered: unknown = told(), answers: Answers = {}, status = 200) {
  const published: unknown[] = []
  const it = await transfersWorld(
    {
      disk: () => ({ totalBytes: 100 * GIB, freeBytes: 50 * GIB }),
      'receive.place': () => ({ folder: null }),
      'receive.publish': (args) => {
        published.push(args)
        return { file: args.file, fingerprint: '1:x:1:1', sizeBytes: args.sizeBytes }
      },
      ...answers,
    },
    () => ({ status, json: offered }),
  )
  onTestFinished(() => it.transfers.close())
  const tom = await it.addPeer('tom')
  it.carriers.fetch = async ({ wanted, part }, io) => {
    await writeFile(part, Buffer.alloc(wanted.sizeBytes), { flag: 'a' })
    io.progress(wanted.sizeBytes, wanted.sizeBytes)
    return { sizeBytes: wanted.sizeBytes, sha256: wanted.sha256 }
  }
  const ask = () => it.transfers.fetch({ archive: NAME, peerId: tom.peerId ?? 0, trigger: 'manual' }, 'admin')
  const fetched = async () => {
    const { id } = await ask()
    it.transfers.open()
    await it.transfers.idle()
    return it.row(id)
  }
  return { ...it, tom, ask, fetched, published }
}

describe('an archive is fetched', () => {
  test('put in place, and entered as what it is: of another instance', async () => {
    const it = await world(
      told({ backup_info: { instance_id: 'another', type: 'custom_dir', app: 'photos' } }),
    )
    expect(await it.fetched()).toMatchObject({ status: 'success', bytesTotal: 1000, bytesDone: 1000 })
    const part = join(it.deps.dataDir, 'uploads', 'fetch-1.part')
    expect(it.published).toMatchObject([
      { part, name: NAME, file: `${NAME}.tar`, sha256: SHA, sizeBytes: 1000 },
    ])
    expect(await getArchive(it.deps.db, NAME)).toMatchObject({
      sha256: SHA,
      state: 'ok',
      origin: 'received',
      jobId: null,
      pinned: false,
    })
    expect(await getCopy(it.deps.db, NAME, it.tom.id)).toBeNull()
  })

  test('goes back to its job, pinned, only when its hash is on record here', async () => {
    const uid = '6f1c0000-0000-4000-8000-000000000001'
    const ours = { instance_id: 'our-id', type: 'custom_dir', app: 'photos', job: { uid } }
    const it = await world(told({ backup_info: ours }))
    const job = await it.addJob({ uid })
    expect(await it.fetched()).toMatchObject({ status: 'success' })
    expect(await getArchive(it.deps.db, NAME)).toMatchObject({ origin: 'local', jobId: null, pinned: false })
    // It is known to be at tom's now: the hash is on record.
    await removeArchives(it.deps.db, [NAME])
    expect(await it.fetched()).toMatchObject({ status: 'success' })
    expect(await getArchive(it.deps.db, NAME)).toMatchObject({ origin: 'local', jobId: job.id, pinned: true })
  })

  test('not again when the same is here already', async () => {
    const it = await world()
    await it.addArchive(NAME)
    expect(await it.fetched()).toMatchObject({ status: 'success' })
    expect(it.published).toEqual([])
  })

  test('goes on in the same file after a failure', async () => {
    const it = await world()
    const carry = it.carriers.fetch
    const parts: string[] = []
    it.carriers.fetch = async ({ part }) => {
      parts.push(part)
      await writeFile(part, 'begin')
      throw unreachable()
    }
    const waiting = await it.fetched()
    expect(waiting).toMatchObject({ status: 'waiting', errorCode: 'peer_unreachable' })
    it.carriers.fetch = async (order, io) => {
      parts.push(order.part)
      expect(await readFile(order.part, 'utf8')).toBe('begin')
      return carry(order, io)
    }
    await it.transfers.sweep(never)
    it.setNow(waiting.notBefore)
    await it.transfers.idle()
    expect((await it.row(waiting.id)).status).toBe('success')
    expect(new Set(parts).size).toBe(1)
  })
})

describe('when all ends after it was put in place, and a scan finds it,', () => {
  const uid = '6f1c0000-0000-4000-8000-000000000001'
  const said = {
    instance_id: 'our-id',
    type: 'custom_dir',
    app: 'photos',
    sha256: SHA,
    job: { uid },
  }

  async function cutOff(known: boolean) {
    let visible = false
    let dies = true
    const file = { name: NAME, file: `${NAME}.tar`, sizeBytes: 1000, fingerprint: '1:x:1:1' }
    const it = await world(told({ backup_info: said }), {
      'receive.publish': (args) => {
        visible = true
        if (dies) throw new Problem('helper_unavailable')
        return { file: args.file, fingerprint: file.fingerprint, sizeBytes: args.sizeBytes }
      },
      'catalogue.scan': () => ({ archives: visible ? [file] : [], unfinished: [] }),
      'catalogue.read': ({ names }) => ({
        archives: names.map((name) => ({ name, info: {}, backupInfo: said, error: null })),
      }),
    })
    const job = await it.addJob({ uid })
    if (known) {
      const copy = { archiveName: NAME, destinationId: it.tom.id, sizeBytes: 1000, sha256: SHA, archiveAt: 1 }
      await recordCopy(it.deps.db, copy, 1)
    }
    const waiting = await it.fetched()
    expect(waiting).toMatchObject({ status: 'waiting', errorCode: 'helper_unavailable' })
    await rescan(it.deps)
    expect(await getArchive(it.deps.db, NAME)).toMatchObject({
      jobId: null,
      sha256: null,
      origin: 'received',
    })
    dies = false
    it.setNow(waiting.notBefore)
    await it.deps.db.updateTable('archives').set({ sha256: SHA, state: 'ok' }).execute()
    await it.transfers.sweep(never)
    await it.transfers.idle()
    expect((await it.row(waiting.id)).status).toBe('success')
    return { archive: await getArchive(it.deps.db, NAME), job }
  }

  test('it is of no job, whatever it says', async () => {
    expect((await cutOff(false)).archive).toMatchObject({ jobId: null, pinned: false })
  })

  test('it goes back to its job, pinned, when a copy of it is on record', async () => {
    const { archive, job } = await cutOff(true)
    expect(archive).toMatchObject({ jobId: job.id, pinned: true })
  })
})

describe('an archive is not fetched', () => {
  test('when another one has its name', async () => {
    const it = await world()
    await it.addArchive(NAME, { sha256: 'b'.repeat(64) })
    await expect(it.ask()).rejects.toMatchObject({ code: 'archive_exists' })
  })

  test('when it is not what went there under that name: the copy is damaged', async () => {
    const it = await world()
    const copy = {
      archiveName: NAME,
      destinationId: it.tom.id,
      sizeBytes: 1000,
      sha256: 'b'.repeat(64),
      archiveAt: 1,
    }
    await recordCopy(it.deps.db, copy, 1)
    expect(await it.fetched()).toMatchObject({ status: 'error', errorCode: 'archive_corrupted' })
    expect(await getCopy(it.deps.db, NAME, it.tom.id)).toMatchObject({ state: 'corrupted' })
  })

  test.each([
    ['its holder says that it is damaged', told({ state: 'corrupted' }), 200, 'error', 'archive_corrupted'],
    ['its holder never hashed it', told({ sha256: null }), 200, 'waiting', 'peer_answer_invalid'],
    ['another one is described', told({ name: 'other' }), 200, 'waiting', 'peer_answer_invalid'],
    ['its file has another name', told({ file: '../x.tar' }), 200, 'waiting', 'peer_answer_invalid'],
    ['the answer is no answer', '<html>', 200, 'waiting', 'peer_answer_invalid'],
    [
      'the peer does not have it',
      { type: 'about:blank', title: '', status: 404, detail: '', code: 'archive_not_found' },
      404,
      'error',
      'archive_not_found',
    ],
  ])('when %s', async (_, offered, httpStatus, status, errorCode) => {
    const it = await world(offered, {}, httpStatus)
    expect(await it.fetched()).toMatchObject({ status, errorCode })
    expect(it.published).toEqual([])
  })

  test('when the disk could not hold it', async () => {
    const it = await world(told({ size_bytes: 60 * GIB }))
    expect(await it.fetched()).toMatchObject({ status: 'waiting', errorCode: 'insufficient_storage' })
  })

  test('when what came is not what was offered', async () => {
    const it = await world()
    it.carriers.fetch = () => Promise.resolve({ sizeBytes: 1000, sha256: 'c'.repeat(64) })
    expect(await it.fetched()).toMatchObject({ status: 'waiting', errorCode: 'upload_checksum_mismatch' })
    expect(it.published).toEqual([])
  })

  test('from a peer that nobody knows, or under a name that is none', async () => {
    const it = await world()
    const order = { archive: NAME, peerId: 99, trigger: 'manual' } as const
    await expect(it.transfers.fetch(order, 'admin')).rejects.toMatchObject({ code: 'peer_not_found' })
    await expect(it.transfers.fetch({ ...order, archive: '../x' }, 'admin')).rejects.toMatchObject({
      code: 'name_invalid',
    })
  })
})

test('partial files go when nobody goes on with them, and no other file does', async () => {
  const it = await world()
  const folder = join(it.deps.dataDir, 'uploads')
  await mkdir(folder, { recursive: true })
  it.carriers.fetch = (order, io) =>
    hangs({} as Parameters<typeof hangs>[0], io).then(() => Promise.reject(order))
  const { id } = await it.ask()
  it.transfers.open()
  await it.becomes(id, 'running')
  for (const file of [`fetch-${id}.part`, 'fetch-77.part', 'e1f5.part'])
    await writeFile(join(folder, file), '')
  await it.transfers.sweep(never)
  expect((await readdir(folder)).toSorted()).toEqual(['e1f5.part', `fetch-${id}.part`])
  await it.transfers.cancel(id, 'admin')
  await it.transfers.idle()
  await it.transfers.sweep(never)
  expect(existsSync(join(folder, `fetch-${id}.part`))).toBe(false)
})
