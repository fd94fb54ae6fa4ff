// Several whole instances that know each other over HTTPS: each one in its own process, with TLS ended in front of it.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer as createTcp, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTls } from 'node:tls'
import { testAuthority, type Authority, type Leaf } from './certificates.ts'
import { startNginx, type Nginx } from './nginx.ts'
import { createTestServer, freePort, type TestServer } from './server.ts'

export interface Instance extends TestServer {
  readonly name: string
  /** What peers know it by: `https://127.0.0.1:port`. */
  readonly publicUrl: string
  readonly front: Front
  readonly leaf: Leaf
  /** Only with `nginx`, and while the instance is up. */
  readonly nginx: () => Nginx
  /** The server's process; starts it when it does not run. */
  up(): Promise<ChildProcess>
  /** Ends the server: by SIGTERM, or as a power cut would. */
  down(how?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

export interface Instances<N extends string> {
  readonly authority: Authority
  readonly of: Readonly<Record<N, Instance>>
  /** Makes two instances peers of each other, by an invitation over the command line. */
  pair(inviter: N, joiner: N, options?: { readonly scopes?: string; readonly ssh?: boolean }): Promise<void>
  dispose(): Promise<void>
}

/** Ends TLS and passes everything on. */
export interface Front {
  readonly port: number
  /** Resets every open connection. */
  cut(): void
  /** While it is refused, connections are reset at once. */
  refuse(refused: boolean): void
  close(): Promise<void>
}

/**
 * Folders, certificates and fronts; no server runs yet. Dispose of it in any case. `nginx`: TLS is ended by Debian's nginx with
 * the package's configuration, in front of a unix socket and below `/backup`; the fronts then stand aside. `env`: further variables.
 */
export async function createInstances<N extends string>(
  names: readonly N[],
  options: {
    readonly nginx?: boolean
    readonly env?: { readonly [name in N]?: Readonly<Record<string, string>> }
  } = {},
): Promise<Instances<N>> {
  const folder = await mkdtemp(join(tmpdir(), 'bm-instances-'))
  const authority = await testAuthority(folder)
  const made: Instance[] = []
  for (const name of names)
    made.push(await createInstance(name, authority, options.nginx ?? false, options.env?.[name]))
  const of = Object.fromEntries(made.map((one) => [one.name, one])) as Record<N, Instance>
  return {
    authority,
    of,
    async pair(inviter, joiner, { scopes, ssh } = {}) {
      const wanted = [...(scopes === undefined ? [] : ['--scopes', scopes]), ...(ssh ? ['--ssh'] : [])]
      const invited = (await of[inviter].json(['peer', 'invite', ...wanted])) as { code: string }
      const joined = await of[joiner].cli(['peer', 'join', '-', ...wanted], { stdin: invited.code })
      if (joined.code !== 0) throw new Error(`peer join: ${joined.stdout}${joined.stderr}`)
    },
    async dispose() {
      for (const one of made) {
        await one.dispose()
        await one.front.close()
      }
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function createInstance(
  name: string,
  authority: Authority,
  behindNginx: boolean,
  env: Readonly<Record<string, string>> = {},
): Promise<Instance> {
  const leaf = authority.leaf()
  const front = await createFront(leaf)
  const folder = await mkdtemp(join(tmpdir(), 'bm-front-'))
  const socket = join(folder, 'web.sock')
  const basePath = behindNginx ? '/backup' : ''
  const port = behindNginx ? await freePort() : front.port
  const publicUrl = `https://127.0.0.1:${port}${basePath}`
  const server = await createTestServer(
    {},
    {
      BM_INSTANCE_NAME: name,
      BM_PUBLIC_URL: publicUrl,
      NODE_EXTRA_CA_CERTS: authority.file,
      ...(behindNginx && { BM_LISTEN: `unix:${socket}`, BM_BASE_PATH: basePath }),
      ...env,
    },
  )
  front.target = server.port
  let running: ChildProcess | null = null
  let nginx: Nginx | null = null
  return {
    ...server,
    name,
    publicUrl,
    front,
    leaf,
    nginx() {
      if (nginx === null) throw new Error(`${name} is not up, or not behind nginx`)
      return nginx
    },
    async dispose() {
      await server.dispose()
      await nginx?.close()
      await rm(folder, { recursive: true, force: true })
    },
    async up() {
      if (running !== null && running.exitCode === null && running.signalCode === null) return running
      running = await server.serve()
      if (behindNginx)
        nginx ??= await startNginx({
          folder: join(folder, 'nginx'),
          leaf,
          port,
          socket,
          basePath,
        })
      return running
    },
    async down(how = 'SIGTERM') {
      if (running === null || running.exitCode !== null || running.signalCode !== null) return
      const gone = once(running, 'exit')
      running.kill(how)
      await gone
      running = null
    },
  }
}

/** `target`: the port behind it. */
async function createFront(leaf: Leaf): Promise<Front & { target: number }> {
  const open = new Set<Socket>()
  let refused = false
  const hold = (socket: Socket): void => {
    open.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => open.delete(socket))
  }
  const pass = (client: Socket): void => {
    hold(client)
    const behind = connect(front.target, '127.0.0.1')
    hold(behind)
    client.pipe(behind)
    behind.pipe(client)
    client.once('close', () => behind.destroy())
    behind.once('close', () => client.destroy())
  }
  const tls =
    leaf && createTls({ cert: leaf.cert, key: leaf.key }, pass).on('tlsClientError', () => undefined)
  // In front of TLS: what is refused must not even get a handshake.
  const gate = createTcp((socket) => {
    if (refused) {
      socket.on('error', () => undefined)
      socket.resetAndDestroy()
    } else {
      hold(socket)
      tls.emit('connection', socket)
    }
  }).listen(0, '127.0.0.1')
  await once(gate, 'listening')
  const front = {
    port: (gate.address() as AddressInfo).port,
    target: 0,
    cut: () => {
      for (const socket of open) socket.destroy()
    },
    refuse: (now: boolean) => {
      refused = now
    },
    close: async () => {
      gate.close()
      for (const socket of open) socket.destroy()
      await once(gate, 'close')
    },
  }
  return front
}
