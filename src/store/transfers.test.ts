import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Q } from './schema.ts'
import { openDatabase } from './database.ts'
import { copiesOf, recordCopy, recordedHashes } from './copies.ts'
import { findDestination, updateDestination } from './destinations.ts'
import {
  claimTransfer,
  deleteTransfersBefore,
  finishTransfer,
  getTransfer,
  insertTransfer,
  listTransfers,
  parkTransfer,
  requeueRunning,
  resumeTransfer,
  setTransferProgress,
  settleWanted,
  wantOfTransfer,
  type NewTransfer,
} from './transfers.ts'

let q: Q

beforeEach(async () => {
  const database = await openDatabase(':memory:', { now: 0 })
  onTestFinished(() => database.close())
  q = database.db
  for (const name of ['tom', '2'])
    await q.insertInto('destinations').values({ kind: 'peer', name, created_at: 0 }).execute()
})

const order: NewTransfer = {
  direction: 'send',
  archiveName: 'a',
  destinationId: 1,
  mode: 'auto',
  trigger: 'manual',
  actor: 'admin',
  bytesTotal: 1000,
  queuedAt: 100,
}
const added = async (change: Partial<NewTransfer> = {}) => {
  const transfer = await insertTransfer(q, { ...order, ...change })
  if (!transfer) throw new Error('it is open already')
  return transfer
}
const ended = { status: 'success', finishedAt: 500, error: null } as const

describe('the table of transfers', () => {
  test('holds one open transfer of an archive, direction and destination', async () => {
    const { id } = await added()
    expect(await insertTransfer(q, order)).toBeNull()
    await added({ direction: 'fetch' })
    await added({ destinationId: 2 })
    await finishTransfer(q, id, ended)
    expect((await added()).id).not.toBe(id)
  })

  test('lets one of two claim a transfer, and none before its time or when something else is wanted', async () => {
    const { id } = await added()
    expect(await claimTransfer(q, id, 99)).toBeNull()
    const both = await Promise.all([claimTransfer(q, id, 100), claimTransfer(q, id, 100)])
    expect(both.filter((one) => one !== null)).toMatchObject([
      { status: 'running', attempt: 1, startedAt: 100 },
    ])
    const other = await added({ destinationId: 2 })
    await wantOfTransfer(q, other.id, 'pause', 'admin')
    expect(await claimTransfer(q, other.id, 100)).toBeNull()
  })

  test('lets one be claimed whose time was set by a clock far ahead', async () => {
    const { id } = await added()
    await claimTransfer(q, id, 100)
    await parkTransfer(q, id, { status: 'waiting', notBefore: 400 * 86_400_000 })
    expect(await claimTransfer(q, id, 200)).toMatchObject({ status: 'running', attempt: 2 })
  })

  test('keeps when it first began, and counts attempts and bytes', async () => {
    const { id } = await added()
    await claimTransfer(q, id, 100)
    await setTransferProgress(q, id, { bytesDone: 300, moreSent: 400 })
    const facts = { detail: 'refused', failures: 1 }
    await parkTransfer(q, id, {
      status: 'waiting',
      notBefore: 200,
      error: { code: 'peer_unreachable', facts },
    })
    await claimTransfer(q, id, 200)
    await setTransferProgress(q, id, { bytesDone: 600, moreSent: 300 })
    expect(await getTransfer(q, id)).toMatchObject({
      status: 'running',
      startedAt: 100,
      attempt: 2,
      bytesDone: 600,
      bytesSent: 700,
      errorCode: null,
      errorFacts: facts,
    })
  })

  test('a finished one is not parked, settled, asked anything of, or finished again', async () => {
    const { id } = await added()
    await claimTransfer(q, id, 100)
    await wantOfTransfer(q, id, 'cancel', 'admin')
    expect(await finishTransfer(q, id, { ...ended, bytesTotal: 1000 })).toMatchObject({
      bytesDone: 1000,
      wanted: null,
    })
    expect(await parkTransfer(q, id, { status: 'queued', notBefore: 0 })).toBeNull()
    expect(await settleWanted(q, id, 600, { orphan: true })).toBeNull()
    expect(await wantOfTransfer(q, id, 'pause', 'admin')).toBeNull()
    expect(await resumeTransfer(q, id, 600)).toBeNull()
    expect(await finishTransfer(q, id, { ...ended, status: 'error' })).toBeNull()
  })

  test('what is wanted of a running one is not done before whoever carries it out has let go', async () => {
    const { id } = await added()
    await claimTransfer(q, id, 100)
    await wantOfTransfer(q, id, 'cancel', 'admin')
    expect(await settleWanted(q, id, 200, { orphan: false })).toBeNull()
    await parkTransfer(q, id, { status: 'queued', notBefore: 0 })
    expect(await settleWanted(q, id, 200, { orphan: false })).toMatchObject({
      status: 'cancelled',
      finishedAt: 200,
    })
  })

  test('a pause that has not happened yet is taken back', async () => {
    const { id } = await added()
    await claimTransfer(q, id, 100)
    await wantOfTransfer(q, id, 'pause', 'admin')
    expect(await resumeTransfer(q, id, 200)).toMatchObject({ status: 'running', wanted: null })
  })

  test('after a crash those that nobody carries out are queued', async () => {
    const first = await added()
    const second = await added({ destinationId: 2 })
    for (const { id } of [first, second]) await claimTransfer(q, id, 100)
    expect(await requeueRunning(q, new Set([second.id]))).toEqual([first.id])
    expect(await requeueRunning(q, new Set())).toEqual([second.id])
  })

  test('is listed newest first, and forgets old ones but for the newest few', async () => {
    const ids: number[] = []
    for (let n = 0; n < 4; n += 1) {
      const { id } = await added({ archiveName: `a${n}` })
      ids.push(id)
      if (n < 3) await finishTransfer(q, id, { ...ended, finishedAt: n })
    }
    const page = await listTransfers(q, { limit: 2, before: ids[3] ?? 0 })
    expect(page.map((one) => one.archiveName)).toEqual(['a2', 'a1'])
    expect(await listTransfers(q, { limit: 9, statuses: ['queued'] })).toHaveLength(1)
    await deleteTransfersBefore(q, 1000, 2)
    expect((await listTransfers(q, { limit: 9 })).map((one) => one.archiveName)).toEqual(['a3', 'a2'])
  })
})

test('a destination is found by its id before its name', async () => {
  expect((await findDestination(q, 'TOM'))?.id).toBe(1)
  expect((await findDestination(q, '2'))?.id).toBe(2)
  expect(await findDestination(q, 'nobody')).toBeNull()
  const window = { fromMinute: 60, toMinute: 120 }
  await updateDestination(q, 1, { enabled: false, mode: 'http', bandwidthKib: 512, window })
  expect(await findDestination(q, 'tom')).toMatchObject({
    enabled: false,
    mode: 'http',
    bandwidthKib: 512,
    window,
  })
})

test('copies are told by archive, and all hashes that are on record for a name', async () => {
  const copy = { archiveName: 'a', destinationId: 1, sizeBytes: 10, sha256: 'a'.repeat(64), archiveAt: 5 }
  await recordCopy(q, copy, 100)
  await recordCopy(q, { ...copy, destinationId: 2, sha256: 'b'.repeat(64) }, 200)
  await recordCopy(q, { ...copy, sizeBytes: 11 }, 300)
  const found = await copiesOf(q, ['a', 'b'])
  expect(found.get('a')).toMatchObject([
    { destinationId: 1, sizeBytes: 11, copiedAt: 300, archiveAt: 5, state: 'present' },
    { destinationId: 2 },
  ])
  expect(found.has('b')).toBe(false)
  expect([...(await recordedHashes(q, 'a'))].toSorted()).toEqual(['a'.repeat(64), 'b'.repeat(64)])
})
