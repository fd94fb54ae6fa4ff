// Restores that another instance carries out: asked for once whatever breaks in between, and followed to their end.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import type { WireRestoreStatus } from '../../domain/api/archives.ts'
import { isProblem } from '../../domain/problem.ts'
import type { Transfer } from '../../domain/transfer.ts'
import { listActivity } from '../../store/activity.ts'
import { recordCopy } from '../../store/copies.ts'
import { updatePeer } from '../../store/peers.ts'
import { changeRemoteRestore } from '../../store/remote-restores.ts'
import { engineBench } from '../../../test/support/engine.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { iso } from '../../../test/support/network-seeds.ts'
import { addPeer, bodyOf, peerServer, sendJson, sendProblem } from '../../../test/support/peer-servers.ts'
import type { SendOrder } from '../federation.ts'
import { createRemote } from './remote.ts'

const archive = 'jerry_photos_20260508'
const hour = 3_600_000
const ours = '0a'.repeat(32)
const other = '0b'.repeat(32)

function wireArchive(name: string) {
  return {
    name,
    file: `${name}.tar`,
    type: 'custom_dir',
    app: 'pho\u0007tos',
    instance_name: 'jerry',
    created_at: iso(Date.UTC(2026, 4, 8)),
    size_bytes: 1000,
    sha256: null,
    state: 'ok',
    origin: 'received',
    pinned: false,
    job_id: null,
  }
}

function status(id: number, change: Partial<WireRestoreStatus> = {}): WireRestoreStatus {
  return { restore_id: id, status: 'running', steps: [], log_tail: 'one\ntwo', ...change }
}

/** An instance that restores: what it was asked, and what it answers. */
interface There {
  present: boolean
  /** What it says of the archive besides its name. */
  said: { sha256: string | null; size_bytes: number }
  newest: WireRestoreStatus | null
  /** Called for each order; the answer is sent when it gives a status. */
  readonly orders: unknown[]
  onOrder: (response: ServerResponse) => void
}

async function world() {
  const bench = await engineBench()
  await bench.addArchive(archive)
  await bench.deps.db.updateTable('archives').set({ sha256: ours, size_bytes: 1000 }).execute()
  const there: There = {
    present: true,
    said: { sha256: null, size_bytes: 1000 },
    newest: null,
    orders: [],
    onOrder(response) {
      there.newest = status(5, { status: 'success' })
      sendJson(response, { restore_id: 5 }, 202)
    },
  }
  const server = await peerServer(async (request: IncomingMessage, response) => {
    const path = (request.url ?? '').replace('/api/v1', '')
    if (path === `/archives/${archive}/info`) {
      if (there.present)
        sendJson(response, {
          ...wireArchive(archive),
          ...there.said,
          info: {},
          backup_info: null,
          copies: [],
        })
      else sendProblem(response, 404, 'archive_not_found')
    } else if (path.endsWith('/restore/status')) {
      if (there.newest === null) sendProblem(response, 404, 'restore_not_found')
      else sendJson(response, there.newest)
    } else if (path.endsWith('/restore')) {
      there.orders.push(await bodyOf(request))
      there.onOrder(response)
    } else if (path.startsWith('/archives?')) {
      sendJson(response, { items: [wireArchive(archive)], next_cursor: 'next' })
    } else if (path === '/jobs/4/run') {
      sendJson(response, { run_id: 77, status: 'queued' }, 202)
    } else sendProblem(response, 404, 'endpoint_not_found')
  })
  const peerId = await addPeer(bench.deps, 'tom', server.url)
  const sent: SendOrder[] = []
  let arrive = (): void => undefined
  const arrived = new Promise<void>((resolve) => (arrive = resolve))
  const transfers = {
    send: async (order: SendOrder): Promise<Transfer> => {
      sent.push(order)
      const { id } = await bench.deps.db
        .insertInto('transfers')
        .values({
          direction: 'send',
          archive_name: order.archive,
          destination_id: order.destinationId,
          mode: 'auto',
          status: 'queued',
          trigger: order.trigger,
          actor: 'admin',
          not_before: 0,
          queued_at: 0,
        })
        .returning('id')
        .executeTakeFirstOrThrow()
      return { ...transfer, id }
    },
    wait: async (id: number, signal?: AbortSignal): Promise<Transfer> => {
      await Promise.race([
        arrived,
        new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted')))),
      ])
      there.present = true
      return { ...transfer, id }
    },
  }
  const open = () => {
    const remote = createRemote(bench.deps, transfers)
    onTestFinished(() => remote.close())
    return remote
  }
  return { ...bench, there, server, peerId, sent, arrive, open }
}

const transfer: Transfer = {
  id: 1,
  direction: 'send',
  archiveName: archive,
  destinationId: 1,
  mode: 'auto',
  chosen: 'http',
  status: 'success',
  trigger: 'restore',
  actor: 'admin',
  attempt: 1,
  notBefore: 0,
  queuedAt: 0,
  startedAt: 0,
  finishedAt: 0,
  bytesDone: 1000,
  bytesTotal: 1000,
  bytesSent: 1000,
  errorCode: null,
  errorFacts: {},
  wanted: null,
}

type World = Awaited<ReturnType<typeof world>>

function order(it: World) {
  return { peerId: it.peerId, archive, options: { target_path: '/srv/again' }, force: true }
}

async function ended(remote: ReturnType<World['open']>, id: number) {
  return eventually(async () => {
    const restore = await remote.restore(id)
    return restore.finishedAt !== null && restore
  }, 'the end of the remote restore')
}

test('an archive that is there is restored with what was asked, and followed to its end', async () => {
  const it = await world()
  const remote = it.open()
  remote.start()
  const begun = await remote.startRestore(order(it), 'admin')
  const end = await ended(remote, begun.id)
  expect([end.status, end.state?.log_tail, it.sent.length]).toEqual(['success', 'one\ntwo', 0])
  expect(it.there.orders).toEqual([
    { expected_sha256: ours, options: { target_path: '/srv/again', force: true } },
  ])
  const log = await listActivity(it.deps.db, { limit: 5 })
  expect(log.map((one) => [one.action, one.facts['peer']])).toEqual([
    ['remote.restore.end', 'tom'],
    ['remote.restore', 'tom'],
  ])
})

test('an archive that is not there is sent first; a stop in between loses nothing', async () => {
  const it = await world()
  it.there.present = false
  const first = it.open()
  first.start()
  const { id } = await first.startRestore(order(it), 'admin')
  await eventually(async () => (await first.restore(id)).transferId !== null)
  await first.close()
  const second = it.open()
  second.start()
  await second.recover()
  expect((await second.restore(id)).status).toBe('transferring')
  it.arrive()
  expect((await ended(second, id)).status).toBe('success')
  expect([it.sent.length, it.there.orders.length]).toEqual([1, 1])
  expect(it.sent[0]?.trigger).toBe('restore')
})

test('an order whose answer is lost is found again, not given twice', async () => {
  const it = await world()
  it.there.newest = status(3, { status: 'success' })
  it.there.onOrder = (response) => {
    it.there.newest = status(4, { status: 'rolled_back', error: 'restore_failed' })
    response.destroy()
  }
  const remote = it.open()
  remote.start()
  const { id } = await remote.startRestore(order(it), 'admin')
  const end = await ended(remote, id)
  expect([end.status, end.errorCode, it.there.orders.length]).toEqual(['rolled_back', 'restore_failed', 1])
})

test.each([
  ['content', { sha256: other, size_bytes: 1000 }],
  ['size', { sha256: null, size_bytes: 999 }],
])('another archive of that name, by its %s, is not restored there', async (_, said) => {
  const it = await world()
  it.there.said = said
  const remote = it.open()
  remote.start()
  const { id } = await remote.startRestore(order(it), 'admin')
  const end = await ended(remote, id)
  expect([end.status, end.errorCode, it.there.orders, it.sent]).toEqual(['error', 'archive_differs', [], []])
})

test('what the copy there was counts before what is here now; without both, what was there when it was asked for', async () => {
  const it = await world()
  const { db } = it.deps
  const { id: destinationId } = await db.selectFrom('destinations').select('id').executeTakeFirstOrThrow()
  const known = { archiveName: archive, destinationId, sizeBytes: 1000, sha256: other, archiveAt: 0 }
  await recordCopy(db, known, 0)
  it.there.said = { sha256: other, size_bytes: 1000 }
  const remote = it.open()
  remote.start()
  await ended(remote, (await remote.startRestore(order(it), 'admin')).id)

  await db.deleteFrom('copies').execute()
  await db.deleteFrom('archives').execute()
  await remote.close()
  const later = it.open()
  const { id } = await later.startRestore(order(it), 'admin')
  it.there.said = { sha256: ours, size_bytes: 1000 }
  later.start()
  expect((await ended(later, id)).errorCode).toBe('archive_differs')
  expect(it.there.orders).toEqual([expect.objectContaining({ expected_sha256: other })])
})

test('a refusal ends it with the reason', async () => {
  const it = await world()
  it.there.onOrder = (response) => sendProblem(response, 422, 'confirmation_missing')
  const remote = it.open()
  remote.start()
  const { id } = await remote.startRestore(order(it), 'admin')
  const end = await ended(remote, id)
  expect([end.status, end.errorCode]).toEqual(['error', 'confirmation_missing'])
})

test('a peer that is lost meanwhile: it stays as it was, and after a day its end is unknown', async () => {
  const it = await world()
  const remote = it.open()
  const { id } = await remote.startRestore(order(it), 'admin')
  const at = it.deps.clock.now()
  await changeRemoteRestore(it.deps.db, id, { status: 'running', remoteId: 5, state: status(5), seenAt: at })
  await updatePeer(it.deps.db, it.peerId, { url: 'http://127.0.0.1:9' }, at)
  it.setNow(at + 23 * hour)
  const lost = await remote.restore(id)
  expect([lost.status, lost.seenAt, lost.errorCode, lost.state?.restore_id]).toEqual([
    'running',
    at,
    'peer_unreachable',
    5,
  ])
  it.setNow(at + 25 * hour)
  expect((await remote.restore(id)).status).toBe('unknown')
})

test('a later restore of the same archive there hides ours: its end is not made up', async () => {
  const it = await world()
  const remote = it.open()
  const { id } = await remote.startRestore(order(it), 'admin')
  await changeRemoteRestore(it.deps.db, id, { status: 'running', remoteId: 5, seenAt: 1 })
  it.there.newest = status(6, { status: 'success' })
  expect((await remote.restore(id)).status).toBe('unknown')
})

test('one at a time of an archive at a peer, and only what the wire knows', async () => {
  const it = await world()
  const remote = it.open()
  await remote.startRestore(order(it), 'admin')
  await expect(remote.startRestore(order(it), 'admin')).rejects.toSatisfy((e) =>
    isProblem(e, 'restore_running'),
  )
  await expect(remote.startRestore({ ...order(it), options: { recipe: false } }, 'admin')).rejects.toSatisfy(
    (e) => isProblem(e, 'validation_failed'),
  )
})

test('what the peer does not allow is not asked for', async () => {
  const it = await world()
  await updatePeer(it.deps.db, it.peerId, { scopes: ['read'] }, 1)
  const remote = it.open()
  await expect(remote.startRun(it.peerId, 4, 'admin')).rejects.toSatisfy((e) => isProblem(e, 'peer_forbids'))
  await expect(remote.startRestore(order(it), 'admin')).rejects.toSatisfy((e) => isProblem(e, 'peer_forbids'))
  expect(it.server.asked).toEqual([])
})

test('archives there are listed without control characters, and jobs started', async () => {
  const it = await world()
  const remote = it.open()
  const page = await remote.archives(it.peerId, { q: 'a b&c', limit: 10 })
  expect([page.items[0]?.app, page.nextCursor]).toEqual(['photos', 'next'])
  expect(it.server.asked).toEqual(['GET /archives?limit=10&q=a+b%26c'])
  expect(await remote.startRun(it.peerId, 4, 'admin')).toEqual({ runId: 77 })
})

test('a plan of an archive that is not there is none', async () => {
  const it = await world()
  it.there.onOrder = (response) => sendProblem(response, 404, 'archive_not_found')
  expect(await it.open().planRestore(it.peerId, archive, {})).toBeNull()
  expect(it.there.orders).toEqual([{ expected_sha256: ours, options: { dry_run: true } }])
})
