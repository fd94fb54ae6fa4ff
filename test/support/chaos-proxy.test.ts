import { once } from 'node:events'
import { createServer, request as open, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTls, request as openTls } from 'node:https'
import { connect, createServer as createTcp, type AddressInfo, type Server } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { testAuthority } from './certificates.ts'
import { fates, type ChaosPlan } from './chaos-fate.ts'
import { createChaosProxy, type ChaosOptions } from './chaos-proxy.ts'

async function listening(server: Server): Promise<{ host: string; port: number }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

/** An HTTP server that answers with what it got, behind a proxy. */
async function echoBehind(plan: ChaosPlan, more: Pick<ChaosOptions, 'http'> = { http: {} }) {
  const bodies: string[] = []
  const echo: RequestListener = (request, response) => {
    void (async () => {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part as Buffer)
      bodies.push(Buffer.concat(parts).toString())
      response.end(Buffer.concat(parts))
    })().catch(() => response.destroy())
  }
  const target = await listening(createServer(echo))
  const proxy = await createChaosProxy({ target, seed: 7, plan, ...more })
  onTestFinished(() => proxy.close())
  return { proxy, bodies }
}

/** The answer's body, or the code of what went wrong. */
async function post(port: number, body: string, ca?: string): Promise<string> {
  const options = { host: '127.0.0.1', port, method: 'POST', agent: false } as const
  const outgoing = ca === undefined ? open(options) : openTls({ ...options, ca })
  // It may break once more after it was answered.
  outgoing.on('error', () => undefined)
  outgoing.end(body)
  try {
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    const parts: Buffer[] = []
    for await (const part of answer) parts.push(part as Buffer)
    return Buffer.concat(parts).toString()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

const text = 'x'.repeat(300_000)

test.each([
  ['bytes', {}],
  ['requests', { http: {} }],
])('without a plan %s are passed on as they are, and counted', async (_, more) => {
  const { proxy, bodies } = await echoBehind({}, more)

  expect(await post(proxy.port, text)).toBe(text)
  expect(bodies).toEqual([text])
  expect(proxy.counts.toTarget).toBeGreaterThanOrEqual(text.length)
  expect(proxy.counts.toClient).toBeGreaterThanOrEqual(text.length)
  expect(proxy.counts).toMatchObject({ connections: 1, cuts: 0 })
})

test.each([
  ['connection', {}],
  ['request', { http: {} }],
])('a %s is cut after the number of bytes that was drawn', async (_, more) => {
  const { proxy, bodies } = await echoBehind({ cut: { share: 1, afterBytes: [100_000, 100_000] } }, more)

  expect(await post(proxy.port, text)).toBe('ECONNRESET')
  expect([proxy.counts.toTarget, proxy.counts.cuts]).toEqual([100_000, 1])
  expect(bodies).toEqual([])
  proxy.setPlan({})
  expect(await post(proxy.port, text)).toBe(text)
})

test('bytes of both directions count towards a cut', async () => {
  const { proxy, bodies } = await echoBehind({ cut: { share: 1, afterBytes: [400_000, 400_000] } })
  await post(proxy.port, text)
  expect(bodies).toEqual([text])
  expect([proxy.counts.toTarget, proxy.counts.toClient, proxy.counts.cuts]).toEqual([300_000, 100_000, 1])
})

test('an answer can be truncated or lost after the request was carried out, and a request can be carried out twice', async () => {
  const { proxy, bodies } = await echoBehind({ truncate: { share: 1 } })
  expect(await post(proxy.port, text)).toBe('ECONNRESET')
  expect(proxy.counts).toMatchObject({ truncated: 1, toClient: 150_000 })

  proxy.setPlan({ lose: { share: 1 } })
  expect(await post(proxy.port, 'lost')).toBe('ECONNRESET')

  proxy.setPlan({ duplicate: { share: 1 } })
  expect(await post(proxy.port, 'twice')).toBe('twice')
  expect(bodies).toEqual([text, 'lost', 'twice', 'twice'])
  expect(proxy.counts).toMatchObject({ requests: 3, lost: 1, duplicated: 1 })
})

test('a refused connection never reaches the target; a slow and a late one does', async () => {
  const { proxy, bodies } = await echoBehind({ refuse: { share: 1 } }, {})
  expect(await post(proxy.port, 'no')).toBe('ECONNRESET')
  expect(bodies).toEqual([])

  proxy.setPlan({ slow: { share: 1, bytesPerSecond: 1_000_000 }, delay: { share: 1, ms: [1, 5] } })
  expect(await post(proxy.port, 'yes')).toBe('yes')
  expect(proxy.counts).toMatchObject({ cuts: 1, delayed: 1, slowed: 1 })
})

test('connections that are open can be cut at any time', async () => {
  const target = await listening(createTcp((socket) => void socket.on('error', () => undefined).resume()))
  const proxy = await createChaosProxy({ target, seed: 1, plan: {} })
  onTestFinished(() => proxy.close())
  const socket = connect(proxy.port, '127.0.0.1')
  socket.write('hello')
  await expect.poll(() => proxy.counts.toTarget).toBe(5)

  const broken = once(socket, 'error')
  proxy.cutAll()
  expect(await broken).toMatchObject([{ code: 'ECONNRESET' }])
  expect(proxy.counts.cuts).toBe(1)
})

test('TLS goes through unseen, or ends at the proxy where requests are to be understood', async () => {
  const authority = await testAuthority()
  const leaf = authority.leaf()
  const target = await listening(
    createTls({ key: leaf.key, cert: leaf.cert }, (request, response) => void request.pipe(response)),
  )
  const tls = { key: leaf.key, cert: leaf.cert, ca: authority.pem, servername: 'localhost' }
  for (const more of [{}, { http: { tls } }]) {
    const proxy = await createChaosProxy({ target, seed: 1, plan: {}, ...more })
    onTestFinished(() => proxy.close())
    expect(await post(proxy.port, text, authority.pem)).toBe(text)
    proxy.setPlan({ cut: { share: 1, afterBytes: [100_000, 100_000] } })
    expect(await post(proxy.port, text, authority.pem)).toBe('ECONNRESET')
    expect(proxy.counts).toMatchObject({ connections: 2, cuts: 1 })
  }
})

test('a seed draws the same fates again, another one others', () => {
  const plan: ChaosPlan = { cut: { share: 0.5, afterBytes: [1, 1_000_000] }, lose: { share: 0.3 } }
  const drawn = (seed: number) => {
    const next = fates(seed)
    return Array.from({ length: 50 }, () => next(plan))
  }
  expect(drawn(5)).toEqual(drawn(5))
  expect(drawn(5)).not.toEqual(drawn(6))
})
