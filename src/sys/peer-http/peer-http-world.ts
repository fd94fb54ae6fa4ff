// Servers on loopback for tests of the client for peers. Tests only.
import { createServer as createPlain, type RequestListener, type Server } from 'node:http'
import { createServer as createTls } from 'node:https'
import { createServer as createTcp, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net'
import {
  createServer as createRawTls,
  getCACertificates,
  setDefaultCACertificates,
  type TlsOptions,
} from 'node:tls'
import { onTestFinished } from 'vitest'
import { testAuthority, type Authority, type Leaf } from '../../../test/support/certificates.ts'
import type { PeerHttp, PeerRequest, PeerTarget } from '../peer-http.ts'
import { createPeerHttp } from './create.ts'

export const key = 'ab'.repeat(32)

/** An authority that this process trusts, besides the usual ones, until the test has finished. */
export async function trustedAuthority(): Promise<Authority> {
  const authority = await testAuthority()
  const usual = getCACertificates('default')
  setDefaultCACertificates([...usual, authority.pem])
  onTestFinished(() => setDefaultCACertificates(usual))
  return authority
}

/** A client that is closed when the test has finished. */
export function client(options: { readonly allowInsecure: boolean } = { allowInsecure: true }): PeerHttp {
  const http = createPeerHttp(options)
  onTestFinished(() => http.close())
  return http
}

export interface Listening {
  readonly port: number
  /** Connections that are open. */
  readonly sockets: ReadonlySet<Socket>
  /** All that ever came to a server that speaks HTTP, in bytes behind TLS. */
  received(): number
  connections(): number
}

async function listen(
  server: Server | TcpServer,
  event: 'connection' | 'secureConnection',
  counting: boolean,
): Promise<Listening> {
  const sockets = new Set<Socket>()
  let opened = 0
  let bytes = 0
  server.on('connection', (socket: Socket) => {
    opened += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on(event, (socket: Socket) => {
    socket.on('error', () => undefined)
    if (counting) socket.on('data', (piece: Buffer) => (bytes += piece.length))
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    received: () => bytes,
    connections: () => opened,
  }
}

/** A server that speaks HTTP, over TLS with a leaf. */
export function httpServer(answer: RequestListener, leaf?: Leaf & TlsOptions): Promise<Listening> {
  const server = leaf ? createTls(leaf, answer) : createPlain(answer)
  return listen(server, leaf ? 'secureConnection' : 'connection', true)
}

/** A server that does what it wants with each connection. */
export function rawServer(serve: (socket: Socket) => void, leaf?: Leaf): Promise<Listening> {
  const server = leaf ? createRawTls({ cert: leaf.cert, key: leaf.key }, serve) : createTcp(serve)
  return listen(server, leaf ? 'secureConnection' : 'connection', false)
}

export function target(
  port: number,
  more: Partial<PeerTarget> & { readonly secure?: boolean } = {},
): PeerTarget {
  const { secure = false, ...rest } = more
  return { url: `http${secure ? 's' : ''}://127.0.0.1:${port}/backup`, key, certPin: null, ...rest }
}

export function get(more: Partial<PeerRequest> = {}): PeerRequest {
  return { method: 'GET', path: '/health', signal: new AbortController().signal, ...more }
}

export function json(value: unknown): RequestListener {
  return (_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value))
  }
}

/** Zeros, as many as wanted, without having them. */
export async function* zeros(length: number, onPiece?: (sent: number) => void): AsyncGenerator<Buffer> {
  const piece = Buffer.alloc(256 * 1024)
  for (let sent = 0; sent < length; sent += piece.length) {
    onPiece?.(sent)
    yield piece.subarray(0, Math.min(piece.length, length - sent))
  }
}
