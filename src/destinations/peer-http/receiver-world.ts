// A peer for tests of the carriers, written after api.md: it takes uploads, gives archives, and misbehaves as it is told.
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { Leaf } from '../../../test/support/certificates.ts'
import { chunkCount, chunkRegion, missingChunks, toRanges } from '../../domain/upload.ts'
import type { PeerTarget } from '../../sys/peer-http.ts'

/**
 * What is done to a request: `cut` while it is read (or the answer written), `lose` its answer after it was carried out, `hang`
 * without one.
 */
export type Fault =
  | { readonly how: 'cut'; readonly afterBytes: number }
  | { readonly how: 'lose' | 'truncate' | 'html' | 'twice' | 'whole' | 'delay' | 'hang' }
  | { readonly how: 'refuse'; readonly status: number; readonly code: string; readonly retryAfterS?: number }

export type What = 'start' | 'chunk' | 'finish' | 'delete' | 'download'

interface Upload {
  readonly id: string
  readonly filename: string
  readonly size: number
  readonly checksum: string
  readonly bytes: Buffer
  readonly has: Set<number>
  void: boolean
}

export interface Receiver {
  readonly target: PeerTarget
  /** Requests that came, in order: `chunk 3`. */
  readonly requests: string[]
  /** Chunk and download requests that did not end as they should have. */
  cuts: number
  /** Bytes of request and answer bodies. */
  bytesIn: number
  bytesOut: number
  /** Most chunks that arrived at one time. */
  mostAtOnce: number
  readonly uploads: Map<string, Upload>
  /** Whole archives by name. */
  readonly archives: Map<string, Buffer>
  fault: (what: What, n: number) => Fault | null
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Starts it on loopback until the test has finished. */
export async function startReceiver(chunkSize: number, tls?: Leaf): Promise<Receiver> {
  const answer: RequestListener = (request, response) => {
    void serve(receiver, chunkSize, request, response).catch(() => response.destroy())
  }
  const server =
    tls === undefined ? createServer(answer) : createTls({ key: tls.key, cert: tls.cert }, answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const receiver: Receiver = {
    target: {
      url: `http${tls === undefined ? '' : 's'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
      key: 'ab'.repeat(32),
      certPin: tls?.sha256 ?? null,
    },
    requests: [],
    cuts: 0,
    bytesIn: 0,
    bytesOut: 0,
    mostAtOnce: 0,
    uploads: new Map(),
    archives: new Map(),
    fault: () => null,
  }
  return receiver
}

let atOnce = 0

async function serve(
  receiver: Receiver,
  chunkSize: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [what, id, n] = route(request)
  receiver.requests.push(what === 'chunk' ? `chunk ${n}` : what)
  const fault = receiver.fault(what, n)
  const moves = what === 'chunk' || what === 'download'
  if (moves && fault !== null && fault.how !== 'twice' && fault.how !== 'delay') receiver.cuts += 1
  if (what === 'chunk') receiver.mostAtOnce = Math.max(receiver.mostAtOnce, ++atOnce)
  try {
    if (fault?.how === 'delay') await sleep(5)
    if (fault?.how === 'refuse') {
      const { status, code, retryAfterS } = fault
      return problem(response, status, code, {}, retryAfterS)
    }
    const body = await bodyOf(receiver, request, fault?.how === 'cut' ? fault.afterBytes : Infinity)
    if (body === null) {
      if (moves && fault === null) receiver.cuts += 1
      request.socket.destroy()
      return
    }
    if (fault?.how === 'html') return page(response)
    if (fault?.how === 'hang') return void (await once(request.socket, 'close'))
    if (what === 'download') return download(receiver, id, request, response, fault)
    const carryOut = (): Answer => act(receiver, chunkSize, { what, id, n, request, body })
    if (fault?.how === 'twice') carryOut()
    const answer = carryOut()
    if (fault?.how === 'lose' || fault?.how === 'cut') {
      request.socket.destroy()
      return
    }
    send(response, answer, fault?.how === 'truncate')
  } finally {
    if (what === 'chunk') atOnce -= 1
  }
}

interface Answer {
  readonly status: number
  readonly json: unknown
}

function route(request: IncomingMessage): readonly [What, string, number] {
  const path = (request.url ?? '').replace('/api/v1/archives', '')
  const down = /^\/([^/]+)\/download$/.exec(path)
  if (down) return ['download', decodeURIComponent(down[1] ?? ''), 0]
  const [, , id = '', verb, n] = path.split('/')
  if (id === 'start') return ['start', '', 0]
  if (request.method === 'DELETE') return ['delete', id, 0]
  return [verb as What, id, Number(n ?? 0)]
}

async function bodyOf(receiver: Receiver, request: IncomingMessage, most: number): Promise<Buffer | null> {
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      size += part.length
      receiver.bytesIn += part.length
      parts.push(part)
      if (size >= most) return null
    }
  } catch {
    return null
  }
  return Buffer.concat(parts)
}

function act(
  receiver: Receiver,
  chunkSize: number,
  asked: { what: What; id: string; n: number; request: IncomingMessage; body: Buffer },
): Answer {
  if (asked.what === 'start') return start(receiver, chunkSize, JSON.parse(asked.body.toString()))
  const upload = receiver.uploads.get(asked.id)
  if (asked.what === 'delete') {
    receiver.uploads.delete(asked.id)
    return { status: 204, json: null }
  }
  if (upload === undefined || upload.void) return refusal(404, 'upload_not_found')
  const file = { totalSize: upload.size, chunkSize }
  const total = chunkCount(upload.size, chunkSize)
  if (asked.what === 'chunk') {
    const { offset, length } = chunkRegion(asked.n, file)
    if (asked.body.length !== length) return refusal(400, 'chunk_size_mismatch')
    const digest = `sha-256=:${createHash('sha256').update(asked.body).digest('base64')}:`
    if (asked.request.headers['content-digest'] !== digest) return refusal(400, 'chunk_digest_mismatch')
    asked.body.copy(upload.bytes, offset)
    upload.has.add(asked.n)
    return { status: 200, json: { received: asked.n, chunks_received: upload.has.size, total_chunks: total } }
  }
  const missing = missingChunks(received(upload), total)
  if (missing.length > 0) return refusal(409, 'upload_incomplete', { missing: toRanges(missing) })
  if (sha256(upload.bytes) !== upload.checksum) {
    upload.void = true
    return refusal(422, 'upload_checksum_mismatch')
  }
  const name = upload.filename.replace(/\.tar(\.gz)?$/, '')
  receiver.archives.set(name, upload.bytes)
  return { status: 201, json: { name, size_bytes: upload.size, sha256: upload.checksum } }
}

function start(
  receiver: Receiver,
  chunkSize: number,
  told: { filename: string; total_size: number; checksum: string },
): Answer {
  const name = told.filename.replace(/\.tar(\.gz)?$/, '')
  const there = receiver.archives.get(name)
  if (there !== undefined) {
    const json = { already_present: true, name, size_bytes: there.length, sha256: sha256(there) }
    return { status: 200, json }
  }
  let upload = [...receiver.uploads.values()].find((one) => one.checksum === told.checksum && !one.void)
  const status = upload === undefined ? 201 : 200
  upload ??= {
    id: randomUUID(),
    filename: told.filename,
    size: told.total_size,
    checksum: told.checksum,
    bytes: Buffer.alloc(told.total_size),
    has: new Set(),
    void: false,
  }
  receiver.uploads.set(upload.id, upload)
  const json = {
    upload_id: upload.id,
    chunk_size: chunkSize,
    total_chunks: chunkCount(upload.size, chunkSize),
    received: received(upload),
    expires_at: '2026-05-15T10:00:00+02:00',
  }
  return { status, json }
}

function received(upload: Upload) {
  return toRanges([...upload.has].toSorted((a, b) => a - b))
}

function download(
  receiver: Receiver,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | null,
): void {
  const whole = receiver.archives.get(name)
  if (whole === undefined) return problem(response, 404, 'archive_not_found')
  const etag = `"${sha256(whole)}"`
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
  const ifRange = request.headers['if-range']
  const from =
    range && (ifRange === undefined || ifRange === etag) && fault?.how !== 'whole' ? Number(range[1]) : 0
  if (from >= whole.length) {
    response.writeHead(416, { 'content-range': `bytes */${whole.length}` }).end()
    return
  }
  const bytes = whole.subarray(from)
  const part = range && from > 0
  response.writeHead(part ? 206 : 200, {
    'content-type': 'application/x-tar',
    'content-length': bytes.length,
    etag,
    ...(part ? { 'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}` } : {}),
  })
  const until =
    fault?.how === 'cut' ? fault.afterBytes : fault?.how === 'truncate' ? bytes.length - 1 : Infinity
  const given = bytes.subarray(0, until)
  receiver.bytesOut += given.length
  if (given.length === bytes.length) response.end(given)
  else response.write(given, () => request.socket.destroy())
}

function refusal(status: number, code: string, more: object = {}): Answer {
  return { status, json: { type: 'about:blank', title: code, status, detail: code, code, ...more } }
}

function problem(
  response: ServerResponse,
  status: number,
  code: string,
  more = {},
  retryAfterS?: number,
): void {
  if (retryAfterS !== undefined) response.setHeader('retry-after', retryAfterS)
  response.setHeader('connection', 'close')
  send(response, refusal(status, code, more), false)
}

function send(response: ServerResponse, { status, json }: Answer, truncated: boolean): void {
  const text = json === null ? '' : JSON.stringify(json)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': text.length })
  if (truncated) response.write(text.slice(0, text.length >> 1), () => response.destroy())
  else response.end(text)
}

function page(response: ServerResponse): void {
  response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad Gateway</html>')
}
