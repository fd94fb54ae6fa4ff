// A real MariaDB server in a temporary folder, on a socket and a port of its own.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TestMariadb {
  /** The account of whoever runs the tests may enter here as root, without a password. */
  readonly socket: string
  /** On 127.0.0.1. */
  readonly port: number
  readonly pid: number
  /** Where it keeps its files. */
  readonly dataDir: string
  /** Runs statements as root; rows come with tabs between, without names. */
  sql(text: string): string
  /** SIGTERM, and it is down when it resolves. */
  stop(): Promise<void>
  /** Stops it and removes all of it. */
  dispose(): Promise<void>
}

/** Starts it; ready for connections when it resolves. `options` go into its option file, e.g. `max_allowed_packet=1M`. */
export async function startMariadb(options: readonly string[] = []): Promise<TestMariadb> {
  const folder = await mkdtemp(join(tmpdir(), 'bm-maria-'))
  const socket = join(folder, 'socket')
  const port = await freePort()
  const file = join(folder, 'server.cnf')
  const lines = [
    '[mysqld]',
    `datadir=${join(folder, 'data')}`,
    `socket=${socket}`,
    `port=${port}`,
    'bind-address=127.0.0.1',
    'innodb_buffer_pool_size=32M',
    'innodb_log_file_size=8M',
    // The server is thrown away: what is not on the disk yet does not matter.
    'innodb_flush_log_at_trx_commit=0',
    'debug-no-sync',
    'performance_schema=OFF',
    ...(process.getuid?.() === 0 ? ['user=root'] : []),
    ...options,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  execFileSync(
    'mariadb-install-db',
    [
      `--defaults-file=${file}`,
      '--skip-test-db',
      '--auth-root-authentication-method=socket',
      `--auth-root-socket-user=${userName()}`,
    ],
    { stdio: 'pipe' },
  )
  const child = spawn('mariadbd', [`--defaults-file=${file}`], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const killed = (): void => void child.kill('SIGKILL')
  process.once('exit', killed)
  await ready(child)
  const stop = async (): Promise<void> => {
    process.removeListener('exit', killed)
    child.kill('SIGTERM')
    await ended
  }
  return {
    socket,
    port,
    pid: child.pid ?? 0,
    dataDir: join(folder, 'data'),
    sql: (text) =>
      execFileSync(
        'mariadb',
        [
          '--no-defaults',
          `--socket=${socket}`,
          '--user=root',
          '--default-character-set=utf8mb4',
          '--batch',
          '--skip-column-names',
          '--binary-mode',
        ],
        { input: text, stdio: 'pipe', maxBuffer: 1 << 28 },
      ).toString(),
    stop,
    dispose: async () => {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Rejects with what the server said when it ends instead. */
function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes('ready for connections')) resolve()
    })
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`mariadbd ended: ${said}`)))
  })
}

function userName(): string {
  return execFileSync('id', ['-un']).toString().trim()
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no port')),
      )
    })
  })
}
