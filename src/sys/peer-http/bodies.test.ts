import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import {
  client,
  get,
  httpServer,
  json,
  rawServer,
  target,
  trustedAuthority,
  zeros,
} from './peer-http-world.ts'

const post = (length: number, bytes: AsyncIterable<Uint8Array>, signal = new AbortController().signal) =>
  get({ method: 'POST', path: '/archives/upload/1/chunk/0', body: { length, bytes }, signal })

async function* of(...pieces: Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces
}

describe('sending', () => {
  test('JSON goes with its length', async () => {
    const seen: unknown[] = []
    const server = await httpServer((request, response) => {
      seen.push(request.headers['content-type'], request.headers['content-length'])
      request.on('data', (piece: Buffer) => seen.push(piece.toString()))
      request.on('end', () => json({})(request, response))
    })
    await client().request(target(server.port), get({ method: 'POST', json: { name: 'é' } }))
    expect(seen).toEqual(['application/json', '13', '{"name":"é"}'])
  })

  test('raw bytes arrive as they are, with their length', async () => {
    const pieces = [randomBytes(300_000), Buffer.alloc(0), randomBytes(1), randomBytes(900_000)]
    const whole = Buffer.concat(pieces)
    const { leaf } = await trustedAuthority()
    const server = await httpServer((request, response) => {
      const hash = createHash('sha256')
      request.on('data', (piece: Buffer) => hash.update(piece))
      request.on('end', () =>
        json([
          request.headers['content-length'],
          request.headers['transfer-encoding'] ?? null,
          hash.digest('hex'),
        ])(request, response),
      )
    }, leaf())
    const answer = await client().request(
      target(server.port, { secure: true }),
      post(whole.length, of(...pieces)),
    )
    expect(answer.json).toEqual([
      String(whole.length),
      null,
      createHash('sha256').update(whole).digest('hex'),
    ])
  })

  test('no more is asked of the source than the other side takes', async () => {
    const server = await rawServer((socket) => {
      socket.once('data', () => socket.pause())
    })
    let asked = 0
    const stop = new AbortController()
    const call = client()
      .request(
        target(server.port),
        post(
          1e9,
          zeros(1e9, (sent) => (asked = sent)),
          stop.signal,
        ),
      )
      .catch((error: unknown) => error)
    let before = -1
    await eventually(async () => {
      const still = asked === before && asked > 0
      before = asked
      await new Promise((resolve) => setTimeout(resolve, 100))
      return still
    })
    expect(asked).toBeLessThan(50e6)
    stop.abort(new Error('gone'))
    expect(await call).toMatchObject({ message: 'gone' })
    for (const socket of server.sockets) socket.resume()
    await eventually(() => server.sockets.size === 0)
  })

  test.each([
    ['too few', 10, 5],
    ['too many', 5, 10],
  ])('%s bytes are never taken for the body', async (_, promised, given) => {
    let whole = 0
    const server = await httpServer((request, response) => {
      request.on('end', () => (whole += 1))
      request.on('error', () => response.destroy())
      request.resume()
    })
    await expect(
      client().request(target(server.port), post(promised, of(Buffer.alloc(given)))),
    ).rejects.toMatchObject({ code: 'internal' })
    await eventually(() => server.sockets.size === 0)
    expect(whole).toBe(0)
  })

  test('what the source fails with is told, and the request is broken off', async () => {
    const server = await httpServer((request) => request.on('error', () => undefined).resume())
    const failing = (async function* () {
      yield Buffer.alloc(100)
      throw new Error('the disk is gone')
    })()
    await expect(client().request(target(server.port), post(200, failing))).rejects.toThrow(
      'the disk is gone',
    )
    await eventually(() => server.sockets.size === 0)
  })

  test('nothing is asked of the source of a request that reaches nobody', async () => {
    let asked = 0
    const http = client()
    await expect(
      http.request(
        target(1),
        post(
          100,
          zeros(100, () => (asked += 1)),
        ),
      ),
    ).rejects.toMatchObject({ code: 'peer_unreachable' })
    expect(asked).toBe(0)
  })

  test('a server that stops taking bytes is given up', async () => {
    const server = await rawServer((socket) => {
      socket.once('data', () => socket.pause())
    })
    await expect(
      client().request(target(server.port), { ...post(1e9, zeros(1e9)), idleMs: 200 }),
    ).rejects.toMatchObject({
      code: 'peer_unreachable',
      facts: { detail: expect.stringContaining('timed out') },
    })
    for (const socket of server.sockets) socket.resume()
    await eventually(() => server.sockets.size === 0)
  })
})

describe('an answer that comes while we are still sending counts', () => {
  const refusal =
    'HTTP/1.1 413 Too Large\r\nContent-Type: application/problem+json\r\nContent-Length: 25\r\nConnection: close\r\n\r\n{"code":"body_too_large"}'

  test.each([false, true])('from a server that closes at once (TLS: %s)', async (secure) => {
    const { leaf } = await trustedAuthority()
    const server = await rawServer(
      (socket) => {
        socket.once('data', () => {
          socket.end(refusal)
          socket.pause()
        })
      },
      secure ? leaf() : undefined,
    )
    let asked = 0
    const body = zeros(1e9, (sent) => (asked = sent))
    const answer = await client().request(target(server.port, { secure }), post(1e9, body))
    expect(answer).toMatchObject({ status: 413, json: { code: 'body_too_large' } })
    expect(asked).toBeLessThan(100e6)
  })

  test.each([401, 413])('from a server that is polite: %s', async (status) => {
    const server = await httpServer((_, response) => {
      response.writeHead(status, { 'content-type': 'application/problem+json' })
      response.end('{"code":"no"}')
    })
    const body = zeros(1e9)
    const answer = await client().request(target(server.port), post(1e9, body))
    expect(answer).toMatchObject({ status, json: { code: 'no' } })
    await eventually(() => server.sockets.size === 0)
  })

  test('also when the source of the body hangs', async () => {
    const server = await httpServer((_, response) => {
      response.writeHead(401, { 'content-type': 'application/problem+json' })
      response.end('{}')
    })
    const hanging = (async function* () {
      yield Buffer.alloc(10)
      await new Promise(() => undefined)
    })()
    expect(await client().request(target(server.port), post(20, hanging))).toMatchObject({ status: 401 })
  })
})

describe('downloading', () => {
  test('hands the bytes over as they come, however slowly they are read', async () => {
    const whole = randomBytes(3_000_000)
    const server = await httpServer((request, response) => {
      expect(request.headers.range).toBe('bytes=5-')
      response.writeHead(206, { 'content-type': 'application/octet-stream', 'content-length': whole.length })
      response.end(whole)
    })
    const got = await client().download(
      target(server.port),
      get({ path: '/archives/a/download', headers: { Range: 'bytes=5-' }, idleMs: 100 }),
    )
    if (!got.ok) throw new Error('refused')
    expect(got.answer).toMatchObject({ status: 206 })
    const pieces: Buffer[] = []
    for await (const piece of got.answer.body) {
      pieces.push(piece as Buffer)
      // Longer than the other side may take.
      if (pieces.length === 2) await new Promise((resolve) => setTimeout(resolve, 250))
    }
    expect(Buffer.concat(pieces).equals(whole)).toBe(true)
  })

  test('a refusal is read like any other', async () => {
    const server = await httpServer((_, response) => {
      response.writeHead(404, { 'content-type': 'application/problem+json' })
      response.end('{"code":"archive_not_found"}')
    })
    expect(await client().download(target(server.port), get())).toMatchObject({
      ok: false,
      answer: { status: 404, json: { code: 'archive_not_found' } },
    })
  })

  test.each([
    ['breaks off', true, 'broke the connection off'],
    ['hangs', false, 'timed out'],
  ])('a body that %s fails in words', async (_, close, words) => {
    const server = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc')
        if (close) setTimeout(() => socket.destroy(), 30)
      })
    })
    const got = await client().download(target(server.port), get({ idleMs: close ? 10_000 : 150 }))
    if (!got.ok) throw new Error('refused')
    const { body } = got.answer
    body.resume()
    const [error] = await once(body, 'error')
    expect(error).toMatchObject({
      code: 'peer_unreachable',
      facts: { detail: expect.stringContaining(words) },
    })
    await eventually(() => server.sockets.size === 0)
  })

  test('ends with its reader, and with the one who asked', async () => {
    const server = await httpServer((_, response) => {
      response.writeHead(200, { 'content-length': 1e9 })
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      }
      response.on('drain', more)
      more()
    })
    const http = client()
    const first = await http.download(target(server.port), get())
    if (first.ok) first.answer.body.destroy()
    await eventually(() => server.sockets.size === 0)
    const stop = new AbortController()
    const second = await http.download(target(server.port), get({ signal: stop.signal }))
    if (!second.ok) throw new Error('refused')
    const failed = once(second.answer.body, 'error')
    stop.abort(new Error('gone'))
    expect(await failed).toMatchObject([{ message: 'gone' }])
    await eventually(() => server.sockets.size === 0)
  })

  test('leaves the connection for the next request when it was read to its end', async () => {
    const server = await httpServer(json({ a: 1 }))
    const http = client()
    for (let round = 0; round < 3; round += 1) {
      const got = await http.download(target(server.port), get())
      if (got.ok) await got.answer.body.toArray()
    }
    expect(server.connections()).toBe(1)
  })
})
