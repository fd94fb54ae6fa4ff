// Keeps connections open for a short while, each one only for the address and the certificate that it was checked for.
import { Agent as PlainAgent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import type { Duplex } from 'node:stream'
import { callbackify } from 'node:util'
import type { Address } from './address.ts'
import { connect, type Trust } from './connect.ts'

/** Less than the five seconds after which common servers close: a request must not meet a closing connection. */
const unusedMs = 4000
const mostAgents = 100

export interface Agents {
  of(address: Address, pin: string | null): PlainAgent
  /** Closes every connection, used or not. */
  close(): void
}

/** What a request tells the agent beyond Node's own options: when it is aborted, connecting ends. */
export interface Connecting {
  readonly connecting: AbortSignal
}

export function createAgents(): Agents {
  const agents = new Map<string, PlainAgent>()
  return {
    of(address, pin) {
      const key = `${address.origin} ${pin?.toLowerCase() ?? ''}`
      const known = agents.get(key)
      if (known) return known
      const made = makeAgent(address, pin === null ? 'authorities' : { pin })
      // The oldest is only forgotten: what it still does ends by itself.
      const [oldest] = agents.keys()
      if (agents.size >= mostAgents && oldest !== undefined) agents.delete(oldest)
      agents.set(key, made)
      return made
    },
    close() {
      for (const agent of agents.values()) agent.destroy()
      agents.clear()
    },
  }
}

function makeAgent(address: Address, trust: Trust): PlainAgent {
  const options = { keepAlive: true, maxFreeSockets: 8, timeout: unusedMs }
  const agent = address.secure ? new TlsAgent({ ...options, maxCachedSessions: 0 }) : new PlainAgent(options)
  agent.createConnection = (given, done) => {
    const signal = 'connecting' in given && given.connecting instanceof AbortSignal ? given.connecting : never
    callbackify(() => connect(address, trust, signal))((error: Error | null, socket: Duplex) => {
      // Without a socket, when there is an error: Node's types do not know that.
      if (done) Reflect.apply(done, agent, error ? [error] : [null, socket])
    })
    return undefined
  }
  return agent
}

const never = new AbortController().signal
