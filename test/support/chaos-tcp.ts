// The chaos proxy for bytes it does not understand: one fate per connection.
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosWork } from './chaos-proxy.ts'

/** Passes a connection on to the target, as its fate allows. */
export function passOn(work: ChaosWork, client: Socket): void {
  const fate = work.nextFate()
  if (fate.refuse) {
    work.cut(client)
    return
  }
  const { target } = work.options
  let passed = 0
  const relay = async (from: Socket, to: Socket, count: 'toTarget' | 'toClient'): Promise<void> => {
    for await (const piece of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      const allowed = piece.subarray(0, Math.max(0, fate.cutAfter - passed))
      passed += allowed.length
      work.counts[count] += allowed.length
      if (fate.bytesPerSecond < Infinity) await sleep((1000 * allowed.length) / fate.bytesPerSecond)
      const roomLeft = to.write(allowed)
      if (passed >= fate.cutAfter) {
        work.cut(client)
        return
      }
      if (!roomLeft) await drained(to)
    }
    to.end()
  }
  void (async () => {
    if (fate.delayMs > 0) await sleep(fate.delayMs)
    if (client.destroyed) return
    const server = connect({ ...target, allowHalfOpen: true })
    server.on('error', () => client.destroy())
    // Both ends go together, and each direction ends by itself.
    client.on('close', () => server.destroy())
    server.on('close', () => client.destroySoon())
    await Promise.allSettled([relay(client, server, 'toTarget'), relay(server, client, 'toClient')])
  })()
}

/** Resolves when there is room again, or when nobody reads any more. */
function drained(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
  })
}
