// The real listener, on a port and on a socket.
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { seedArchives } from '../../test/support/archives.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import { testWeb } from '../../test/support/web.ts'
import { isProblem } from '../domain/problem.ts'
import { cursorOf, live } from './live.ts'
import { listenerLimits } from './listen.ts'
import { serveWeb } from './server.ts'

function ask(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, headers: { host: 'jerry.example' } }, (answer) => {
      let body = ''
      answer.on('data', (chunk: Buffer) => (body += chunk.toString()))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }))
    })
      .on('error', reject)
      .end()
  })
}

test('serves on a free port and says where', async () => {
  const { app } = await testWeb()
  const served = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  expect(served.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(await (await fetch(`${served.url}/healthz`)).text()).toBe('ok')
  await served.close()
  await expect(fetch(`${served.url}/healthz`)).rejects.toThrow('fetch failed')
})

test('serves on a socket that others cannot open, and takes it away at the end', async () => {
  const { app } = await testWeb()
  const path = join(await temporaryFolder(), 'web.sock')
  const served = await serveWeb(app, { kind: 'unix', path })
  expect(statSync(path).mode & 0o777).toBe(0o660)
  expect(served.url).toBe(`unix:${path}`)
  expect(await ask(path, '/healthz')).toEqual({ status: 200, body: 'ok' })
  await served.close()
  expect(existsSync(path)).toBe(false)
})

test('takes over a socket that a crash left behind, but not one that is in use, nor a file', async () => {
  const { app } = await testWeb()
  const path = join(await temporaryFolder(), 'web.sock')
  const first = await serveWeb(app, { kind: 'unix', path })
  await expect(serveWeb(app, { kind: 'unix', path })).rejects.toSatisfy((e) =>
    isProblem(e, 'instance_locked'),
  )
  await first.close()

  const file = `${path}.file`
  writeFileSync(file, 'precious')
  await expect(serveWeb(app, { kind: 'unix', path: file })).rejects.toSatisfy((e) =>
    isProblem(e, 'instance_locked'),
  )
  expect(existsSync(file)).toBe(true)
})

test('refuses a port that is taken', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void taken.close())
  await once(taken, 'listening')
  const address = taken.address()
  const { app } = await testWeb()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await expect(serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE')
})

test('closing ends live streams at once and lets other answers end', async () => {
  const { app, deps, machine } = await testWeb()
  await seedArchives(deps.db, { name: 'a' }, { name: 'b' })
  const gate = Promise.withResolvers<void>()
  machine.verifyGate = gate.promise
  const served = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  const stream = await fetch(`${served.url}/archives/a/live`)
  const whole = stream.text()
  const html = await (await fetch(`${served.url}/settings`)).text()
  const token = /name="_csrf" value="([^"]+)"/.exec(html)?.[1] ?? ''
  const slow = fetch(`${served.url}/archives/a/verify`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ _csrf: token }),
  })
  await eventually(() => deps.engine.verifying().includes('a'))
  const closed = served.close()
  await expect(whole).rejects.toThrow('terminated')
  expect((await slow).status).toBe(303)
  await closed
  gate.resolve()
  await eventually(() => deps.engine.verifying().length === 0)
})

test('a live stream is told that its browser is gone', async () => {
  const { app } = await testWeb()
  const gone = Promise.withResolvers<boolean>()
  app.get('/endless', (c) =>
    live(c, async ({ signal, log }) => {
      await log(1, 'first')
      await once(signal, 'abort')
      gone.resolve(signal.aborted)
    }),
  )
  const served = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  onTestFinished(() => served.close())
  const socket = connect(Number(new URL(served.url).port), '127.0.0.1')
  socket.write('GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(socket, 'data')
  socket.destroy()
  expect(await gone.promise).toBe(true)
})

test('a stream that has nothing more to tell says so, so that the browser does not come again', async () => {
  const { app } = await testWeb()
  app.get('/short', (c) => live(c, ({ log }) => log(cursorOf(c) + 5, 'five\n')))
  const short = async (headers: Record<string, string>) =>
    (await app.request('/short?cursor=7', { headers })).text()
  expect(await short({})).toBe(
    'event: log\ndata: {"cursor":12,"text":"five\\n"}\nid: 12\n\nevent: end\ndata: done\n\n',
  )
  expect(await short({ 'last-event-id': '100' })).toContain('"cursor":105')
  expect(await short({ 'last-event-id': '<x>' })).toContain('"cursor":5')
})

test('a connection that dribbles its headers is ended, one that only says nothing too', async () => {
  const { app } = await testWeb()
  const limits = { ...listenerLimits, headersMs: 100, requestMs: 200, lookMs: 20 }
  const served = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 }, limits)
  onTestFinished(() => served.close())
  for (const sent of ['GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ', '']) {
    const socket = connect(Number(new URL(served.url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString()))
    socket.write(sent)
    await once(socket, 'close')
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
  }
})

test('headers of more than 16 KiB are refused', async () => {
  const { app } = await testWeb()
  const served = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  onTestFinished(() => served.close())
  const answer = await fetch(`${served.url}/healthz`, { headers: { 'x-large': 'x'.repeat(17_000) } })
  expect(answer.status).toBe(431)
})

test('closing does not wait for connections that are only kept alive', async () => {
  const { app } = await testWeb()
  const served = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  const status = await new Promise((resolve, reject) => {
    request(`${served.url}/healthz`, { agent }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode))
    })
      .on('error', reject)
      .end()
  })
  expect(status).toBe(200)
  await served.close()
})

test('a body that is too large is refused before it comes, and the connection ends', async () => {
  const { app, deps } = await testWeb()
  const { secret } = await deps.engine.tokens.create({ name: 'script', scopes: ['admin'] }, 'test')
  const served = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  onTestFinished(() => served.close())
  const ask = (key: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(served.url).port), '127.0.0.1')
      let answer = ''
      socket.on('data', (bytes: Buffer) => (answer += bytes.toString()))
      socket.on('close', () => resolve(answer))
      socket.on('error', reject)
      socket.write(
        `POST /api/v1/archives/a/restore HTTP/1.1\r\nHost: localhost\r\nX-BackupManager-Key: ${key}\r\n` +
          `Content-Type: application/json\r\nContent-Length: 104857600\r\n\r\n{"options":`,
      )
    })
  expect(await ask(secret)).toMatch(/^HTTP\/1\.1 413 [^]*"code":"body_too_large"/)
  expect(await ask('f'.repeat(64))).toMatch(/^HTTP\/1\.1 401 [^]*"code":"unauthenticated"/)
})

test('whoever sends a large body that is refused gets the answer, not a reset connection', async () => {
  const { app, deps } = await testWeb()
  const { secret } = await deps.engine.tokens.create({ name: 'script', scopes: ['upload'] }, 'test')
  const served = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  onTestFinished(() => served.close())
  const send = (path: string, headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const asked = request(
        `${served.url}/api/v1${path}`,
        { method: 'POST', agent: false, headers },
        (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode))
        },
      )
      asked.on('error', reject)
      asked.end(Buffer.alloc(20 * 2 ** 20))
    })
  // As nginx asks.
  const close = { connection: 'close' }
  const key = { 'x-backupmanager-key': secret, ...close }
  const digest = { 'content-digest': 'sha-256=:LXEWQrcmsETE0YuGqbiW2+tpQdEcYT6GkB1cEHpRPIk=:' }
  expect(await send('/archives/upload/none/chunk/0', { ...key, ...digest })).toBe(404)
  expect(await send('/archives/upload/start', { ...key, 'content-type': 'application/json' })).toBe(413)
  expect(await send('/archives/upload/none/chunk/0', { ...close, ...digest })).toBe(401)
})
