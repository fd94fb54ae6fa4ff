// Addresses of instances: HTTPS, or plain HTTP to this machine itself where that is allowed.
import type { FieldErrorCode } from '../../domain/problem.ts'

const LONGEST = 500

export type ReadUrl =
  | { readonly ok: true; readonly url: string }
  | { readonly ok: false; readonly code: Extract<FieldErrorCode, 'url_invalid' | 'url_not_https'> }

/** The address in one form: with its base path, without a slash at its end. `allowInsecure`: http:// to loopback. */
export function readPeerUrl(text: string, allowInsecure: boolean): ReadUrl {
  const given = text.trim()
  const url = given.length <= LONGEST && URL.canParse(given) ? new URL(given) : null
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    return { ok: false, code: 'url_invalid' }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    return { ok: false, code: 'url_invalid' }
  }
  if (url.protocol === 'http:' && !(allowInsecure && isLoopback(url.hostname))) {
    return { ok: false, code: 'url_not_https' }
  }
  return { ok: true, url: (url.origin + url.pathname).replace(/\/+$/, '') }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
