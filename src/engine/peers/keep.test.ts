// Peers by hand, between instances that answer over HTTP: entered, changed, given another key, removed.
import { describe, expect, test } from 'vitest'
import { localInstance, type LocalInstance } from '../../../test/support/local-instances.ts'
import { isProblem } from '../../domain/problem.ts'
import type { Scope } from '../../domain/token.ts'
import { listActivity } from '../../store/activity.ts'
import { getPeer, listPeers, sealedPeerKey } from '../../store/peers.ts'
import { listTokens } from '../../store/tokens.ts'

const noKey = 'ab'.repeat(32)

async function two(): Promise<{ tom: LocalInstance; jerry: LocalInstance }> {
  return { tom: await localInstance('tom'), jerry: await localInstance('jerry') }
}

async function keyAt(instance: LocalInstance, ...scopes: Scope[]): Promise<string> {
  const granted = scopes.length === 0 ? (['read'] as const) : scopes
  return (await instance.engine.tokens.create({ name: 'for a friend', scopes: granted }, 'admin')).secret
}

/** The code, and the fields that are named. */
async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'nothing went wrong'
  } catch (error) {
    if (!isProblem(error)) throw error
    return [error.code, ...error.errors.map((one) => `${one.field} ${one.code}`)].join(', ')
  }
}

async function destinations(instance: LocalInstance): Promise<readonly string[]> {
  return (await instance.db.selectFrom('destinations').select('name').execute()).map((row) => row.name)
}

describe('a peer that is entered', () => {
  test('is asked who it is; its key is stored encrypted; it has a destination', async () => {
    const { tom, jerry } = await two()
    const key = await keyAt(tom)
    const peer = await jerry.engine.peers.register(
      { name: ' Tom ', url: `${tom.url}/`, key, quotaBytes: 1000, holdDays: 7 },
      'ana',
    )
    expect(peer).toMatchObject({
      name: 'Tom',
      url: tom.url,
      uid: tom.id,
      quotaBytes: 1000,
      quotaCount: null,
      holdDays: 7,
      publicKey: null,
      status: 'online',
    })
    expect(await sealedPeerKey(jerry.db, peer.id)).not.toContain(key)
    expect(await destinations(jerry)).toEqual(['Tom'])
    expect(JSON.stringify(await listActivity(jerry.db, { limit: 9 }))).not.toContain(key)
  })

  test('tells what our key allows there, also a key that is nobody’s there, and a change of it', async () => {
    const { tom, jerry } = await two()
    const peer = await jerry.engine.peers.register(
      { name: 'Tom', url: tom.url, key: await keyAt(tom, 'read', 'upload') },
      'ana',
    )
    expect(peer.scopes).toEqual(['read', 'upload'])
    const key = await keyAt(tom, 'read', 'download')
    const { scopes } = await jerry.engine.peers.update(peer.id, { name: 'Tom', url: tom.url, key }, 'ana')
    expect(scopes).toEqual(['read', 'download'])
  })

  test.each([
    [{ name: '' }, 'validation_failed, name required'],
    [{ name: 'x'.repeat(61) }, 'validation_failed, name too_long'],
    [{ name: 'a\nb' }, 'validation_failed, name control_characters'],
    [{ url: 'http://tom.example' }, 'validation_failed, url url_not_https'],
    [{ url: 'tom' }, 'validation_failed, url url_invalid'],
    [{ key: 'secret' }, 'validation_failed, key token_invalid'],
    [{ certPin: 'ab' }, 'validation_failed, cert_pin pin_invalid'],
    [{ quotaBytes: -1 }, 'validation_failed, quota_bytes out_of_range'],
    [{ quotaCount: 0.5 }, 'validation_failed, quota_count out_of_range'],
    [{ holdDays: 4000 }, 'validation_failed, hold_days out_of_range'],
    [{ key: noKey }, 'peer_key_refused, key key_refused'],
  ])('with %j is refused, naming the field', async (change, expected) => {
    const { tom, jerry } = await two()
    const input = { name: 'tom', url: tom.url, key: await keyAt(tom), ...change }
    expect(await refusal(jerry.engine.peers.register(input, 'ana'))).toBe(expected)
    expect(await listPeers(jerry.db)).toEqual([])
    expect(await destinations(jerry)).toEqual([])
  })

  test('without a key, with one that may nothing, or that is this instance itself, is refused', async () => {
    const { tom, jerry } = await two()
    const { register } = jerry.engine.peers
    expect(await refusal(register({ name: 'tom', url: tom.url }, 'ana'))).toBe(
      'validation_failed, key required',
    )
    const weak = { name: 'tom', url: tom.url, key: await keyAt(tom, 'upload') }
    expect(await refusal(register(weak, 'ana'))).toBe('peer_forbids, key key_refused')
    const self = { name: 'me', url: jerry.url, key: await keyAt(jerry) }
    expect(await refusal(register(self, 'ana'))).toBe('peer_is_self, url instance_unexpected')
    expect(await listPeers(jerry.db)).toEqual([])
  })

  test('and does not answer, or answers something else, is refused', async () => {
    const { tom, jerry } = await two()
    const input = { name: 'tom', url: tom.url, key: await keyAt(tom) }
    tom.onTheWay.answer = () => '<html>'
    expect(await refusal(jerry.engine.peers.register(input, 'ana'))).toBe(
      'peer_answer_invalid, url peer_not_reached',
    )
    await tom.stopListening()
    expect(await refusal(jerry.engine.peers.register(input, 'ana'))).toBe(
      'peer_unreachable, url peer_not_reached',
    )
    expect(await listPeers(jerry.db)).toEqual([])
  })

  test('and is known already is refused, by its id and by its name', async () => {
    const { tom, jerry } = await two()
    const other = await localInstance('eve')
    await jerry.engine.peers.register({ name: 'Tom', url: tom.url, key: await keyAt(tom) }, 'ana')
    const again = { name: 'tom two', url: tom.url, key: await keyAt(tom) }
    expect(await refusal(jerry.engine.peers.register(again, 'ana'))).toBe(
      'peer_exists, url instance_unexpected',
    )
    const namesake = { name: 'TOM', url: other.url, key: await keyAt(other) }
    expect(await refusal(jerry.engine.peers.register(namesake, 'ana'))).toBe(
      'validation_failed, name peer_name_taken',
    )
    expect(await listPeers(jerry.db)).toHaveLength(1)
  })
})

describe('a peer that is known', () => {
  async function known() {
    const both = await two()
    const { tom, jerry } = both
    const input = { name: 'tom', url: tom.url, key: await keyAt(tom), certPin: null }
    return { ...both, peer: await jerry.engine.peers.register(input, 'ana') }
  }

  test('gets another name although it cannot be reached, and its destination too', async () => {
    const { tom, jerry, peer } = await known()
    await tom.stopListening()
    const after = await jerry.engine.peers.update(peer.id, { name: 'uncle', url: peer.url }, 'ana')
    expect(after).toMatchObject({ name: 'uncle', hasKey: true, url: peer.url })
    expect(await destinations(jerry)).toEqual(['uncle'])
  })

  test('is not exchanged for another instance', async () => {
    const { jerry, peer } = await known()
    const eve = await localInstance('eve')
    const input = { name: 'tom', url: eve.url, key: await keyAt(eve) }
    expect(await refusal(jerry.engine.peers.update(peer.id, input, 'ana'))).toBe(
      'peer_identity_changed, url instance_unexpected',
    )
    expect(await getPeer(jerry.db, peer.id)).toMatchObject({ url: peer.url, uid: peer.uid })
  })

  test('has its key sent to no other server: whoever is there, another address needs a key', async () => {
    const { jerry, peer } = await known()
    const eve = await localInstance('eve')
    let asked = 0
    eve.onTheWay.answer = (_path, body) => {
      asked += 1
      return body
    }
    const elsewhere = [eve.url, eve.url.replace('127.0.0.1', 'localhost'), 'https://tom.example/backup']
    for (const url of elsewhere) {
      expect(await refusal(jerry.engine.peers.update(peer.id, { name: 'tom', url }, 'ana'))).toBe(
        'validation_failed, key key_required',
      )
    }
    expect(asked).toBe(0)
    expect(await getPeer(jerry.db, peer.id)).toMatchObject({ url: peer.url })
  })

  test('is asked with its key at another path of the same server', async () => {
    const { jerry, peer } = await known()
    const url = peer.url.replace(/backup$/, 'elsewhere')
    // Nothing is there, but it was asked.
    expect(await refusal(jerry.engine.peers.update(peer.id, { name: 'tom', url }, 'ana'))).toBe(
      'peer_answer_invalid, url peer_not_reached',
    )
  })

  test('can be given its right address after another instance answered at the former one', async () => {
    const { tom, jerry, peer } = await known()
    await jerry.db.updateTable('remote_instances').set({ error_code: 'peer_identity_changed' }).execute()
    const url = tom.url.replace('127.0.0.1', 'localhost')
    const after = await jerry.engine.peers.update(peer.id, { name: 'tom', url, key: await keyAt(tom) }, 'ana')
    expect(after).toMatchObject({ url, status: 'online', errorCode: null })
  })

  test('takes another key only when it is one', async () => {
    const { tom, jerry, peer } = await known()
    const before = await sealedPeerKey(jerry.db, peer.id)
    const input = { name: 'tom', url: peer.url }
    expect(await refusal(jerry.engine.peers.update(peer.id, { ...input, key: noKey }, 'ana'))).toBe(
      'peer_key_refused, key key_refused',
    )
    expect(await sealedPeerKey(jerry.db, peer.id)).toBe(before)
    await jerry.engine.peers.update(peer.id, { ...input, key: await keyAt(tom), quotaCount: 4 }, 'ana')
    expect(await sealedPeerKey(jerry.db, peer.id)).not.toBe(before)
    expect(await getPeer(jerry.db, peer.id)).toMatchObject({ quotaCount: 4 })
  })

  test('makes us a new key, after which the former one is unknown there', async () => {
    const { tom, jerry, peer } = await known()
    const former = await sealedPeerKey(jerry.db, peer.id)
    await jerry.engine.peers.rotateKey(peer.id, 'ana')
    expect(await sealedPeerKey(jerry.db, peer.id)).not.toBe(former)
    expect(await jerry.engine.peers.poll(peer.id)).toMatchObject({ status: 'online' })
    expect(await listTokens(tom.db)).toHaveLength(1)
    const waiting = await tom.db
      .selectFrom('api_tokens')
      .selectAll()
      .where('replaced_by', 'is not', null)
      .execute()
    expect(waiting.every((row) => row.revoked_at !== null)).toBe(true)
  })

  test('whose answer with the new key is lost still takes the former one, and another new one', async () => {
    const { tom, jerry, peer } = await known()
    tom.onTheWay.answer = () => {
      throw new Error('cut')
    }
    expect(await refusal(jerry.engine.peers.rotateKey(peer.id, 'ana'))).toBe('peer_unreachable')
    delete tom.onTheWay.answer
    expect(await jerry.engine.peers.poll(peer.id)).toMatchObject({ status: 'online' })
    await jerry.engine.peers.rotateKey(peer.id, 'ana')
    expect(await jerry.engine.peers.poll(peer.id)).toMatchObject({ status: 'online' })
  })

  test('whose new key has rights that a later version knows is believed about the others', async () => {
    const { tom, jerry, peer } = await known()
    tom.onTheWay.answer = (path, body) =>
      path === '/tokens/rotate'
        ? JSON.stringify({ ...Object(JSON.parse(body)), scopes: ['read', 'teleport'] })
        : body
    expect(await jerry.engine.peers.rotateKey(peer.id, 'ana')).toMatchObject({ scopes: ['read'] })
  })

  test('that gives a key which it does not take keeps the former one', async () => {
    const { tom, jerry, peer } = await known()
    const former = await sealedPeerKey(jerry.db, peer.id)
    tom.onTheWay.answer = (path, body) =>
      path === '/tokens/rotate' ? JSON.stringify({ ...Object(JSON.parse(body)), token: noKey }) : body
    expect(await refusal(jerry.engine.peers.rotateKey(peer.id, 'ana'))).toBe('peer_key_refused')
    expect(await sealedPeerKey(jerry.db, peer.id)).toBe(former)
  })

  test('is removed with its tokens, and what goes on with them ends', async () => {
    const { tom, jerry } = await two()
    const invitation = await jerry.engine.peers.invite({ scopes: ['read'], ssh: false }, 'ana')
    await tom.engine.peers.join(invitation.code, { scopes: ['read'], ssh: false }, 'ben')
    const [peer] = await listPeers(jerry.db)
    const [token] = await listTokens(jerry.db)
    const signal = jerry.engine.tokens.signalOf(token?.id ?? 0)
    await jerry.engine.peers.remove(peer?.id ?? 0, 'ana')
    expect(signal.aborted).toBe(true)
    expect([await listPeers(jerry.db), await listTokens(jerry.db), await destinations(jerry)]).toEqual([
      [],
      [],
      [],
    ])
    const [side] = await listPeers(tom.db)
    expect(await tom.engine.peers.poll(side?.id ?? 0)).toMatchObject({ errorCode: 'peer_key_refused' })
    expect(await refusal(jerry.engine.peers.remove(peer?.id ?? 0, 'ana'))).toBe('peer_not_found')
  })
})
