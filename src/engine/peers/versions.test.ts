// Pairing with instances of other versions, and with those whose certificate no authority vouches for.
import { describe, expect, onTestFinished, test } from 'vitest'
import { engineBench } from '../../../test/support/engine.ts'
import { joinRequest } from '../../../test/support/join-request.ts'
import { localInstance, type LocalInstance } from '../../../test/support/local-instances.ts'
import { joinedSchema, joinedText } from '../../domain/api/pairing.ts'
import { pairingScopes } from '../../domain/token.ts'
import { listPeers } from '../../store/peers.ts'
import { loadInstanceKey } from '../../sys/instance-key.ts'
import { createPeerHttp } from '../../sys/peer-http/create.ts'
import { signText } from './identity.ts'
import { createPeers } from './peers.ts'

const wanted = { scopes: pairingScopes, ssh: false }

async function pair(): Promise<{ tom: LocalInstance; jerry: LocalInstance }> {
  return { tom: await localInstance('tom'), jerry: await localInstance('jerry') }
}

async function codeOf(inviter: LocalInstance): Promise<string> {
  return (await inviter.engine.peers.invite(wanted, 'admin')).code
}

describe('instances of different versions pair', () => {
  const later = ['read', 'teleport', 'upload']

  test('rights that only a later version knows are left out, in the request', async () => {
    const { tom, jerry } = await pair()
    const request = await joinRequest(jerry, await codeOf(tom), { scopes: later })
    await tom.engine.peers.acceptJoin(request, '::1')
    expect(await listPeers(tom.db)).toMatchObject([{ name: 'jerry', scopes: ['read', 'upload'] }])
  })

  test('and in the answer, whose signature is over what was sent', async () => {
    const { tom, jerry } = await pair()
    const identity = await loadInstanceKey(tom.dataDir)
    let nonce = ''
    tom.onTheWay.request = (_path, body) => {
      nonce = String(Object(JSON.parse(body)).nonce)
      return body
    }
    tom.onTheWay.answer = (path, body) => {
      if (path !== '/pairing/join') return body
      const answer = joinedSchema.parse({ ...Object(JSON.parse(body)), scopes: later })
      return JSON.stringify({ ...answer, signature: signText(identity, joinedText(answer, jerry.id, nonce)) })
    }
    await jerry.engine.peers.join(await codeOf(tom), wanted, 'admin')
    expect(await listPeers(jerry.db)).toMatchObject([{ uid: tom.id, url: tom.url }])
  })

  test('and what else a later version says is ignored', async () => {
    const { tom, jerry } = await pair()
    tom.onTheWay.answer = (_path, body) => JSON.stringify({ ...Object(JSON.parse(body)), news: 1 })
    await jerry.engine.peers.join(await codeOf(tom), wanted, 'admin')
    expect(await listPeers(jerry.db)).toMatchObject([{ name: 'tom', status: 'online' }])
  })
})

describe('the certificate of the one who joins', () => {
  const pin = 'c'.repeat(64)

  test('is pinned by the inviter when it says which one that is, and stays when it does not', async () => {
    const { tom, jerry } = await pair()
    await tom.engine.peers.acceptJoin(await joinRequest(jerry, await codeOf(tom), { pin }), '::1')
    expect(await listPeers(tom.db)).toMatchObject([{ certPin: pin }])
    await tom.engine.peers.acceptJoin(await joinRequest(jerry, await codeOf(tom)), '::1')
    expect(await listPeers(tom.db)).toMatchObject([{ certPin: pin }])
  })

  test('is not pinned when it was put in, taken out or changed on the way', async () => {
    const { tom, jerry } = await pair()
    const code = await codeOf(tom)
    const plain = await joinRequest(jerry, code)
    const { pin: _pin, ...without } = await joinRequest(jerry, code, { pin })
    for (const request of [{ ...plain, pin }, without, { ...without, pin: 'd'.repeat(64) }]) {
      await expect(tom.engine.peers.acceptJoin(request, '::1')).rejects.toMatchObject({
        code: 'pairing_refused',
      })
    }
    expect(await listPeers(tom.db)).toEqual([])
  })

  test('is told by the one who joins when no authority vouches for it', async () => {
    const tom = await localInstance('tom')
    const { deps } = await engineBench()
    const peerHttp = createPeerHttp({ allowInsecure: true })
    onTestFinished(() => peerHttp.close())
    const instance = { ...deps.instance, id: deps.identity.id, url: 'https://jerry.example' }
    const peers = createPeers(
      { ...deps, peerHttp, instance, allowInsecurePeers: true },
      {
        tokens: { checkSignals: () => Promise.resolve() },
        poll: () => Promise.reject(new Error('nobody is polled')),
        changed: () => undefined,
        ownPin: (url) => Promise.resolve(url === instance.url ? pin : null),
      },
    )
    await peers.join(await codeOf(tom), wanted, 'admin')
    expect(await listPeers(tom.db)).toMatchObject([{ url: instance.url, certPin: pin }])
  })
})
