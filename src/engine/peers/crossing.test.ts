// Pairing again, and two pairings that cross: whatever came last where, each side's key is taken by the other.
import { expect, test } from 'vitest'
import { localInstance, type LocalInstance } from '../../../test/support/local-instances.ts'
import { pairingScopes } from '../../domain/token.ts'
import { listPeers } from '../../store/peers.ts'
import { listTokens } from '../../store/tokens.ts'

const minute = 60_000
const hour = 60 * minute
const wanted = { scopes: pairingScopes, ssh: false }

/** Two instances with a join in each direction that can be begun. */
async function crossing() {
  const tom = await localInstance('tom')
  const jerry = await localInstance('jerry')
  const begin = async (joiner: LocalInstance, inviter: LocalInstance) => {
    const { code } = await inviter.engine.peers.invite(wanted, 'admin')
    return () => joiner.engine.peers.join(code, wanted, 'admin')
  }
  return { tom, jerry, jerryJoins: await begin(jerry, tom), tomJoins: await begin(tom, jerry) }
}

/** Holds back the answer to a join after the inviter has done its part. */
function hold(inviter: LocalInstance) {
  let arrived = (): void => undefined
  let release = (): void => undefined
  const accepted = new Promise<void>((resolve) => (arrived = resolve))
  const gate = new Promise<void>((resolve) => (release = resolve))
  inviter.onTheWay.answer = async (path, body) => {
    if (path !== '/pairing/join') return body
    arrived()
    await gate
    return body
  }
  return { accepted, release: () => release() }
}

/** How each finds its peers when it asks, now and much later, and how many tokens it has for them. */
async function found(...instances: readonly LocalInstance[]) {
  const all = []
  for (const wait of [0, 2 * hour, 48 * hour]) {
    for (const one of instances) one.clock.time += wait
    for (const one of instances) {
      for (const { id } of await listPeers(one.db)) {
        const { name, status, errorCode } = await one.engine.peers.poll(id)
        const tokens = (await listTokens(one.db)).filter((token) => token.revokedAt === null)
        all.push(`${wait / hour} h: ${name} ${errorCode ?? status}, ${tokens.length} token`)
      }
    }
  }
  return all
}

const well = [0, 2, 48].flatMap((h) => ['jerry', 'tom'].map((name) => `${h} h: ${name} online, 1 token`))

test('one pairing is done as a whole while the answer of the other is on its way', async () => {
  const { tom, jerry, jerryJoins, tomJoins } = await crossing()
  const { accepted, release } = hold(tom)
  const first = jerryJoins()
  await accepted
  await tomJoins()
  release()
  await first
  expect(await found(tom, jerry)).toEqual(well)
})

test.each([
  ['in one order', false],
  ['in the other', true],
])('both are accepted before either answer arrives, which they do %s', async (_what, turned) => {
  const { tom, jerry, jerryJoins, tomJoins } = await crossing()
  const [atTom, atJerry] = [hold(tom), hold(jerry)]
  const [first, second] = [jerryJoins(), tomJoins()]
  await Promise.all([atTom.accepted, atJerry.accepted])
  const answers = [
    { ...atTom, joined: first },
    { ...atJerry, joined: second },
  ]
  for (const { release, joined } of turned ? answers.toReversed() : answers) {
    release()
    await joined
  }
  expect(await found(tom, jerry)).toEqual(well)
})

test('both at the same moment, for the first time and again', async () => {
  const { tom, jerry, jerryJoins, tomJoins } = await crossing()
  await Promise.all([jerryJoins(), tomJoins()])
  expect(await found(tom, jerry)).toEqual(well)
  const again = await Promise.all(
    [tom, jerry].map(async (one) => (await one.engine.peers.invite(wanted, 'admin')).code),
  )
  await Promise.all([
    jerry.engine.peers.join(again[0] ?? '', wanted, 'admin'),
    tom.engine.peers.join(again[1] ?? '', wanted, 'admin'),
  ])
  expect(await found(tom, jerry)).toEqual(well)
})

test('what one does between the two with a key that it then forgets ends nothing that it needs', async () => {
  const { tom, jerry, jerryJoins, tomJoins } = await crossing()
  const [atTom, atJerry] = [hold(tom), hold(jerry)]
  const [first, second] = [jerryJoins(), tomJoins()]
  await Promise.all([atTom.accepted, atJerry.accepted])
  atTom.release()
  await first
  // Tom still has the key that jerry's join brought; the answer to its own brings another one.
  const [peer] = await listPeers(tom.db)
  expect(await tom.engine.peers.poll(peer?.id ?? 0)).toMatchObject({ status: 'online' })
  atJerry.release()
  await second
  expect(await found(tom, jerry)).toEqual(well)
})

test('pairing again whose answer is lost leaves the joiner with the key that it has', async () => {
  const { tom, jerry, jerryJoins, tomJoins } = await crossing()
  await tomJoins()
  tom.onTheWay.answer = (path, body) => {
    if (path === '/pairing/join') throw new Error('cut')
    return body
  }
  await expect(jerryJoins()).rejects.toMatchObject({ code: 'peer_unreachable' })
  const [peer] = await listPeers(jerry.db)
  expect(await jerry.engine.peers.poll(peer?.id ?? 0)).toMatchObject({ status: 'online' })
})

test('a key that is exchanged right after pairing again, with the answer lost, is still taken', async () => {
  const { tom, jerry, jerryJoins, tomJoins } = await crossing()
  await tomJoins()
  const { id } = await jerryJoins()
  tom.onTheWay.answer = (path, body) => {
    if (path === '/tokens/rotate') throw new Error('cut')
    return body
  }
  await expect(jerry.engine.peers.rotateKey(id, 'admin')).rejects.toMatchObject({ code: 'peer_unreachable' })
  delete tom.onTheWay.answer
  expect(await jerry.engine.peers.poll(id)).toMatchObject({ status: 'online' })
  await jerry.engine.peers.rotateKey(id, 'admin')
  expect(await found(tom, jerry)).toEqual(well)
})

test('once the new key is used, the keys from before the crossing are unknown', async () => {
  const { tom, jerry, jerryJoins, tomJoins } = await crossing()
  await jerryJoins()
  const [peer] = await listPeers(tom.db)
  const old = await tom.engine.tokens.create({ name: 'x', scopes: ['read'], peerId: peer?.id ?? 0 }, 'admin')
  expect(await tom.engine.tokens.verify(old.secret, '::1')).toMatchObject({ ok: true })
  const { accepted, release } = hold(tom)
  const { code } = await tom.engine.peers.invite(wanted, 'admin')
  const again = jerry.engine.peers.join(code, wanted, 'admin')
  await accepted
  // Nobody has used the new one yet: what goes on with the old one may.
  expect(await tom.engine.tokens.verify(old.secret, '::1')).toMatchObject({ ok: true })
  await tomJoins()
  release()
  const { id } = await again
  expect(await tom.engine.tokens.verify(old.secret, '::1')).toMatchObject({ ok: true })
  tom.clock.time += minute
  expect(await jerry.engine.peers.poll(id)).toMatchObject({ status: 'online' })
  // Jerry's key is of the first of two crossing pairings, which is newer than the old one.
  expect(await tom.engine.tokens.verify(old.secret, '::1')).toMatchObject({ ok: false })
  expect(await found(tom, jerry)).toEqual(well)
})
