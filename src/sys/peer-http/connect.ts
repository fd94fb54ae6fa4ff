// Connections to peers. One is given away only when it is certain who is at its other end: nothing, least of all a key, is
// written before.
import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { Problem } from '../../domain/problem.ts'
import { isLoopback, type Address } from './address.ts'
import { pinProblem } from './pin.ts'
import { brokenProblem, connectionProblem } from './trouble.ts'

/** Whom to trust: the usual authorities, one certificate alone, or whoever is there (to look at the certificate). */
export type Trust = 'authorities' | 'anybody' | { readonly pin: string }

/**
 * A connection that may be used. Rejects with `peer_unreachable`, `peer_untrusted` or the signal's reason; then it is closed.
 * No session is ever resumed: every handshake shows the certificate anew.
 */
export function connect(address: Address, trust: Trust, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const { secure, host, port } = address
    const to = { host, port, noDelay: true, keepAlive: true }
    const socket = secure
      ? connectTls({
          ...to,
          ...(isIP(host) === 0 && { servername: host }),
          minVersion: 'TLSv1.2',
          ALPNProtocols: ['http/1.1'],
          // With a pin, the certificate itself is looked at below, whoever signed it.
          rejectUnauthorized: trust === 'authorities',
        })
      : connectPlain(to)
    const finish = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort)
      socket.off('error', onError).off('close', onClose)
      settle()
    }
    const fail = (error: unknown): void => {
      finish(() => reject(error))
      socket.destroy()
    }
    const onAbort = (): void => fail(signal.reason)
    const onError = (error: unknown): void => fail(connectionProblem(error, address))
    const onClose = (): void => fail(brokenProblem(host))
    // There is a moment in which it belongs to nobody.
    socket.on('error', () => undefined)
    socket.on('error', onError).once('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      const problem = objection(socket, address, trust)
      if (problem === null) finish(() => resolve(socket))
      else fail(problem)
    })
  })
}

function objection(socket: Socket | TLSSocket, { host }: Address, trust: Trust): Problem | null {
  if ('getPeerX509Certificate' in socket) {
    return typeof trust === 'object' ? pinProblem(socket, trust.pin, host) : null
  }
  // A name for this machine may have been made to lead elsewhere.
  const remote = socket.remoteAddress ?? ''
  return isLoopback(remote.replace(/^::ffff:/, ''))
    ? null
    : new Problem('peer_insecure', { url: `http://${host}` })
}
