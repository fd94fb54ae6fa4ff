// Where a request comes from, as far as that can be believed. Failures are counted by it.
import { isIP } from 'node:net'
import { proxyHeader, proxySecret, sameSecret, type ProxyDeps } from '../proxy-secret.ts'

/** What of a request tells where it comes from. */
export interface Asking {
  readonly env?: { readonly incoming?: { readonly socket: { readonly remoteAddress?: string | undefined } } }
  readonly req: { header(name: string): string | undefined }
}

/**
 * The address of whoever asks. Behind a socket that only nginx can open it is the last entry of `X-Forwarded-For`, which
 * nginx itself added: what stands before it is only claimed. A TCP port can be reached past nginx: there the header counts
 * only together with the secret that nginx alone knows, else the connection's own address does.
 */
export async function addressOf(c: Asking, deps: ProxyDeps): Promise<string> {
  const forwarded = lastForwarded(c.req.header('x-forwarded-for'))
  if (deps.config.listen.kind === 'unix') return forwarded ?? 'unix'
  const own = c.env?.incoming?.socket.remoteAddress ?? 'unknown'
  const told = c.req.header(proxyHeader)
  if (forwarded === null || told === undefined) return own
  const secret = await proxySecret(deps)
  return secret !== null && sameSecret(told, secret) ? forwarded : own
}

function lastForwarded(header: string | undefined): string | null {
  const last = (header ?? '').split(',').at(-1)?.trim() ?? ''
  return isIP(last) === 0 ? null : last
}
