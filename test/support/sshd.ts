// A real sshd on loopback with an account of its own: what the package would set up for the inbox.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './server.ts'

const run = promisify(execFile)

export interface TestSshd {
  /** The account that the inbox belongs to. */
  readonly user: string
  readonly port: number
  /** Its home: the inbox. */
  readonly inbox: string
  /** The folder with its host keys. */
  readonly hostKeys: string
  /** What it said. */
  log(): Promise<string>
  /** Has another host key from now on. */
  changeHostKey(): Promise<void>
  close(): Promise<void>
}

/** `BM_SSH_INBOX` and its like for an instance whose inbox it is, reached over `port`. */
export function inboxEnv(sshd: TestSshd, port = sshd.port): Record<string, string> {
  return {
    BM_SSH_INBOX: `${sshd.user}@127.0.0.1:${port}`,
    BM_INBOX_DIR: sshd.inbox,
    BM_SSH_HOST_KEYS: sshd.hostKeys,
  }
}

/** As root with a new account, which is gone afterwards; else with the account that runs the tests. */
export async function startSshd(): Promise<TestSshd> {
  const folder = await mkdtemp(join(tmpdir(), 'bm-sshd-'))
  await chmod(folder, 0o755)
  const inbox = join(folder, 'inbox')
  await mkdir(inbox)
  const root = process.getuid?.() === 0
  const user = root ? `bmt${process.pid}x${Math.floor(performance.now())}` : userInfo().username
  if (root) {
    await run('useradd', ['--no-create-home', '--home-dir', inbox, '--shell', '/bin/sh', '-p', '*', user])
    const [uid = 0, gid = 0] = await Promise.all(
      ['-u', '-g'].map(async (which) => Number((await run('id', [which, user])).stdout)),
    )
    await chown(inbox, uid, gid)
    await mkdir('/run/sshd', { recursive: true, mode: 0o755 })
  }
  const port = await freePort()
  const config = join(folder, 'sshd_config')
  const log = join(folder, 'sshd.log')
  const key = join(folder, 'ssh_host_ed25519_key')
  await writeFile(
    config,
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${key}`,
      'PidFile none',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      // /tmp is above it where the tests run without root.
      `StrictModes ${root ? 'yes' : 'no'}`,
      `AuthorizedKeysFile ${join(inbox, '.ssh', 'authorized_keys')}`,
      'Subsystem sftp internal-sftp',
      'LogLevel VERBOSE',
      '',
    ].join('\n'),
  )
  const start = async () => {
    await Promise.all([rm(key, { force: true }), rm(`${key}.pub`, { force: true })])
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    const child = spawn('/usr/sbin/sshd', ['-D', '-f', config, '-E', log], { stdio: 'ignore' })
    for (let tried = 0; !(await listens(port)); tried += 1) {
      if (child.exitCode !== null || tried > 400) throw new Error(`sshd: ${await readFile(log, 'utf8')}`)
      await sleep(25)
    }
    return child
  }
  let child = await start()
  const stop = async (): Promise<void> => {
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await gone
  }
  return {
    user,
    port,
    inbox,
    hostKeys: folder,
    log: () => readFile(log, 'utf8'),
    async changeHostKey() {
      await stop()
      child = await start()
    },
    async close() {
      await stop()
      // Sessions of the account may need a moment to notice.
      if (root)
        await run('userdel', ['--force', user]).catch(() =>
          sleep(1000).then(() => run('userdel', ['--force', user])),
        )
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Stands between a client and sshd: counts what passes, and cuts. */
export interface Wire {
  readonly port: number
  /** Bytes since the last call, both ways. */
  passed(): number
  /** Resets all connections once so many more bytes have come from the client. */
  cutAfter(bytes: number): void
  close(): Promise<void>
}

export async function createWire(target: number): Promise<Wire> {
  const open = new Set<Socket>()
  let passed = 0
  let left = Infinity
  const server = createServer((client) => {
    const behind = connect(target, '127.0.0.1')
    for (const socket of [client, behind]) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        open.delete(socket)
        client.destroy()
        behind.destroy()
      })
    }
    behind.on('data', (bytes: Buffer) => {
      passed += bytes.length
      if (!client.write(bytes)) {
        behind.pause()
        client.once('drain', () => behind.resume())
      }
    })
    client.on('data', (bytes: Buffer) => {
      passed += bytes.length
      left -= bytes.length
      if (left <= 0) {
        left = Infinity
        for (const socket of open) socket.resetAndDestroy()
      } else if (!behind.write(bytes)) {
        client.pause()
        behind.once('drain', () => client.resume())
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    passed() {
      const before = passed
      passed = 0
      return before
    },
    cutAfter: (bytes) => void (left = bytes),
    async close() {
      server.close()
      for (const socket of open) socket.destroy()
      await once(server, 'close')
    },
  }
}
