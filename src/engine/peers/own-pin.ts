// Whether others need the fingerprint of our certificate, because no authority vouches for it.
import { isProblem } from '../../domain/problem.ts'
import type { EngineDeps } from '../deps.ts'

const TOTAL_MS = 5000

/**
 * Calls ourselves as a peer would: when our certificate is refused there, its SHA-256 is what the invitation must carry.
 * Null when it is trusted, or when we do not reach ourselves by our public address.
 */
export async function ownPin(
  deps: Pick<EngineDeps, 'peerHttp' | 'log'>,
  url: string,
): Promise<string | null> {
  if (!url.startsWith('https:')) return null
  try {
    await deps.peerHttp.request(
      { url, key: null, certPin: null },
      { method: 'GET', path: '/health', signal: new AbortController().signal, totalMs: TOTAL_MS },
    )
    return null
  } catch (error) {
    if (!isProblem(error, 'peer_untrusted')) return null
  }
  try {
    return (await deps.peerHttp.certificateOf(url)).sha256
  } catch (error) {
    deps.log.warn(
      { err: error },
      'our own certificate could not be looked at; the invitation goes without it',
    )
    return null
  }
}
