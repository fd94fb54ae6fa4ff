// A real PostgreSQL for tests: a new server in a temporary folder, on its own socket and an odd port. Tests only.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const versions = '/usr/lib/postgresql'
const startWithinMs = 30_000
/** What a test did to its database's settings must not keep it from looking. */
const calm = '-c statement_timeout=0 -c default_transaction_read_only=off'

export interface TestPostgres {
  readonly socketDir: string
  /** On 127.0.0.1, with password; also the name of the socket. */
  readonly port: number
  /** Folder of the newest version's programs. */
  readonly bin: string
  /** The first process of the server. */
  readonly pid: number
  /** Runs statements as superuser over the socket; what they answer, unaligned, without headers. Default database: postgres. */
  sql(text: string, database?: string): string
  /** Everything the server wrote so far. */
  log(): string
  /** Ends the server as a power cut would, or in order. */
  stop(how?: 'cut' | 'order'): Promise<void>
  /** Starts it again after `stop`. */
  start(): Promise<void>
  dispose(): Promise<void>
}

/** Needs root, who becomes the user `postgres` for it: initdb and the server refuse root. */
export async function startPostgres(options: { readonly locale?: string } = {}): Promise<TestPostgres> {
  if (process.getuid?.() !== 0) throw new Error('this test starts a PostgreSQL server: run it as root')
  const [version] = readdirSync(versions).toSorted((a, b) => Number(b) - Number(a))
  if (version === undefined) throw new Error(`no PostgreSQL server in ${versions}`)
  const bin = join(versions, version, 'bin')
  const folder = await mkdtemp(join(tmpdir(), 'bm-pg-'))
  const [data, socketDir, logFile] = [join(folder, 'data'), join(folder, 'socket'), join(folder, 'log')]
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres']).toString()))
  if (uid === undefined || gid === undefined) throw new Error('no user postgres')
  chmodSync(folder, 0o755)
  for (const path of [data, socketDir]) {
    mkdirSync(path, { mode: path === data ? 0o700 : 0o755 })
    chownSync(path, uid, gid)
  }
  const asPostgres = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups']
  const locale = options.locale ?? 'C.UTF-8'
  // Only the socket knows people by their system user.
  execFileSync(
    'setpriv',
    [
      ...asPostgres,
      join(bin, 'initdb'),
      '-D',
      data,
      '-U',
      'postgres',
      '--no-sync',
      '--encoding=UTF8',
      `--locale=${locale}`,
    ].concat(['--auth-local=peer', '--auth-host=scram-sha-256']),
    { cwd: '/', stdio: 'pipe' },
  )
  const port = await freePort()
  let child: ChildProcess | null = null

  const psql = (text: string, database: string): string =>
    execFileSync(
      'setpriv',
      [
        ...asPostgres,
        join(bin, 'psql'),
        '-X',
        '-q',
        '-A',
        '-t',
        '-v',
        'ON_ERROR_STOP=1',
        '-h',
        socketDir,
        '-p',
        String(port),
      ].concat(['-U', 'postgres', '-d', `dbname='${database.replaceAll(/[\\']/g, String.raw`\$&`)}'`]),
      { cwd: '/', input: text, stdio: 'pipe', maxBuffer: 1 << 28, env: { ...process.env, PGOPTIONS: calm } },
    ).toString()
  const start = async (): Promise<void> => {
    const log = openSync(logFile, 'a')
    // Dies with the test's process, whatever ends that.
    const started = spawn(
      'setpriv',
      [
        ...asPostgres,
        '--pdeathsig',
        'QUIT',
        join(bin, 'postgres'),
        '-D',
        data,
        '-k',
        socketDir,
        '-p',
        String(port),
      ].concat(
        ['listen_addresses=127.0.0.1', 'shared_buffers=32MB', 'fsync=off'].flatMap((one) => ['-c', one]),
      ),
      { cwd: '/', stdio: ['ignore', log, log] },
    )
    closeSync(log)
    child = started
    await answering(started, () => psql('SELECT 1', 'postgres'), logFile)
  }
  const stop = async (how: 'cut' | 'order' = 'order'): Promise<void> => {
    const running = child
    child = null
    if (running === null || running.exitCode !== null || running.signalCode !== null) return
    const gone = new Promise((resolve) => running.once('exit', resolve))
    running.kill(how === 'cut' ? 'SIGQUIT' : 'SIGINT')
    await gone
  }
  try {
    await start()
  } catch (error) {
    await stop('cut')
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  return {
    socketDir,
    port,
    bin,
    get pid() {
      if (child?.pid === undefined) throw new Error('the server is not running')
      return child.pid
    },
    sql: (text, database = 'postgres') => psql(text, database),
    log: () => readFileSync(logFile, 'utf8'),
    stop,
    start,
    dispose: async () => {
      await stop('cut')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function answering(server: ChildProcess, ask: () => unknown, logFile: string): Promise<void> {
  const deadline = Date.now() + startWithinMs
  for (;;) {
    try {
      ask()
      return
    } catch (error) {
      if (server.exitCode !== null || Date.now() > deadline) {
        throw new Error(`PostgreSQL did not start: ${readFileSync(logFile, 'utf8')}`, { cause: error })
      }
      await sleep(50)
    }
  }
}

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
