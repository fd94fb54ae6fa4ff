// The three ways to a root helper: a child of our own, a command such as sudo, the socket of a systemd unit.
import { createConnection } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { spawnLeashed, type Leashed } from './process.ts'

/** How the helper is reached. */
export type HelperTarget =
  /** `node ENTRY root-helper`, as the same user: the server itself is root, or everything is a test. */
  | { readonly kind: 'direct'; readonly entry: string }
  /** Words of a command, such as `sudo -n backupmanager root-helper`. */
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  /** Unix socket of a unit with `Accept=yes`. */
  | { readonly kind: 'socket'; readonly path: string }

/** One connection to one helper. */
export interface HelperLine {
  readonly input: Writable
  readonly output: Readable
  /** Resolves when the helper has ended or the connection is gone, with what is known about why. */
  readonly closed: Promise<string>
  /** For a helper that does not end by itself: kills it if it is ours, drops the connection. */
  destroy(): void
}

/** Opens a line to a new helper. Rejects with the system's error or a `CommandError`. */
export async function openHelper(
  target: HelperTarget,
  env: Readonly<Record<string, string>>,
): Promise<HelperLine> {
  switch (target.kind) {
    case 'direct':
      return leashed(await spawnLeashed(process.execPath, [target.entry, 'root-helper'], { env }))
    case 'command': {
      const [file, ...args] = target.argv
      if (file === undefined) throw new Error('the command of the root helper is empty')
      return leashed(await spawnLeashed(file, args, { env }))
    }
    case 'socket':
      break
  }
  return connected(target.path)
}

function leashed(child: Leashed): HelperLine {
  return {
    input: child.stdin,
    output: child.stdout,
    closed: child.ended.then((ended) => {
      const how =
        ended.how === 'exit' ? `exit ${ended.code}` : ended.how === 'signal' ? ended.signal : ended.how
      return [how, child.stderrTail().trim()].filter((part) => part !== '').join(': ')
    }),
    destroy() {
      child.kill()
      child.stdin.destroy()
      child.stdout.destroy()
    },
  }
}

function connected(path: string): Promise<HelperLine> {
  return new Promise((resolve, reject) => {
    // Half-open: ending our side is the sign to stop, and the helper still answers that it has.
    const socket = createConnection({ path, allowHalfOpen: true })
    let why = 'the connection was closed'
    const closed = new Promise<string>((done) => socket.once('close', () => done(why)))
    socket.on('error', (error) => {
      why = error.message
      reject(error)
    })
    socket.once('connect', () => {
      socket.once('end', () => socket.end())
      resolve({ input: socket, output: socket, closed, destroy: () => socket.destroy() })
    })
  })
}
