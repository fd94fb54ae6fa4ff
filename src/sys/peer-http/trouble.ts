// What went wrong with a connection, in words. Never a part of the request: it holds the key.
import { isProblem, Problem } from '../../domain/problem.ts'
import { errorCode } from '../files.ts'
import type { Address } from './address.ts'

type Where = Pick<Address, 'host' | 'port'>

const untrusted: Readonly<Record<string, (host: string) => string>> = {
  CERT_HAS_EXPIRED: (host) => `The certificate of ${host} has expired`,
  CERT_NOT_YET_VALID: (host) =>
    `The certificate of ${host} is not valid yet. Is the clock right, here and there?`,
  ERR_TLS_CERT_ALTNAME_INVALID: (host) => `The certificate at ${host} is for another name`,
  DEPTH_ZERO_SELF_SIGNED_CERT: (host) => `${host} signed its certificate itself`,
  SELF_SIGNED_CERT_IN_CHAIN: (host) =>
    `The certificate of ${host} comes from an authority that is not trusted here`,
  UNABLE_TO_GET_ISSUER_CERT: (host) =>
    `The certificate of ${host} comes from an authority that is not trusted here`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: (host) =>
    `The certificate of ${host} comes from an authority that is not trusted here`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: (host) =>
    `${host} sends its certificate without those of the authorities that it comes from`,
  CERT_REVOKED: (host) => `The certificate of ${host} was revoked`,
}

const unreachable: Readonly<Record<string, (host: string, port: number) => string>> = {
  ENOTFOUND: (host) => `There is no host with the name ${host}`,
  EAI_AGAIN: (host) => `The name ${host} cannot be looked up now`,
  EAI_FAIL: (host) => `The name ${host} cannot be looked up`,
  ECONNREFUSED: (host, port) => `${host} refuses connections to port ${port}`,
  ECONNRESET: (host) => `${host} broke the connection off`,
  EPIPE: (host) => `${host} broke the connection off`,
  ECONNABORTED: (host) => `The connection to ${host} was broken off`,
  ETIMEDOUT: (host, port) => `${host} does not answer at port ${port}`,
  EHOSTUNREACH: (host) => `There is no way to ${host} in the network`,
  EHOSTDOWN: (host) => `${host} is down`,
  ENETUNREACH: (host) => `There is no way to the network of ${host}`,
  ENETDOWN: () => 'The network is down',
  EADDRNOTAVAIL: (host, port) => `${host} cannot be reached at port ${port} from here`,
  EACCES: (host, port) => `This machine does not allow connections to ${host} at port ${port}`,
  EPERM: (host, port) => `This machine does not allow connections to ${host} at port ${port}`,
  EMFILE: () => 'Too many files and connections are open here',
  ENFILE: () => 'Too many files and connections are open here',
}

const authority =
  /^(?:CERT_|CRL_|UNABLE_TO_|ERROR_IN_C|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|HOSTNAME_MISMATCH|.*_CERT)/
const tooOld = /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_PROTOCOLS/
const notTls = /WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH|BAD_RECORD|UNEXPECTED_MESSAGE/

/** The problem behind an error of a socket, of TLS or of Node's parser. A {@link Problem} stays what it is. */
export function connectionProblem(error: unknown, { host, port }: Where): Problem {
  if (isProblem(error)) return error
  const code = codeOf(error)
  const cause = { cause: error }
  const distrust = untrusted[code]
  if (distrust) return new Problem('peer_untrusted', { detail: distrust(host) }, cause)
  const away = unreachable[code]
  if (away) return new Problem('peer_unreachable', { detail: away(host, port) }, cause)
  if (code.startsWith('HPE_')) {
    const what = code === 'HPE_HEADER_OVERFLOW' ? 'with too long headers' : 'what is not HTTP'
    // The error itself holds what was answered, and that may repeat our key.
    const options = { cause: new Error(code) }
    return new Problem('peer_answer_invalid', { detail: `${host} answers ${what}` }, options)
  }
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    const words = tooOld.test(code)
      ? `${host} speaks only versions of TLS that are no longer safe`
      : notTls.test(code)
        ? `${host} does not speak HTTPS at port ${port}`
        : `${host} and this machine cannot agree on an encrypted connection (${code})`
    return new Problem('peer_unreachable', { detail: words }, cause)
  }
  if (authority.test(code)) {
    return new Problem(
      'peer_untrusted',
      { detail: `The certificate of ${host} is not valid (${code})` },
      cause,
    )
  }
  const detail = `The connection to ${host} failed${code === '' ? '' : ` (${code})`}`
  return new Problem('peer_unreachable', { detail }, cause)
}

/** `peer_unreachable`: the other side closed the connection in the middle. */
export function brokenProblem(host: string): Problem {
  return new Problem('peer_unreachable', { detail: `${host} broke the connection off` })
}

/** `peer_unreachable`: nothing happened for that long. */
export function timeoutProblem(host: string, ms: number): Problem {
  const seconds = Math.max(1, Math.round(ms / 1000))
  return new Problem('peer_unreachable', {
    detail: `${host} timed out: it did not answer within ${seconds} s`,
  })
}

/** `peer_answer_invalid`. */
export function answerProblem(detail: string, facts: { readonly status?: number } = {}): Problem {
  return new Problem('peer_answer_invalid', { detail, ...facts })
}

/** Of several attempts (one per address of a name) the first one's. */
function codeOf(error: unknown): string {
  const own = errorCode(error)
  if (own !== undefined && own !== '') return own
  return error instanceof AggregateError && error.errors.length > 0 ? codeOf(error.errors[0]) : ''
}
