// Puts the web application on a TCP port or a unix socket, and takes it off again.
import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Config } from '../config.ts'
import { Problem } from '../domain/problem.ts'
import type { WebEnv } from './page.ts'

/** How long answers may take to end once the server stops. */
const graceMs = 5000

export interface Served {
  /** `http://host:port` or `unix:/path`. */
  readonly url: string
  /** Takes no more requests, ends live streams, gives other answers five seconds to end. */
  close(): Promise<void>
}

/** Resolves once requests are served. Rejects with `instance_locked` when another server has the socket. */
export async function serveWeb(app: Hono<WebEnv>, listen: Config['listen']): Promise<Served> {
  const streams = new Set<ServerResponse>()
  const listener = getRequestListener(async (request, env) => {
    const response = await app.fetch(request, env)
    if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
      const { outgoing } = env
      if ('writableFinished' in outgoing) hold(streams, outgoing as ServerResponse)
    }
    return response
  })
  const server = createServer({ requestTimeout: 60_000 }, (request, response) => {
    void listener(request, response)
  })
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
        server.close((error) => {
          clearTimeout(late)
          if (error === undefined) resolve()
          else reject(error)
        })
        server.closeIdleConnections()
        for (const stream of streams) stream.destroy()
      }),
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
