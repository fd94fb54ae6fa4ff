// The poller against servers that misbehave: what is stored of each, and that none delays the others.
import type { ServerResponse } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { engineBench, type EngineBench } from '../../../test/support/engine.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { idOf, iso, jobThere, summaryOf } from '../../../test/support/network-seeds.ts'
import { addPeer, peerServer, sendJson, sendProblem } from '../../../test/support/peer-servers.ts'
import { isProblem } from '../../domain/problem.ts'
import { listActivity } from '../../store/activity.ts'
import { deletePeer, duePeers, getPeer, updatePeer } from '../../store/peers.ts'
import { peerTarget } from '../peers/target.ts'
import { createPoller } from './poller.ts'

const minute = 60_000
const hour = 60 * minute

async function world(
  answers: Readonly<Record<string, (response: ServerResponse) => void>>,
  maxBytes?: number,
) {
  const bench = await engineBench()
  const poller = createPoller(bench.deps, maxBytes === undefined ? {} : { maxBytes })
  onTestFinished(() => poller.close())
  const ids: Record<string, number> = {}
  for (const [name, answer] of Object.entries(answers)) {
    const server = await peerServer((_, response) => answer(response))
    ids[name] = await addPeer(bench.deps, name, server.url)
  }
  const peer = async (name: string) => {
    const found = await getPeer(bench.deps.db, ids[name] ?? 0)
    if (found === null) throw new Error(`no peer ${name}`)
    return found
  }
  return { ...bench, poller, ids, peer }
}

const good = (name: string) => (response: ServerResponse) =>
  sendJson(response, summaryOf(name), 200, { etag: '"e1"' })

function activities({ deps }: EngineBench) {
  return listActivity(deps.db, { limit: 10 }).then((all) =>
    all.map(({ action, subject }) => `${action} ${subject}`),
  )
}

test('a hanging, an endless, a lying, a redirecting and a deaf peer delay nobody', async () => {
  const it = await world({
    hangs: () => undefined,
    endless(response) {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
        response.once('drain', more)
      }
      more()
    },
    html: (response) =>
      void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>It works!</h1>'),
    redirects: (response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    odd: (response) => sendJson(response, { ...summaryOf('odd'), jobs: 'none' }),
    resets: (response) => void response.destroy(),
    refuses: (response) => sendProblem(response, 401, 'unauthenticated'),
    tom: good('tom'),
  })
  await addPeer(it.deps, 'deaf', 'http://127.0.0.1:9')
  it.poller.start()
  await eventually(async () => (await it.peer('tom')).status === 'online', 'tom was asked')
  for (const name of ['endless', 'html', 'redirects', 'odd', 'refuses']) {
    const peer = await eventually(async () => {
      const found = await it.peer(name)
      return found.status !== null && found
    }, `${name} was asked`)
    expect([name, peer.status, peer.errorCode]).toEqual([
      name,
      'error',
      name === 'refuses' ? 'peer_key_refused' : 'peer_answer_invalid',
    ])
  }
  const resets = await eventually(async () => {
    const found = await it.peer('resets')
    return found.status !== null && found
  })
  expect([resets.status, resets.errorCode]).toEqual(['offline', 'peer_unreachable'])
  // The one that hangs still does, and closing does not wait for it.
  expect((await it.peer('hangs')).status).toBeNull()
  await it.poller.close()
  expect((await it.peer('hangs')).status).toBeNull()
})

test('a good answer is stored with its jobs, and asked for again with its tag', async () => {
  const it = await world({})
  const tags: (string | undefined)[] = []
  const server = await peerServer((request, response) => {
    tags.push(request.headers['if-none-match'])
    if (request.headers['if-none-match'] === '"e1"') response.writeHead(304).end()
    else
      sendJson(response, summaryOf('tom', { jobs: [jobThere('wiki'), jobThere('git', { id: 2 })] }), 200, {
        etag: '"e1"',
      })
  })
  const id = await addPeer(it.deps, 'friend', server.url)
  const first = await it.poller.poll(id)
  expect([first.status, first.uid, first.name, first.facts?.health.instance.name]).toEqual([
    'online',
    idOf('tom'),
    'friend',
    'tom',
  ])
  const rows = await it.deps.db.selectFrom('remote_runs').select('job_name').orderBy('job_name').execute()
  expect(rows.map((row) => row.job_name)).toEqual(['git', 'wiki'])
  it.setNow(it.deps.clock.now() + hour)
  const second = await it.poller.poll(id)
  expect(tags).toEqual([undefined, '"e1"'])
  expect([second.status, second.lastSeen, second.facts?.jobs.length]).toEqual([
    'online',
    it.deps.clock.now(),
    2,
  ])
})

test('what our key allows there is stored as the peer says it; one that does not say it leaves it as it is', async () => {
  const it = await world({})
  const yours = {
    archive_count: 0,
    total_size_bytes: 0,
    quota_bytes: null,
    quota_count: null,
    hold_days: 0,
    scopes: ['upload', 'read', 'teleport'],
  }
  let said = summaryOf('tom')
  const server = await peerServer((_, response) => sendJson(response, said))
  const id = await addPeer(it.deps, 'tom', server.url)
  const before = (await it.poller.poll(id)).scopes
  said = summaryOf('tom', { yours })
  expect((await it.poller.poll(id)).scopes).toEqual(['read', 'upload'])
  said = summaryOf('tom')
  expect((await it.poller.poll(id)).scopes).toEqual(['read', 'upload'])
  said = summaryOf('tom', { yours: { ...yours, scopes: [] } })
  expect((await it.poller.poll(id)).scopes).toEqual([])
  expect(before).toBeNull()
})

test('another instance at the known address: an error, its facts are not taken, nothing but polls goes there', async () => {
  const it = await world({ tom: good('tom') })
  const id = it.ids['tom'] ?? 0
  await it.poller.poll(id)
  const other = await peerServer((_, response) => good('mallory')(response))
  await updatePeer(it.deps.db, id, { url: other.url }, it.deps.clock.now())
  const peer = await it.poller.poll(id)
  expect([peer.status, peer.errorCode, peer.uid, peer.facts?.health.instance.name]).toEqual([
    'error',
    'peer_identity_changed',
    idOf('tom'),
    'tom',
  ])
  expect((peer.nextPollAt ?? 0) - it.deps.clock.now()).toBeGreaterThanOrEqual(54 * minute)
  await expect(peerTarget(it.deps, id)).rejects.toSatisfy((e) => isProblem(e, 'peer_identity_changed'))
  expect((await peerTarget(it.deps, id, 'poll')).url).toBe(other.url)
})

test('nothing but a good answer of the right instance ends that: no unasked 304, no silence', async () => {
  const it = await world({ tom: good('tom') })
  const id = it.ids['tom'] ?? 0
  await it.poller.poll(id)
  let answer: (response: ServerResponse) => void = good('mallory')
  const other = await peerServer((_, response) => answer(response))
  await updatePeer(it.deps.db, id, { url: other.url }, it.deps.clock.now())
  await it.poller.poll(id)
  const expectStopped = async () => {
    const peer = await it.poller.poll(id)
    expect([peer.status, peer.errorCode, peer.errorFacts['found']]).toEqual([
      'error',
      'peer_identity_changed',
      idOf('mallory'),
    ])
    await expect(peerTarget(it.deps, id)).rejects.toSatisfy((e) => isProblem(e, 'peer_identity_changed'))
  }
  answer = (response) => void response.writeHead(304).end()
  await expectStopped()
  answer = (response) => void response.destroy()
  await expectStopped()
  answer = (response) => sendProblem(response, 503, 'internal')
  await expectStopped()
  answer = good('tom')
  expect((await it.poller.poll(id)).status).toBe('online')
})

test('a 304 that was not asked for is no good answer', async () => {
  const it = await world({})
  let silent = false
  const server = await peerServer((_, response) =>
    silent ? void response.writeHead(304).end() : sendJson(response, summaryOf('tom')),
  )
  const id = await addPeer(it.deps, 'tom', server.url)
  expect((await it.poller.poll(id)).status).toBe('online')
  silent = true
  const peer = await it.poller.poll(id)
  expect([peer.status, peer.errorCode]).toEqual(['error', 'peer_answer_invalid'])
})

/** A peer whose every poll is answered by the process whose turn it is. */
async function inTurns() {
  const it = await world({})
  let process = 'a'
  const server = await peerServer((_, response) => {
    const summary = summaryOf('tom')
    summary.health.started = process
    sendJson(response, summary)
  })
  const id = await addPeer(it.deps, 'tom', server.url)
  const due = (peer: { readonly polledAt: number | null }) => peer.polledAt === it.deps.clock.now()
  it.poller.start()
  /** In its turn, not by hand. */
  const answeredBy = async (name: string, afterMs = hour + hour / 5) => {
    process = name
    it.setNow(it.deps.clock.now() + afterMs)
    it.poller.wake()
    return eventually(async () => {
      const found = await getPeer(it.deps.db, id)
      return found !== null && due(found) && found
    })
  }
  return { ...it, id, answeredBy }
}

test('two processes that answer in turns are a copied peer: nothing but polls goes there for a day', async () => {
  const it = await inTurns()
  for (const name of ['a', 'a', 'b', 'c']) expect((await it.answeredBy(name)).status).toBe('online')
  const found = await it.answeredBy('b')
  expect([found.status, found.errorCode, found.errorFacts]).toEqual(['error', 'peer_cloned', { peer: 'tom' }])
  await expect(peerTarget(it.deps, it.id)).rejects.toSatisfy((e) => isProblem(e, 'peer_cloned'))
  expect((await it.answeredBy('b', 22 * hour)).errorCode).toBe('peer_cloned')
  expect((await it.answeredBy('b', 2 * hour)).status).toBe('online')
  expect((await peerTarget(it.deps, it.id)).url).toMatch(/^http/)
})

test('an admin who polls a copied peer by hand, or changes it, has looked; the next sign counts again', async () => {
  const it = await inTurns()
  for (const name of ['a', 'b', 'a']) await it.answeredBy(name)
  expect((await it.poller.poll(it.id)).status).toBe('online')
  await it.answeredBy('b')
  expect((await it.answeredBy('a')).errorCode).toBe('peer_cloned')
  await updatePeer(it.deps.db, it.id, { quotaCount: 3 }, it.deps.clock.now())
  expect((await it.answeredBy('a')).status).toBe('online')
})

test('a turn that a clock far ahead has set does not keep a peer waiting', async () => {
  const it = await world({ tom: good('tom') })
  const id = it.ids['tom'] ?? 0
  const setTurn = (ms: number) =>
    it.deps.db
      .updateTable('remote_instances')
      .set({ next_poll_at: it.deps.clock.now() + ms })
      .execute()
  await setTurn(hour)
  expect(await duePeers(it.deps.db, it.deps.clock.now(), 9)).toEqual([])
  await setTurn(400 * 24 * hour)
  expect(await duePeers(it.deps.db, it.deps.clock.now(), 9)).toEqual([id])
  it.poller.start()
  await eventually(async () => (await it.peer('tom')).status === 'online')
  expect((await it.peer('tom')).nextPollAt).toBeLessThan(it.deps.clock.now() + hour)
})

test('an instance that is known under another name is not stored twice; this instance itself never', async () => {
  const it = await world({ tom: good('tom'), again: good('tom'), self: good('self') })
  const deps = { ...it.deps, instance: { ...it.deps.instance, id: idOf('self') } }
  const poller = createPoller(deps)
  onTestFinished(() => poller.close())
  await poller.poll(it.ids['tom'] ?? 0)
  const again = await poller.poll(it.ids['again'] ?? 0)
  const self = await poller.poll(it.ids['self'] ?? 0)
  expect([again.errorCode, again.uid, again.errorFacts['peer']]).toEqual(['peer_exists', null, 'tom'])
  expect([self.errorCode, self.uid]).toEqual(['peer_is_self', null])
})

test('two instances of one name are two peers', async () => {
  const twin = summaryOf('tom')
  twin.health.instance.id = 'z'.repeat(43)
  const it = await world({ one: good('tom'), two: (response) => sendJson(response, twin) })
  expect((await it.poller.poll(it.ids['one'] ?? 0)).status).toBe('online')
  expect((await it.poller.poll(it.ids['two'] ?? 0)).status).toBe('online')
})

test('a clock that is a day off is measured', async () => {
  const summary = summaryOf('tom')
  const it = await world({ tom: (response) => sendJson(response, summary) })
  summary.health.time = iso(it.deps.clock.now() + 24 * hour)
  expect((await it.poller.poll(it.ids['tom'] ?? 0)).errorFacts['skewS']).toBe(86_400)
})

test('what is stored holds no control characters', async () => {
  const summary = summaryOf('tom', { jobs: [jobThere('wiki', { name: 'wi\u001b[31mki\u202e\n!' })] })
  const it = await world({ tom: (response) => sendJson(response, summary) })
  expect((await it.poller.poll(it.ids['tom'] ?? 0)).facts?.jobs[0]?.name).toBe('wi[31mki !')
})

test('an answer beyond the limit is refused, within a larger limit it is taken', async () => {
  const jobs = Array.from({ length: 3000 }, (_, i) => jobThere(`app-${i}`, { id: i + 1 }))
  const big = (response: ServerResponse) => sendJson(response, summaryOf('tom', { jobs }))
  const small = await world({ tom: big })
  expect((await small.poller.poll(small.ids['tom'] ?? 0)).errorCode).toBe('peer_answer_invalid')
  const large = await world({ tom: big }, 4 * 2 ** 20)
  expect((await large.poller.poll(large.ids['tom'] ?? 0)).facts?.jobs.length).toBe(3000)
})

test('a peer that is gone for more than an hour is told once, its return too, and facts stay meanwhile', async () => {
  const it = await world({})
  let up = true
  const server = await peerServer((_, response) => (up ? good('tom')(response) : void response.destroy()))
  const id = await addPeer(it.deps, 'tom', server.url)
  const after = async (ms: number) => {
    it.setNow(it.deps.clock.now() + ms)
    return it.poller.poll(id)
  }
  await it.poller.poll(id)
  up = false
  expect((await after(30 * minute)).status).toBe('offline')
  expect(await activities(it)).toEqual([])
  await after(45 * minute)
  const gone = await after(45 * minute)
  expect([gone.failures, gone.facts?.jobs.length]).toEqual([3, 1])
  expect(await activities(it)).toEqual(['peer.gone tom'])
  up = true
  expect((await after(minute)).failures).toBe(0)
  expect(await activities(it)).toEqual(['peer.back tom', 'peer.gone tom'])
})

test('of several that have lost sight of a peer one tells, and the others note who', async () => {
  const lower = summaryOf('ann', { watching: [{ id: idOf('tom'), gone: true }] })
  const it = await world({ ann: (response) => sendJson(response, lower) })
  let up = true
  const server = await peerServer((_, response) => (up ? good('tom')(response) : void response.destroy()))
  const id = await addPeer(it.deps, 'tom', server.url)
  await it.poller.poll(id)
  up = false
  it.setNow(it.deps.clock.now() + 61 * minute)
  await it.poller.poll(it.ids['ann'] ?? 0)
  await it.poller.poll(id)
  const noted = await it.deps.db.selectFrom('activity').select(['action', 'facts_json']).execute()
  // An id that begins with "a" comes before ours.
  expect([idOf('ann') < it.deps.instance.id, noted]).toEqual([
    true,
    [{ action: 'peer.gone', facts_json: '{"told_by":"ann"}' }],
  ])
})

test('an answer from the former address of a peer is not stored', async () => {
  const it = await world({})
  let arrived = (): void => undefined
  const asked = new Promise<void>((resolve) => (arrived = resolve))
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  const old = await peerServer(async (_, response) => {
    arrived()
    await gate
    good('old')(response)
  })
  const now = await peerServer((_, response) => good('tom')(response))
  const id = await addPeer(it.deps, 'tom', old.url)
  const polled = it.poller.poll(id)
  await asked
  await updatePeer(it.deps.db, id, { url: now.url }, it.deps.clock.now())
  release()
  const peer = await polled
  expect([peer.uid, peer.status]).toEqual([idOf('tom'), 'online'])
})

test('a peer that was removed while it was asked is gone, and one without a key is not asked', async () => {
  const it = await world({ tom: good('tom') })
  const id = it.ids['tom'] ?? 0
  await updatePeer(it.deps.db, id, { sealedKey: '' }, it.deps.clock.now())
  await expect(it.poller.poll(id)).rejects.toSatisfy((e) => isProblem(e, 'peer_no_key'))
  await deletePeer(it.deps.db, id)
  await expect(it.poller.poll(id)).rejects.toSatisfy((e) => isProblem(e, 'peer_not_found'))
})

test('each peer is asked in its turn: not again before its time, at once when it is due', async () => {
  const it = await world({})
  const server = await peerServer((_, response) => good('tom')(response))
  const id = await addPeer(it.deps, 'tom', server.url)
  it.poller.start()
  await eventually(async () => (await getPeer(it.deps.db, id))?.status === 'online')
  it.poller.wake()
  it.poller.wake()
  it.setNow(it.deps.clock.now() + 4 * minute)
  it.poller.wake()
  it.setNow(it.deps.clock.now() + 2 * minute)
  it.poller.wake()
  await eventually(() => server.asked.length === 2)
  expect(server.asked).toEqual(['GET /summary', 'GET /summary'])
})
