// Puts the web application on a TCP port or a unix socket, and takes it off again.
import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { getRequestListener, type Http2Bindings, type HttpBindings } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Config } from '../config.ts'
import { Problem } from '../domain/problem.ts'
import type { WebEnv } from './page.ts'

/** How long answers may take to end once the server stops. A chunk that is cut then was not recorded: it is sent again. */
const graceMs = 5000
/** How often connections that have become idle are ended meanwhile. */
const idleLookMs = 100

/** What whoever is connected may take of us. Milliseconds and bytes. */
export interface ListenerLimits {
  readonly headerBytes: number
  /** For all headers: who dribbles them holds a connection no longer. */
  readonly headersMs: number
  /**
   * For a whole request with its body. Node has one limit for all paths: it must let two chunks of 50 MiB at once
   * through a line of 80 kbit/s. JSON has a limit of its own (api/body.ts), and nobody without a key can send anything else that is read.
   */
  readonly requestMs: number
  /** Longer than nginx keeps its connections (60 s): it would else send a request into one that is just being closed. */
  readonly keepAliveMs: number
  /** How often the limits are looked at. */
  readonly lookMs: number
  readonly connections: number
}
export const listenerLimits: ListenerLimits = {
  headerBytes: 16 * 1024,
  headersMs: 20_000,
  requestMs: 3 * 3_600_000,
  keepAliveMs: 75_000,
  lookMs: 5000,
  connections: 1000,
}

export interface Served {
  /** `http://host:port` or `unix:/path`. */
  readonly url: string
  /** Takes no more requests, ends live streams, gives other answers five seconds to end. */
  close(): Promise<void>
}

/** Resolves once requests are served. Rejects with `instance_locked` when another server has the socket. */
export async function serveWeb(
  app: Hono<WebEnv>,
  listen: Config['listen'],
  limits: ListenerLimits = listenerLimits,
): Promise<Served> {
  const streams = new Set<ServerResponse>()
  const listener = getRequestListener(async (request, env) => {
    const response = await app.fetch(request, env)
    if (response.status >= 400) linger(env)
    if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
      const { outgoing } = env
      if ('writableFinished' in outgoing) hold(streams, outgoing as ServerResponse)
    }
    return response
  })
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: limits.lookMs,
    },
    (request, response) => {
      void listener(request, response)
    },
  )
  server.maxConnections = limits.connections
  if (listen.kind === 'unix') await removeStale(listen.path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(
      listen.kind === 'unix' ? { path: listen.path } : { host: listen.host, port: listen.port },
      () => {
        server.off('error', reject)
        resolve()
      },
    )
  })
  if (listen.kind === 'unix') chmodSync(listen.path, 0o660)
  return {
    url: urlOfServer(listen, server.address()),
    close: () =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => server.closeAllConnections(), graceMs)
        const idle = setInterval(() => server.closeIdleConnections(), idleLookMs)
        server.close((error) => {
          clearTimeout(late)
          clearInterval(idle)
          if (error === undefined) resolve()
          else reject(error)
        })
        server.closeIdleConnections()
        for (const stream of streams) stream.destroy()
      }),
  }
}

/**
 * A body that is refused may still be on its way. Whoever asked for the connection to end with the answer (nginx does) would find
 * it reset while sending, and never read the answer: so it stays until they close it. What comes is thrown away for half a
 * second, then the connection is ended.
 */
function linger({ incoming, outgoing }: HttpBindings | Http2Bindings): void {
  if ('complete' in incoming && !incoming.complete && 'shouldKeepAlive' in outgoing) {
    outgoing.shouldKeepAlive = true
  }
}

function hold(streams: Set<ServerResponse>, response: ServerResponse): void {
  streams.add(response)
  response.once('close', () => streams.delete(response))
}

function urlOfServer(listen: Config['listen'], address: string | { port: number } | null): string {
  if (listen.kind === 'unix') return `unix:${listen.path}`
  const port = typeof address === 'object' && address !== null ? address.port : listen.port
  return `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}`
}

/** A socket file that nobody answers on is left from a crash; one that answers belongs to a living server. */
async function removeStale(path: string): Promise<void> {
  if (!existsSync(path)) return
  if (!lstatSync(path).isSocket()) throw new Problem('instance_locked', { path })
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
  if (alive) throw new Problem('instance_locked', { path })
  unlinkSync(path)
}
