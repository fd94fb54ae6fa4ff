// A whole instance for tests: its own folder, the yunohost stand-in, and the real program as a user starts it.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createFakeYunohost, type FakeYunohost, type FakeYunohostOptions } from './fake-yunohost.ts'

/** The program as it is started. */
export const program = fileURLToPath(new URL('../../bin/backupmanager.js', import.meta.url))

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface TestServer {
  readonly folder: string
  readonly dataDir: string
  readonly archivesDir: string
  readonly port: number
  readonly url: string
  readonly yunohost: FakeYunohost
  readonly env: Readonly<Record<string, string>>
  /** Runs one command line of the program to its end. */
  cli(args: readonly string[], options?: { stdin?: string; env?: Record<string, string> }): Promise<CliResult>
  /** The same, for commands that print JSON; rejects when the exit code is not among `codes` (default 0). */
  json(args: readonly string[], codes?: readonly number[]): Promise<unknown>
  /** Starts the program and does not wait for it. */
  start(args: readonly string[]): ChildProcess
  /** Starts `serve` and waits until it says that it serves. */
  serve(env?: Record<string, string>): Promise<ChildProcess>
  dispose(): Promise<void>
}

/** Makes the folders and the stand-in; starts nothing. `more`: further variables, or others than the usual ones. */
export async function createTestServer(
  options: FakeYunohostOptions = {},
  more: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'bm-server-'))
  const yunohost = await createFakeYunohost({ ...options, root: join(folder, 'yunohost') })
  const dataDir = join(folder, 'data')
  await mkdir(yunohost.archivesDir, { recursive: true })
  const port = await freePort()
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '/root',
    BM_DATA_DIR: dataDir,
    BM_ARCHIVES_DIR: yunohost.archivesDir,
    BM_LISTEN: `127.0.0.1:${port}`,
    BM_INSTANCE_NAME: 'jerry',
    BM_AUTH: 'none',
    BM_YUNOHOST: yunohost.command.join(' '),
    BM_ROOT_HELPER: 'direct',
    BM_TZ: 'Europe/Paris',
    BM_LOG_LEVEL: 'warn',
    ...more,
  }
  const children = new Set<ChildProcess>()

  const start = (args: readonly string[], more: Record<string, string> = {}): ChildProcess => {
    const child = spawn(process.execPath, [program, ...args], { env: { ...env, ...more }, stdio: 'pipe' })
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }

  const server: TestServer = {
    folder,
    dataDir,
    archivesDir: yunohost.archivesDir,
    port,
    url: `http://127.0.0.1:${port}`,
    yunohost,
    env,
    start: (args) => start(args),
    async cli(args, given = {}) {
      const child = start(args, given.env)
      let stdout = ''
      let stderr = ''
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      child.stdin?.on('error', () => undefined)
      child.stdin?.end(given.stdin ?? '')
      const [code] = (await once(child, 'close')) as [number | null]
      return { code: code ?? -1, stdout, stderr }
    },
    async json(args, codes = [0]) {
      const result = await server.cli([...args, '--json'])
      if (!codes.includes(result.code)) {
        throw new Error(`${args.join(' ')}: exit code ${result.code}\n${result.stdout}${result.stderr}`)
      }
      return JSON.parse(result.stdout) as unknown
    },
    async serve(more) {
      const child = start(['serve'], more)
      let said = ''
      await new Promise<void>((resolve, reject) => {
        child.stderr?.setEncoding('utf8').on('data', (text: string) => {
          said += text
          if (said.includes(' serves ')) resolve()
        })
        child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text))
        child.once('exit', (code) => reject(new Error(`serve ended with ${code}: ${said}`)))
      })
      return child
    },
    async dispose() {
      for (const child of children) {
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        await gone
      }
      await rm(folder, { recursive: true, force: true })
    },
  }
  return server
}

/** A port that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  listener.close()
  await once(listener, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
