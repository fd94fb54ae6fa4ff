// The dashboard for tests: a real database in a temporary folder, the engine over a stand-in helper, no listener.
import type { Hono } from 'hono'
import { join } from 'node:path'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import type { Config } from '../../src/config.ts'
import { sources } from '../../src/sources/registry.ts'
import { openDatabase } from '../../src/store/database.ts'
import { type Run } from '../../src/sys/process.ts'
import { createWeb } from '../../src/web/server.ts'
import type { WebDeps, WebEnv } from '../../src/web/page.ts'
import { createRenderer } from '../../src/web/views.ts'
import { fakeEngine, type FakeMachine } from './fake-engine.ts'
import { temporaryFolder } from './temp.ts'

/** Saturday 21 November 2026, 10:00 in Paris. */
export const testNow = Date.UTC(2026, 10, 21, 9)

export interface TestWeb {
  readonly app: Hono<WebEnv>
  readonly deps: WebDeps
  readonly machine: FakeMachine
  readonly clock: { time: number; now(): number }
  /** Lines that the server logged. */
  readonly logged: string[]
  /** A page as the browser gets it. */
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>
  /** Sends a form with its token, as a browser on the same site does. */
  readonly post: (
    path: string,
    fields?: FormFields,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>
}

export type FormFields = Readonly<Record<string, string | readonly string[]>>

/** Calls no program: for pages that need none. */
const noPrograms: Run = (file) => Promise.reject(new Error(`${file} was not expected`))

/** Sets everything up; gone when the test has finished. Sign-in is off unless the test says otherwise. */
export async function testWeb(
  options: { readonly config?: Partial<Config>; readonly run?: Run; readonly folder?: string } = {},
): Promise<TestWeb> {
  const dataDir = options.folder ?? (await temporaryFolder())
  const database = await openDatabase(join(dataDir, 'test.db'), { now: testNow })
  onTestFinished(() => database.close())
  const clock = {
    time: testNow,
    now(): number {
      return this.time
    },
  }
  const { engine, machine } = await fakeEngine({ db: database.db, clock, sources, dataDir })
  const logged: string[] = []
  const deps: WebDeps = {
    engine,
    db: database.db,
    sources,
    config: testConfig(dataDir, options.config),
    clock,
    run: options.run ?? noPrograms,
    log: pino({ level: 'info' }, { write: (line: string) => void logged.push(line) }),
    version: '0.0.0-test',
    instanceId: 'key-fingerprint',
    csrfKey: Buffer.alloc(32, 7),
    renderer: createRenderer({ cache: true }),
  }
  const app = createWeb(deps)
  const get: TestWeb['get'] = async (path, headers = {}) => app.request(path, { headers })
  return { app, deps, machine, clock, logged, get, post: poster(app) }
}

/** The configuration of a test instance. */
export function testConfig(dataDir: string, change: Partial<Config> = {}): Config {
  return {
    dataDir,
    archivesDir: join(dataDir, 'archives'),
    listen: { kind: 'tcp', host: '127.0.0.1', port: 8787 },
    basePath: '',
    instanceName: 'jerry',
    publicUrl: 'http://localhost',
    auth: 'none',
    yunohost: ['yunohost'],
    allowInsecurePeers: false,
    logLevel: 'info',
    timeZone: 'Europe/Paris',
    rootHelper: { kind: 'command', argv: ['false'] },
    inbox: null,
    proxySecretFile: null,
    ...change,
  }
}

function poster(app: Hono<WebEnv>): TestWeb['post'] {
  return async (path, fields = {}, headers = {}) => {
    const body = new URLSearchParams()
    for (const [name, value] of Object.entries(fields)) {
      for (const one of [value].flat()) body.append(name, one)
    }
    if (!body.has('_csrf')) body.set('_csrf', await tokenOf(app, headers))
    return app.request(path, {
      method: 'POST',
      body: body.toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(body.toString().length),
        origin: 'http://localhost',
        'sec-fetch-site': 'same-origin',
        ...headers,
      },
    })
  }
}

/** The form token that the settings page carries for whoever asks. */
async function tokenOf(app: Hono<WebEnv>, headers: Readonly<Record<string, string>>): Promise<string> {
  const html = await (await app.request('/settings', { headers })).text()
  return /name="_csrf" value="([^"]+)"/.exec(html)?.[1] ?? ''
}
