// The real listener, on a port and on a socket.
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { request } from 'node:http'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { seedArchives } from '../../test/support/archives.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import { testWeb } from '../../test/support/web.ts'
import { isProblem } from '../domain/problem.ts'
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
  const reader = stream.body?.getReader()
  await reader?.read()
  const html = await (await fetch(`${served.url}/settings`)).text()
  const token = /name="_csrf" value="([^"]+)"/.exec(html)?.[1] ?? ''
  const slow = fetch(`${served.url}/archives/a/verify`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ _csrf: token }),
  })
  await eventually(() => deps.engine.verifying().includes('a'))
  const closed = served.close()
  await expect(
    reader?.read().then((piece) => (piece.done ? Promise.reject(new Error('ended')) : 'more')),
  ).rejects.toThrow()
  expect((await slow).status).toBe(303)
  await closed
  gate.resolve()
  await eventually(() => deps.engine.verifying().length === 0)
})

test('a stream whose browser is gone stops looking', async () => {
  const { app, deps } = await testWeb()
  await seedArchives(deps.db, { name: 'a' })
  const served = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  onTestFinished(() => served.close())
  let looks = 0
  const { verifying } = deps.engine
  deps.engine.verifying = () => {
    looks += 1
    return verifying()
  }
  const socket = connect(Number(new URL(served.url).port), '127.0.0.1')
  socket.write('GET /archives/a/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(socket, 'data')
  await eventually(() => looks > 2)
  socket.destroy()
  // Two looks' time without a look.
  await eventually(async () => {
    const before = looks
    await new Promise((resolve) => setTimeout(resolve, 2300))
    return looks === before
  })
})
