// Instances that reach each other over HTTP on loopback: real engine, API, database and client, a stand-in for the root helper.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import type { EngineControl } from '../../src/engine/create.ts'
import { sources } from '../../src/sources/registry.ts'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { loadInstanceKey } from '../../src/sys/instance-key.ts'
import { createWeb } from '../../src/web/server.ts'
import { createRenderer } from '../../src/web/views.ts'
import { fakeEngine } from './fake-engine.ts'
import { temporaryFolder } from './temp.ts'
import { testConfig, testNow } from './web.ts'

/** What somebody on the way does with what is sent to an instance. */
export interface OnTheWay {
  /** Changes the body of a request; throwing cuts the connection before anything arrives. */
  request?: (path: string, body: string) => string
  /** Changes the answer; throwing cuts the connection after the instance has done its part. */
  answer?: (path: string, body: string) => string | Promise<string>
}

export interface LocalInstance {
  readonly name: string
  readonly id: string
  readonly url: string
  readonly dataDir: string
  readonly engine: EngineControl
  readonly db: Database['db']
  readonly clock: { time: number; now(): number }
  readonly onTheWay: OnTheWay
  /** Nobody answers any more. */
  stopListening(): Promise<void>
}

/** One instance that listens; gone when the test has finished. Nothing runs by itself. */
export async function localInstance(name: string): Promise<LocalInstance> {
  const dataDir = await temporaryFolder()
  const database = await openDatabase(join(dataDir, 'backupmanager.db'), { now: testNow })
  onTestFinished(() => database.close())
  const clock = {
    time: testNow,
    now(): number {
      return this.time
    },
  }
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = `http://127.0.0.1:${address.port}/backup`
  const identity = await loadInstanceKey(dataDir)
  const { engine } = await fakeEngine({
    db: database.db,
    clock,
    sources,
    dataDir,
    instanceName: name,
    instanceUrl: url,
  })
  const app = createWeb({
    engine,
    db: database.db,
    sources,
    config: testConfig(dataDir, { basePath: '/backup', instanceName: name, publicUrl: url }),
    clock,
    run: (file) => Promise.reject(new Error(`${file} was not expected`)),
    log: pino({ level: 'silent' }),
    version: '0.0.0-test',
    instanceId: identity.id,
    csrfKey: Buffer.alloc(32, 7),
    renderer: createRenderer({ cache: true }),
  })
  const onTheWay: OnTheWay = {}
  const listener = getRequestListener(async (request, env) => {
    try {
      return await passOn(request, env)
    } catch {
      if ('incoming' in env) env.incoming.socket.destroy()
      return new Response()
    }
  })
  async function passOn(request: Request, env: object): Promise<Response> {
    const path = new URL(request.url).pathname.replace('/backup/api/v1', '')
    let asked = request
    if (onTheWay.request && request.body !== null) {
      const body = onTheWay.request(path, await request.text())
      const headers = new Headers(request.headers)
      headers.set('content-length', String(Buffer.byteLength(body)))
      asked = new Request(request.url, { method: request.method, headers, body })
    }
    const answer = await app.fetch(asked, env)
    if (!onTheWay.answer) return answer
    const headers = new Headers(answer.headers)
    headers.delete('content-length')
    const passed = await onTheWay.answer(path, await answer.text())
    return new Response(passed, { status: answer.status, headers })
  }
  server.on('request', (request, response) => {
    void listener(request, response)
  })
  const stopListening = async () => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  onTestFinished(async () => {
    await stopListening()
    await engine.stop()
  })
  return { name, id: identity.id, url, dataDir, engine, db: database.db, clock, onTheWay, stopListening }
}
