import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { incomingBytes } from './incoming-bytes.ts'

/** A server on loopback; its port. */
async function serve(handle: (incoming: IncomingMessage, answer: ServerResponse) => Promise<void>) {
  const failures: unknown[] = []
  const server = createServer((incoming, answer) => {
    handle(incoming, answer).catch((error: unknown) => failures.push(error))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, failures }
}

async function post(port: number, body: Buffer): Promise<string> {
  const sent = request({
    port,
    host: '127.0.0.1',
    method: 'POST',
    headers: { 'Content-Length': body.length },
  })
  sent.end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const piece of answer.setEncoding('utf8')) text += piece
  return text
}

test('gives every byte once and in order, and takes the memory of a piece back when the next one is asked for', async () => {
  const body = randomBytes(5_000_000)
  const held: Uint8Array[] = []
  let equal = false
  const { port } = await serve(async (incoming, answer) => {
    const copies: Buffer[] = []
    for await (const piece of incomingBytes(incoming)) {
      held.push(piece)
      copies.push(Buffer.from(piece))
    }
    equal = Buffer.concat(copies).equals(body)
    answer.end('done')
  })
  expect(await post(port, body)).toBe('done')
  expect(equal).toBe(true)
  const kept = held.reduce((sum, piece) => sum + piece.byteLength, 0)
  expect(kept).toBeLessThan(body.length / 2)
})

test('an answer can still be sent by who stops in the middle, and the next request comes through', async () => {
  const { port } = await serve(async (incoming, answer) => {
    for await (const piece of incomingBytes(incoming)) {
      answer.end(`enough after ${piece.length > 0}`)
      break
    }
    incoming.resume()
  })
  expect(await post(port, randomBytes(3_000_000))).toBe('enough after true')
  expect(await post(port, randomBytes(10))).toBe('enough after true')
})

test('an empty body ends at once', async () => {
  const { port } = await serve(async (incoming, answer) => {
    const { done } = await incomingBytes(incoming).next()
    answer.end(String(done))
  })
  expect(await post(port, Buffer.alloc(0))).toBe('true')
})

test('a connection that is cut is an error, not an end', async () => {
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<string>()
  const { port } = await serve(async (incoming) => {
    try {
      for await (const _ of incomingBytes(incoming)) begun.resolve()
      ended.resolve('an end')
    } catch (error) {
      ended.resolve(String(error))
    }
  })
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf')
  await begun.promise
  socket.destroy()
  expect(await ended.promise).toMatch(/aborted|in the middle/)
})
