// A proxy between two instances that misbehaves by seed: it cuts, delays, slows down, truncates, loses and duplicates. Bytes
// are passed on as they are (TLS included), or requests are understood (`http`), with TLS ended here when a certificate is given.
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer as createTcp, type AddressInfo, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { serveRequest } from './chaos-http.ts'
import { fates, type ChaosPlan, type Fate } from './chaos-fate.ts'
import { passOn } from './chaos-tcp.ts'

export interface ChaosOptions {
  readonly target: { readonly host: string; readonly port: number }
  readonly seed: number
  readonly plan: ChaosPlan
  /** Requests are understood, and each one has its own fate. Without it a connection has one. */
  readonly http?: {
    /** The proxy's certificate, and the authority of the target's; without it both sides speak plain HTTP. */
    readonly tls?: {
      readonly key: string
      readonly cert: string
      readonly ca: string
      readonly servername: string
    }
  }
}

export interface ChaosCounts {
  connections: number
  requests: number
  /** Bytes of bodies with `http`, else all. */
  toTarget: number
  toClient: number
  /** Connections that were cut by us, refused ones included. */
  cuts: number
  delayed: number
  slowed: number
  truncated: number
  lost: number
  duplicated: number
}

export interface ChaosProxy {
  readonly port: number
  readonly counts: ChaosCounts
  /** From the next connection or request on. `{}`: it behaves. */
  setPlan(plan: ChaosPlan): void
  /** Resets every connection that is open now. */
  cutAll(): void
  close(): Promise<void>
}

/** What the two kinds of proxy work with. */
export interface ChaosWork {
  readonly options: ChaosOptions
  readonly counts: ChaosCounts
  readonly nextFate: () => Fate
  /** Resets a connection and counts it. */
  readonly cut: (socket: Socket) => void
}

/** Starts it on a free port of loopback. The same seed draws the same fates, in the order in which they are needed. */
export async function createChaosProxy(options: ChaosOptions): Promise<ChaosProxy> {
  const counts: ChaosCounts = {
    connections: 0,
    requests: 0,
    toTarget: 0,
    toClient: 0,
    cuts: 0,
    delayed: 0,
    slowed: 0,
    truncated: 0,
    lost: 0,
    duplicated: 0,
  }
  const draw = fates(options.seed)
  let { plan } = options
  const nextFate = (): Fate => {
    const fate = draw(plan)
    if (fate.delayMs > 0) counts.delayed += 1
    if (fate.bytesPerSecond < Infinity) counts.slowed += 1
    return fate
  }
  const cut = (socket: Socket): void => {
    if (socket.destroyed) return
    counts.cuts += 1
    // What is encrypted here cannot be reset, only left.
    if (socket instanceof TLSSocket) socket.destroy()
    else socket.resetAndDestroy()
  }
  const work: ChaosWork = { options, counts, nextFate, cut }
  const server = serverFor(work)
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    counts.connections += 1
    open.add(socket)
    // Whoever is cut may complain; that is what the proxy is for.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => open.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    setPlan(next) {
      plan = next
    },
    cutAll() {
      for (const socket of open) cut(socket)
    },
    async close() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function serverFor(work: ChaosWork) {
  const { http } = work.options
  if (http === undefined) return createTcp({ allowHalfOpen: true }, (socket) => passOn(work, socket))
  const { tls } = http
  if (tls === undefined) return createHttp((request, response) => void serveRequest(work, request, response))
  return createHttps({ key: tls.key, cert: tls.cert }, (request, response) => {
    void serveRequest(work, request, response)
  })
}
