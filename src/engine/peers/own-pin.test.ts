// The fingerprint that an invitation carries, against servers with all kinds of certificates.
import { once } from 'node:events'
import { createServer } from 'node:https'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { testAuthority, type Leaf } from '../../../test/support/certificates.ts'
import { engineBench } from '../../../test/support/engine.ts'
import { createPeerHttp } from '../../sys/peer-http/create.ts'
import { parseInvite } from './invite-code.ts'
import { ownPin } from './own-pin.ts'
import { createPeers } from './peers.ts'

async function serve(leaf: Leaf): Promise<string> {
  const server = createServer(leaf, (_request, response) => response.writeHead(401).end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `https://127.0.0.1:${address.port}`
}

function client() {
  const peerHttp = createPeerHttp({ allowInsecure: true })
  onTestFinished(() => peerHttp.close())
  return { peerHttp, log: pino({ level: 'silent' }) }
}

test('a certificate that nobody vouches for is pinned by the invitation', async () => {
  const leaf = (await testAuthority()).leaf({ selfSigned: true })
  const url = await serve(leaf)
  expect(await ownPin(client(), url)).toBe(leaf.sha256)
  const { deps } = await engineBench()
  const peers = createPeers(
    { ...deps, ...client(), instance: { ...deps.instance, url } },
    {
      tokens: { checkSignals: () => Promise.resolve() },
      poll: () => Promise.reject(new Error('nobody is polled')),
      changed: () => undefined,
    },
  )
  const { code } = await peers.invite({ scopes: ['read'], ssh: false }, 'ana')
  expect(parseInvite(code)).toMatchObject({ url, pin: leaf.sha256 })
})

test('there is none for plain HTTP, nor when we do not reach ourselves', async () => {
  expect(await ownPin(client(), 'http://127.0.0.1:1')).toBeNull()
  expect(await ownPin(client(), 'https://127.0.0.1:1')).toBeNull()
})
