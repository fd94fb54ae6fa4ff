// Where a peer's address leads: only to HTTPS, or to this machine itself when that is allowed. Pure.
import { isIP } from 'node:net'
import { Problem } from '../../domain/problem.ts'

export interface Address {
  readonly secure: boolean
  /** For the network: an address of IPv6 without its brackets. */
  readonly host: string
  readonly port: number
  /** `https://tom.example.test:8443`, for telling connections apart. */
  readonly origin: string
  /** Path of the dashboard, without a slash at its end. */
  readonly base: string
}

/** Rejects with `peer_insecure` for what is not HTTPS, `peer_unreachable` for what is no address. */
export function addressOf(text: string, allowInsecure: boolean): Address {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.hostname === '' || url.username !== '' || url.password !== '') {
    // Without the text: it may hold a password.
    throw new Problem('peer_unreachable', { detail: 'Its address is not one of the form https://host/path' })
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const secure = url.protocol === 'https:'
  if (!secure && !(url.protocol === 'http:' && allowInsecure && isLoopback(host))) {
    throw new Problem('peer_insecure', { url: url.protocol === 'http:' ? url.origin : url.protocol })
  }
  return {
    secure,
    host,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    origin: url.origin,
    base: url.pathname.replace(/\/+$/, ''),
  }
}

/** The path of an endpoint below `/api/v1`, as it goes over the wire. Throws `internal` for one that would lead elsewhere. */
export function endpointPath(address: Address, path: string): string {
  const below = `${address.base}/api/v1`
  const url = new URL(address.origin + below + path)
  if (!path.startsWith('/') || !url.pathname.startsWith(`${below}/`) || url.origin !== address.origin) {
    throw new Problem('internal', { detail: 'a path that leads out of the API' })
  }
  return url.pathname + url.search
}

/** This machine, by a name or address that nobody else can answer to. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}
