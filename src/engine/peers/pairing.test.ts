// Two instances that pair over HTTP, with all that may come in between.
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { joinRequest } from '../../../test/support/join-request.ts'
import { localInstance, type LocalInstance } from '../../../test/support/local-instances.ts'
import { joinText } from '../../domain/api/pairing.ts'
import { Problem } from '../../domain/problem.ts'
import { pairingScopes } from '../../domain/token.ts'
import { listActivity } from '../../store/activity.ts'
import { listOpenCodes } from '../../store/pairing.ts'
import { listPeers, sealedPeerKey } from '../../store/peers.ts'
import { listTokens } from '../../store/tokens.ts'
import { loadInstanceKey } from '../../sys/instance-key.ts'
import { keyText, signText } from './identity.ts'
import { formatInvite, parseInvite } from './invite-code.ts'

const wanted = { scopes: pairingScopes, ssh: false }

async function pair(): Promise<{ tom: LocalInstance; jerry: LocalInstance }> {
  return { tom: await localInstance('tom'), jerry: await localInstance('jerry') }
}

async function codeOf(inviter: LocalInstance): Promise<string> {
  return (await inviter.engine.peers.invite(wanted, 'admin')).code
}

/** Everything that pairing writes, as counts. */
async function rows(instance: LocalInstance) {
  const destinations = await instance.db.selectFrom('destinations').select('name').execute()
  const tokens = await listTokens(instance.db)
  return {
    peers: (await listPeers(instance.db)).map((one) => one.name),
    destinations: destinations.map((one) => one.name),
    alive: tokens.filter((one) => one.revokedAt === null).length,
    open: (await listOpenCodes(instance.db, instance.clock.now())).length,
  }
}

const nothing = { peers: [], destinations: [], alive: 0 }

async function problemOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'nothing went wrong'
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return error.code === 'peer_problem' ? `peer: ${String(error.facts['code'])}` : error.code
  }
}

describe('two instances pair', () => {
  test('and each can call the other with what it was allowed', async () => {
    const { tom, jerry } = await pair()
    const { code } = await tom.engine.peers.invite({ scopes: ['read', 'upload'], ssh: false }, 'admin')
    const peer = await jerry.engine.peers.join(code, { scopes: ['read'], ssh: false }, 'admin')
    expect(peer).toMatchObject({
      name: 'tom',
      uid: tom.id,
      url: tom.url,
      hasKey: true,
      scopes: ['read', 'upload'],
      status: 'online',
    })
    const [seen] = await listPeers(tom.db)
    expect(seen).toMatchObject({ name: 'jerry', uid: jerry.id, url: jerry.url, scopes: ['read'] })
    expect(seen?.publicKey).toContain('BEGIN PUBLIC KEY')
    await expect(tom.engine.peers.poll(seen?.id ?? 0)).resolves.toMatchObject({ status: 'online' })
    expect(await rows(tom)).toEqual({ peers: ['jerry'], destinations: ['jerry'], alive: 1, open: 0 })
    expect(await rows(jerry)).toEqual({ peers: ['tom'], destinations: ['tom'], alive: 1, open: 0 })
    expect(await listTokens(tom.db)).toMatchObject([
      { name: 'jerry', peerId: seen?.id, scopes: ['read', 'upload'] },
    ])
  })

  test('and the one who was invited waits to be polled until it has written down what it was told', async () => {
    const { tom, jerry } = await pair()
    await jerry.engine.peers.join(await codeOf(tom), wanted, 'admin')
    const [seen] = await listPeers(tom.db)
    expect(seen?.nextPollAt).toBeGreaterThan(tom.clock.now())
  })

  test('again, which gives both new keys and ends the former ones, and keeps what admins set', async () => {
    const { tom, jerry } = await pair()
    const first = await jerry.engine.peers.join(await codeOf(tom), wanted, 'admin')
    await jerry.engine.peers.update(first.id, { name: 'uncle tom', url: first.url, holdDays: 3 }, 'admin')
    const key = await sealedPeerKey(jerry.db, first.id)
    const held = jerry.engine.tokens.signalOf((await listTokens(jerry.db))[0]?.id ?? 0)
    const again = await jerry.engine.peers.join(await codeOf(tom), wanted, 'admin')
    expect(again).toMatchObject({ id: first.id, name: 'uncle tom', holdDays: 3, status: 'online' })
    expect(await sealedPeerKey(jerry.db, first.id)).not.toBe(key)
    expect(held.aborted).toBe(true)
    expect(await rows(tom)).toEqual({ peers: ['jerry'], destinations: ['jerry'], alive: 1, open: 0 })
    expect(await rows(jerry)).toMatchObject({ peers: ['uncle tom'], destinations: ['uncle tom'], alive: 1 })
  })

  test('and the activity of both tells it, without a secret', async () => {
    const { tom, jerry } = await pair()
    const code = await codeOf(tom)
    await jerry.engine.peers.join(code, wanted, 'ana')
    const all = [
      ...(await listActivity(tom.db, { limit: 9 })),
      ...(await listActivity(jerry.db, { limit: 9 })),
    ]
    expect(all.map(({ actor, action }) => `${actor} ${action}`)).toEqual(
      expect.arrayContaining(['admin peer.invite', 'peer:jerry peer.joined', 'ana peer.join']),
    )
    expect(JSON.stringify(all)).not.toContain(parseInvite(code).secret)
    expect(JSON.stringify(all)).not.toMatch(/[0-9a-f]{64}/)
  })

  test('of one name: the second one gets a number', async () => {
    const [tom, first, second] = [
      await localInstance('tom'),
      await localInstance('jerry'),
      await localInstance('jerry'),
    ]
    await first.engine.peers.join(await codeOf(tom), wanted, 'admin')
    await second.engine.peers.join(await codeOf(tom), wanted, 'admin')
    expect((await rows(tom)).peers).toEqual(['jerry', 'jerry 2'])
  })
})

describe('a code', () => {
  test('is good once', async () => {
    const { tom, jerry } = await pair()
    const other = await localInstance('eve')
    const code = await codeOf(tom)
    await jerry.engine.peers.join(code, wanted, 'admin')
    expect(await problemOf(other.engine.peers.join(code, wanted, 'admin'))).toBe('pairing_refused')
    expect(await rows(other)).toMatchObject(nothing)
    expect((await rows(tom)).peers).toEqual(['jerry'])
  })

  test('used by two at the same moment makes one of them a peer', async () => {
    const { tom, jerry } = await pair()
    const other = await localInstance('eve')
    const code = await codeOf(tom)
    const ends = await Promise.all(
      [jerry, other].map((one) => problemOf(one.engine.peers.join(code, wanted, 'admin'))),
    )
    expect(ends.toSorted()).toEqual(['nothing went wrong', 'pairing_refused'])
    expect(await rows(tom)).toMatchObject({ alive: 1, peers: [expect.any(String)] })
    const sides = await Promise.all([jerry, other].map(async (one) => (await rows(one)).peers.length))
    expect(sides.toSorted((a, b) => a - b)).toEqual([0, 1])
  })

  test('is worth nothing after 15 minutes, and when it was withdrawn', async () => {
    const { tom, jerry } = await pair()
    const late = await codeOf(tom)
    tom.clock.time += 15 * 60_000
    expect(await problemOf(jerry.engine.peers.join(late, wanted, 'admin'))).toBe('pairing_refused')
    const { id, code } = await tom.engine.peers.invite(wanted, 'admin')
    await tom.engine.peers.cancelInvitation(id, 'admin')
    expect(await problemOf(jerry.engine.peers.join(code, wanted, 'admin'))).toBe('pairing_refused')
    expect(await rows(jerry)).toMatchObject(nothing)
    expect(await rows(tom)).toMatchObject(nothing)
  })

  test('leads to nobody else: another instance at the address is not believed', async () => {
    const { tom, jerry } = await pair()
    const eve = await localInstance('eve')
    const invite = parseInvite(await codeOf(tom))
    const code = formatInvite({ ...invite, url: eve.url })
    // The secret is not known to eve; and if it were, eve could not sign for tom.
    expect(await problemOf(jerry.engine.peers.join(code, wanted, 'admin'))).toBe('pairing_refused')
    const own = parseInvite(await codeOf(eve))
    const forged = formatInvite({ ...own, id: invite.id })
    expect(await problemOf(jerry.engine.peers.join(forged, wanted, 'admin'))).toBe('pairing_refused')
    expect(await rows(jerry)).toMatchObject(nothing)
  })

  test('of oneself is refused', async () => {
    const tom = await localInstance('tom')
    expect(await problemOf(tom.engine.peers.join(await codeOf(tom), wanted, 'admin'))).toBe('peer_is_self')
    const request = await joinRequest(tom, await codeOf(tom))
    expect(await problemOf(tom.engine.peers.acceptJoin(request, '::1'))).toBe('peer_is_self')
    expect(await rows(tom)).toMatchObject(nothing)
  })

  test('with rights that do not exist, or none, is not made', async () => {
    const tom = await localInstance('tom')
    expect(await problemOf(tom.engine.peers.invite({ scopes: [], ssh: false }, 'admin'))).toBe(
      'validation_failed',
    )
    expect(await rows(tom)).toEqual({ ...nothing, open: 0 })
  })
})

describe('what is changed on the way is not believed', () => {
  test.each([
    ['another address', { instance: { id: '', name: 'jerry', url: 'https://eve.example' } }],
    ['another token', { token: 'f'.repeat(64) }],
    ['more rights', { scopes: ['admin'] }],
    ['another nonce', { nonce: 'x'.repeat(32) }],
  ])('%s in the request', async (_what, change) => {
    const { tom, jerry } = await pair()
    const code = await codeOf(tom)
    tom.onTheWay.request = (_path, body) => {
      const sent: unknown = JSON.parse(body)
      const instance = 'instance' in change ? { instance: { ...change.instance, id: jerry.id } } : {}
      return JSON.stringify({ ...Object(sent), ...change, ...instance })
    }
    expect(await problemOf(jerry.engine.peers.join(code, wanted, 'admin'))).toBe('pairing_refused')
    expect(await rows(tom)).toEqual({ ...nothing, open: 1 })
    expect(await rows(jerry)).toMatchObject(nothing)
  })

  test.each([
    ['another token', { token: 'f'.repeat(64) }, 'peer_answer_invalid'],
    ['more rights', { scopes: ['admin'] }, 'peer_answer_invalid'],
    ['no signature', { signature: 'AAAA' }, 'peer_answer_invalid'],
    ['another key', { public_key: 'AAAA' }, 'peer_identity_changed'],
  ])('%s in the answer', async (_what, change, problem) => {
    const { tom, jerry } = await pair()
    const code = await codeOf(tom)
    tom.onTheWay.answer = (path, body) =>
      path === '/pairing/join' ? JSON.stringify({ ...Object(JSON.parse(body)), ...change }) : body
    expect(await problemOf(jerry.engine.peers.join(code, wanted, 'admin'))).toBe(problem)
    expect(await rows(jerry)).toMatchObject(nothing)
  })

  test('the answer to somebody else, played again', async () => {
    const { tom, jerry } = await pair()
    const eve = await localInstance('eve')
    let recorded = ''
    tom.onTheWay.answer = (path, body) => {
      if (path === '/pairing/join') recorded = body
      return body
    }
    await eve.engine.peers.join(await codeOf(tom), wanted, 'admin')
    const first = recorded
    tom.onTheWay.answer = (path, body) => (path === '/pairing/join' ? first : body)
    expect(await problemOf(jerry.engine.peers.join(await codeOf(tom), wanted, 'admin'))).toBe(
      'peer_answer_invalid',
    )
    expect(await rows(jerry)).toMatchObject(nothing)
  })

  test('a key that is not the one of the id', async () => {
    const { tom, jerry } = await pair()
    const eve = await loadInstanceKey((await localInstance('eve')).dataDir)
    const request = await joinRequest(jerry, await codeOf(tom), { public_key: keyText(eve) })
    expect(await problemOf(tom.engine.peers.acceptJoin(request, '::1'))).toBe('pairing_refused')
    const unsigned = { ...request, public_key: keyText(eve) }
    const signature = signText(eve, joinText(unsigned, tom.id))
    expect(await problemOf(tom.engine.peers.acceptJoin({ ...unsigned, signature }, '::1'))).toBe(
      'pairing_refused',
    )
    expect(await rows(tom)).toEqual({ ...nothing, open: 1 })
  })

  test('an address without HTTPS', async () => {
    const { tom, jerry } = await pair()
    const instance = { id: jerry.id, name: 'jerry', url: 'http://jerry.example' }
    const request = await joinRequest(jerry, await codeOf(tom), { instance })
    expect(await problemOf(tom.engine.peers.acceptJoin(request, '::1'))).toBe('peer_insecure')
    expect(await rows(tom)).toEqual({ ...nothing, open: 1 })
  })
})

describe('a failure half-way', () => {
  test('nobody there: nothing is left here, and the code is still good', async () => {
    const { tom, jerry } = await pair()
    const code = await codeOf(tom)
    tom.onTheWay.request = () => {
      throw new Error('cut')
    }
    expect(await problemOf(jerry.engine.peers.join(code, wanted, 'admin'))).toBe('peer_unreachable')
    expect(await rows(jerry)).toMatchObject(nothing)
    delete tom.onTheWay.request
    await jerry.engine.peers.join(code, wanted, 'admin')
    expect((await rows(jerry)).peers).toEqual(['tom'])
  })

  test('the answer is lost: one side knows the other, a new code puts it right', async () => {
    const { tom, jerry } = await pair()
    tom.onTheWay.answer = () => {
      throw new Error('cut')
    }
    expect(await problemOf(jerry.engine.peers.join(await codeOf(tom), wanted, 'admin'))).toBe(
      'peer_unreachable',
    )
    expect(await rows(jerry)).toMatchObject(nothing)
    expect(await rows(tom)).toMatchObject({ peers: ['jerry'], alive: 1 })
    delete tom.onTheWay.answer
    await jerry.engine.peers.join(await codeOf(tom), wanted, 'admin')
    expect(await rows(tom)).toMatchObject({ peers: ['jerry'], alive: 1, destinations: ['jerry'] })
    expect(await rows(jerry)).toMatchObject({ peers: ['tom'], alive: 1, destinations: ['tom'] })
  })

  test.each(['remote_instances', 'destinations', 'api_tokens', 'activity'])(
    'the disk is full at the table %s: both sides are as before, and the code is still good',
    async (table) => {
      const { tom, jerry } = await pair()
      const code = await codeOf(tom)
      const fail = async (instance: LocalInstance) => {
        const name = sql.raw(`full_${table}`)
        await sql`CREATE TEMP TRIGGER ${name} BEFORE INSERT ON main.${sql.raw(table)} BEGIN SELECT RAISE(ABORT, 'full'); END`.execute(
          instance.db,
        )
        return () => sql`DROP TRIGGER ${name}`.execute(instance.db)
      }
      const restore = await fail(tom)
      await expect(jerry.engine.peers.join(code, wanted, 'admin')).rejects.toMatchObject({
        code: 'peer_problem',
        facts: { code: 'internal' },
      })
      expect(await rows(tom)).toEqual({ ...nothing, open: 1 })
      expect(await rows(jerry)).toMatchObject(nothing)
      await restore()
      const restoreJerry = await fail(jerry)
      await expect(jerry.engine.peers.join(code, wanted, 'admin')).rejects.toThrow('full')
      expect(await rows(jerry)).toMatchObject(nothing)
      await restoreJerry()
      await jerry.engine.peers.join(await codeOf(tom), wanted, 'admin')
      expect(await rows(jerry)).toMatchObject({ peers: ['tom'], alive: 1, destinations: ['tom'] })
    },
  )
})
