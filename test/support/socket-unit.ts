// What systemd does for a socket unit with `Accept=yes` and `StandardInput=socket`: one program per connection, with
// the connection itself as its standard input and output.
import { spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './temp.ts'

export interface SocketUnit {
  readonly path: string
  /** The programs started so far. */
  readonly started: readonly ChildProcess[]
}

/** Listens until the test has finished. */
export async function socketUnit(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<SocketUnit> {
  const path = join(await temporaryFolder(), 'helper.sock')
  const started: ChildProcess[] = []
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    started.push(spawn(file, [...args], { stdio: [socket, socket, 'ignore'], env }))
    // Only our copy of the connection; the program has its own.
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onTestFinished(() => {
    for (const child of started) child.kill('SIGKILL')
    server.close()
  })
  return { path, started }
}
