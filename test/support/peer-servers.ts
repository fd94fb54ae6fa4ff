// Small servers that answer like another instance, or as none should. Loopback, plain HTTP, gone when the test has finished.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { EngineDeps } from '../../src/engine/deps.ts'
import { peerKeyPlace } from '../../src/engine/peers/target.ts'
import { insertPeer, updatePeer } from '../../src/store/peers.ts'

export interface PeerServer {
  readonly url: string
  /** `METHOD path` of every request, in their order. */
  readonly asked: string[]
  answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>
}

/** Starts one; `answer` may be changed later. */
export async function peerServer(answer: PeerServer['answer']): Promise<PeerServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method ?? ''} ${(request.url ?? '').replace('/api/v1', '')}`)
    // A client that hangs up is no fault of the test.
    response.on('error', () => undefined)
    void it.answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  )
  const { port } = server.address() as AddressInfo
  const it: PeerServer = { url: `http://127.0.0.1:${port}`, asked, answer }
  return it
}

/** Answers with JSON. */
export function sendJson(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}

/** Answers with a problem document. */
export function sendProblem(response: ServerResponse, status: number, code: string): void {
  const document = { type: 'about:blank', title: code, status, detail: code, code }
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(document))
}

/** The body of a request as JSON. */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

/** A peer at that address, with a key; its id. */
export async function addPeer(
  deps: Pick<EngineDeps, 'db' | 'vault' | 'clock'>,
  name: string,
  url: string,
): Promise<number> {
  const id = await insertPeer(
    deps.db,
    {
      uid: null,
      name,
      url,
      sealedKey: '',
      publicKey: null,
      certPin: null,
      scopes: null,
      quotaBytes: null,
      quotaCount: null,
      holdDays: 0,
      ssh: null,
    },
    deps.clock.now(),
  )
  const sealedKey = deps.vault.seal('ab'.repeat(32), peerKeyPlace(id))
  await updatePeer(deps.db, id, { sealedKey }, deps.clock.now())
  await deps.db
    .insertInto('destinations')
    .values({ kind: 'peer', name, peer_id: id, created_at: deps.clock.now() })
    .execute()
  return id
}
