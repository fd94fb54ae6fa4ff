import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { client, get, httpServer, json, key, rawServer, target } from './peer-http-world.ts'

const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'

/** What a request to a server that sends these bytes fails with. */
async function failure(
  bytes: string | Buffer,
  more: { close?: boolean; idleMs?: number } = {},
): Promise<unknown> {
  const server = await rawServer((socket) => {
    socket.once('data', () => {
      socket.write(bytes)
      if (more.close ?? true) socket.end()
    })
  })
  const outcome = await client()
    .request(target(server.port), get({ idleMs: more.idleMs ?? 10_000 }))
    .then(
      (answer) => ({ answer }),
      (error: unknown) => error,
    )
  await eventually(() => server.sockets.size === 0)
  expect(inspect(outcome, { depth: 20, showHidden: true })).not.toContain(key)
  return outcome
}

const invalid = (words: string) => ({
  code: 'peer_answer_invalid',
  facts: { detail: expect.stringContaining(words) },
})
const unreachable = (words: string) => ({
  code: 'peer_unreachable',
  facts: { detail: expect.stringContaining(words) },
})

describe('an answer', () => {
  test('with an error status is an answer', async () => {
    const server = await httpServer((_, response) => {
      response.writeHead(409, { 'content-type': 'application/problem+json; charset=utf-8', 'x-a': 'b' })
      response.end('{"code":"archive_exists"}')
    })
    expect(await client().request(target(server.port), get())).toMatchObject({
      status: 409,
      headers: { 'x-a': 'b' },
      json: { code: 'archive_exists' },
    })
  })

  test.each([204, 304])('without a body (%s) has no JSON', async (status) => {
    const server = await httpServer((_, response) => void response.writeHead(status, { etag: '"1"' }).end())
    expect(await client().request(target(server.port), get())).toMatchObject({ status, json: null })
  })

  test('may use every level that answers have, and not many more', async () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
    const answer = (body: string): string => `${head}Content-Length: ${body.length}\r\n\r\n${body}`
    expect(await failure(answer(nested(64)))).toMatchObject({ answer: { status: 200 } })
    expect(await failure(answer(nested(65)))).toMatchObject(invalid('more than 64 levels'))
    expect(await failure(answer(nested(10_000)))).toMatchObject(invalid('more than 64 levels'))
    expect(await failure(answer(`{"a\\"":"${'['.repeat(100)}"}`))).toMatchObject({ answer: { status: 200 } })
  })

  test.each<[string, string | Buffer, object]>([
    [
      'HTML',
      'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>',
      invalid('HTML'),
    ],
    [
      'a page of the web server',
      'HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>',
      unreachable('502'),
    ],
    ['nothing', '', unreachable('broke the connection off')],
    ['our own key', `HTTP/1.1 200 ${key}\r\nContent-Length: x${key}\r\n\r\n`, invalid('not HTTP')],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', invalid('not HTTP')],
    ['broken JSON', `${head}Content-Length: 1\r\n\r\n{`, invalid('not valid JSON')],
    [
      'no UTF-8',
      Buffer.concat([Buffer.from(`${head}Content-Length: 3\r\n\r\n"`), Buffer.from([0xff, 0x22])]),
      invalid('not valid JSON'),
    ],
    [
      'less than it promised',
      `${head}Content-Length: 100\r\n\r\n{}`,
      unreachable('broke the connection off'),
    ],
    ['garbage for chunks', `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}`, invalid('not HTTP')],
    [
      'chunks without an end',
      `${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n`,
      unreachable('broke the connection off'),
    ],
    ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} `, invalid('not HTTP')],
    ['too long headers', `${head}X: ${'x'.repeat(100_000)}\r\n\r\n`, invalid('headers')],
    [
      'compressed',
      Buffer.concat([Buffer.from(`${head}Content-Encoding: gzip\r\n\r\n`), gzipSync('{}')]),
      invalid('compressed'),
    ],
  ])('that is %s is refused in words', async (_, bytes, expected) => {
    expect(await failure(bytes)).toMatchObject(expected)
  })

  test('that leads elsewhere is not followed, and only the host is told', async () => {
    let followed = 0
    const other = await httpServer((_, response) => {
      followed += 1
      response.end()
    })
    for (const status of [301, 302, 307, 308]) {
      const location = `http://127.0.0.1:${other.port}/secret?token=1`
      const server = await httpServer((_, response) => void response.writeHead(status, { location }).end())
      const refused = await client()
        .request(target(server.port), get())
        .catch((error: unknown) => error)
      expect(refused).toMatchObject({ ...invalid(`127.0.0.1:${other.port}`), facts: { status } })
      expect(String(refused)).not.toContain('secret')
    }
    expect(followed).toBe(0)
  })

  test('of ten gigabytes is read no further than the limit', async () => {
    let sent = 0
    const zeros = Buffer.alloc(65_536)
    const server = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write(`${head}Connection: close\r\n\r\n`)
        const more = (): void => {
          while (sent < 10e9 && !socket.destroyed) {
            sent += zeros.length
            if (!socket.write(zeros)) return
          }
        }
        socket.on('drain', more)
        more()
      })
    })
    const call = client().request(target(server.port), get({ maxBytes: 1_000_000 }))
    await expect(call).rejects.toMatchObject(invalid('more than 1000000 bytes'))
    await eventually(() => server.sockets.size === 0)
    expect(sent).toBeLessThan(50e6)
  })

  test('that promises more than the limit is not read at all', async () => {
    expect(await failure(`${head}Content-Length: 9999999\r\n\r\n`, { close: false })).toMatchObject(
      invalid('more than'),
    )
  })
})

describe('a server that hangs', () => {
  test.each([
    ['before its answer', ''],
    ['in its headers', 'HTTP/1.1 200 OK\r\n'],
    ['in its body', `${head}Content-Length: 10\r\n\r\n{`],
  ])('%s is given up', async (_, bytes) => {
    expect(await failure(bytes, { close: false, idleMs: 150 })).toMatchObject(unreachable('timed out'))
  })

  test('in the handshake is given up', async () => {
    const server = await rawServer((socket) => void socket.resume())
    await expect(
      client().request(target(server.port, { secure: true }), get({ idleMs: 150 })),
    ).rejects.toMatchObject(unreachable('timed out'))
    await eventually(() => server.sockets.size === 0)
  })

  test('never quite is given up when all of it takes too long', async () => {
    const server = await rawServer((socket) => {
      socket.write(`${head}Content-Length: 100000\r\n\r\n`)
      const timer = setInterval(() => socket.write(' '), 10)
      socket.once('close', () => clearInterval(timer))
    })
    await expect(
      client().request(target(server.port), get({ idleMs: 5000, totalMs: 300 })),
    ).rejects.toMatchObject(unreachable('timed out'))
    await eventually(() => server.sockets.size === 0)
  })
})

test('a port where nobody listens, and a name that nobody has, are told in words', async () => {
  const http = client()
  const nobody = target(1)
  await expect(http.request(nobody, get())).rejects.toMatchObject(
    unreachable('refuses connections to port 1'),
  )
  const unnamed = { url: 'https://no-such-host.invalid', key, certPin: null }
  await expect(http.request(unnamed, get())).rejects.toMatchObject({ code: 'peer_unreachable' })
})

describe('whoever asked may leave', () => {
  test('before it begins', async () => {
    const server = await httpServer(json({}))
    const reason = new Error('gone')
    await expect(
      client().request(target(server.port), get({ signal: AbortSignal.abort(reason) })),
    ).rejects.toBe(reason)
    expect(server.connections()).toBe(0)
  })

  test.each([
    ['in the handshake', true, ''],
    ['while the answer is awaited', false, ''],
    ['in the middle of the answer', false, `${head}Content-Length: 10\r\n\r\n{`],
  ])('%s, and the connection goes', async (_, secure, bytes) => {
    const stop = new AbortController()
    const reason = new Error('gone')
    const server = await rawServer((socket) => {
      socket.once('data', () => {
        if (bytes !== '') socket.write(bytes)
        setTimeout(() => stop.abort(reason), 20)
      })
    })
    await expect(
      client().request(target(server.port, { secure }), get({ signal: stop.signal })),
    ).rejects.toBe(reason)
    await eventually(() => server.sockets.size === 0)
  })

  test('closing the client ends everything', async () => {
    const server = await httpServer(() => undefined)
    const http = client()
    const call = http.request(target(server.port), get()).catch((error: unknown) => error)
    await eventually(() => server.connections() === 1)
    http.close()
    expect(await call).toMatchObject({ code: 'cancelled' })
    await eventually(() => server.sockets.size === 0)
  })
})

test('a connection is used again, and one that was closed meanwhile is no failure', async () => {
  const server = await httpServer(json({}))
  const http = client()
  for (let round = 0; round < 3; round += 1) await http.request(target(server.port), get())
  expect(server.connections()).toBe(1)
  // It closes in the moment in which the next request is sent.
  const rude = await rawServer((socket) => {
    let asked = 0
    socket.on('data', () => {
      asked += 1
      if (asked > 1) return socket.destroy()
      return socket.write(`${head}Content-Length: 2\r\n\r\n{}`)
    })
  })
  await http.request(target(rude.port), get())
  expect(await http.request(target(rude.port), get())).toMatchObject({ status: 200 })
  expect(rude.connections()).toBe(2)
  // What may have been done already is not done twice.
  await expect(http.request(target(rude.port), get({ method: 'POST' }))).rejects.toMatchObject({
    code: 'peer_unreachable',
  })
})
