// The API for tests: the real application and engine over a stand-in helper, with a key for every scope.
import { randomBytes } from 'node:crypto'
import type { Config } from '../../src/config.ts'
import { scopes, type Scope } from '../../src/domain/token.ts'
import { insertPeer } from '../../src/store/peers.ts'
import { testNow, testWeb, type TestWeb } from './web.ts'

/** Who asks: a key and whose it is. */
export interface TestKey {
  readonly secret: string
  readonly tokenId: number
}

export interface ApiAsk {
  readonly key?: TestKey | string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is. */
  readonly body?: string | Uint8Array<ArrayBuffer>
}

export interface ApiBench {
  readonly web: TestWeb
  /** Asks below `/api/v1`. `what`: method and path, such as `GET /health`. */
  ask(what: string, with_?: ApiAsk): Promise<Response>
  /** A key of no peer. */
  script(...granted: readonly Scope[]): Promise<TestKey>
  /** A key of a peer of that name, which is made when it is new. */
  peer(name: string, ...granted: readonly Scope[]): Promise<TestKey>
  /** The id of the row of a peer that has a key. */
  peerId(name: string): number
  /** The instance id of a peer that has a key. */
  uidOf(name: string): string
  /** An archive that came from whoever is named, as receiving leaves it. */
  received(name: string, owner: string): Promise<void>
}

/** Sets everything up; gone when the test has finished. */
export async function apiBench(options: { readonly config?: Partial<Config> } = {}): Promise<ApiBench> {
  const web = await testWeb(options)
  const { engine, db, config } = web.deps
  const peers = new Map<string, { readonly id: number; readonly uid: string }>()
  const made = async (name: string, granted: readonly Scope[], peerId: number | null) => {
    const { token, secret } = await engine.tokens.create({ name, scopes: granted, peerId }, 'test')
    return { secret, tokenId: token.id }
  }
  let tokens = 0
  return {
    web,
    async ask(what, { key, headers = {}, json, body } = {}) {
      const [method = 'GET', path = ''] = what.split(' ')
      const sent = json === undefined ? body : JSON.stringify(json)
      const all = new Headers(headers)
      if (key !== undefined) all.set('x-backupmanager-key', typeof key === 'string' ? key : key.secret)
      if (json !== undefined && !all.has('content-type')) all.set('content-type', 'application/json')
      if (sent !== undefined && !all.has('content-length')) {
        all.set('content-length', String(Buffer.byteLength(sent)))
      }
      const init = { method, headers: all, ...(sent === undefined ? {} : { body: sent }) }
      // No connection lies behind it.
      return web.app.request(`${config.basePath}/api/v1${path}`, init, {})
    },
    script: (...granted) => made(`script ${(tokens += 1)}`, granted, null),
    async peer(name, ...granted) {
      const known = peers.get(name) ?? (await addPeer(name))
      return made(`${name} ${(tokens += 1)}`, granted.length === 0 ? ['read'] : granted, known.id)
    },
    peerId: (name) => peers.get(name)?.id ?? 0,
    uidOf: (name) => peers.get(name)?.uid ?? '',
    async received(name, owner) {
      await db
        .insertInto('received_archives')
        .values({
          archive_name: name,
          owner,
          owner_name: owner,
          size_bytes: 1000,
          sha256: 'ab'.repeat(32),
          received_at: testNow,
        })
        .execute()
    },
  }

  async function addPeer(name: string) {
    const uid = randomBytes(32).toString('base64url')
    const id = await insertPeer(
      db,
      {
        uid,
        name,
        url: `https://${name}.example/backup`,
        sealedKey: '',
        // Proven by pairing: what it has left goes by its instance id.
        publicKey: 'as exchanged by pairing',
        certPin: null,
        scopes: null,
        quotaBytes: null,
        quotaCount: null,
        holdDays: 0,
        ssh: null,
      },
      testNow,
    )
    peers.set(name, { id, uid })
    return { id, uid }
  }
}

/** Every scope but the given ones and `admin`. */
export function allBut(...left: readonly Scope[]): Scope[] {
  return scopes.filter((scope) => scope !== 'admin' && !left.includes(scope))
}

/** A problem's code and status, for comparing. */
export async function problemOf(answer: Response): Promise<string> {
  const body: unknown = await answer.json()
  const code = typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : 'none'
  return `${answer.status} ${code}`
}
