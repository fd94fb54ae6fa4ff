// Makes the client that peers are reached with.
import type { TLSSocket } from 'node:tls'
import { Problem } from '../../domain/problem.ts'
import type { PeerHttp, PeerRequest, PeerTarget } from '../peer-http.ts'
import { addressOf, endpointPath } from './address.ts'
import { createAgents } from './agents.ts'
import { bodyStream, readJson } from './answer.ts'
import { connect } from './connect.ts'
import { exchange, type Exchange } from './exchange.ts'
import { describeCertificate } from './pin.ts'
import type { RawBody } from './send-body.ts'
import { timeoutProblem } from './trouble.ts'

const defaultIdleMs = 15_000
const defaultMaxBytes = 1024 * 1024

/** `allowInsecure`: plain HTTP to loopback addresses, for development. */
export function createPeerHttp({ allowInsecure }: { readonly allowInsecure: boolean }): PeerHttp {
  const agents = createAgents()
  const closing = new AbortController()

  const begin = async (
    target: PeerTarget,
    request: Omit<PeerRequest, 'maxBytes'>,
    accept: string,
  ): Promise<{ got: Exchange; host: string }> => {
    const address = addressOf(target.url, allowInsecure)
    const body = bodyOf(request)
    const got = await exchange({
      address,
      agent: agents.of(address, target.certPin),
      method: request.method,
      path: endpointPath(address, request.path),
      headers: headersOf(target, request, accept, body),
      body,
      signals: [request.signal, closing.signal],
      idleMs: request.idleMs ?? defaultIdleMs,
      totalMs: request.totalMs ?? null,
    })
    return { got, host: address.host }
  }

  return {
    async request(target, request) {
      const { got, host } = await begin(target, request, 'application/json, application/problem+json')
      return readJson(got, host, request.maxBytes ?? defaultMaxBytes)
    },
    async download(target, request) {
      const { got, host } = await begin(target, request, '*/*')
      const { status, headers } = got
      const hasBytes = status >= 200 && status < 300 && status !== 204
      if (!hasBytes) return { ok: false, answer: await readJson(got, host, defaultMaxBytes) }
      return { ok: true, answer: { status, headers, body: bodyStream(got) } }
    },
    certificateOf: (url) => certificateOf(url, closing.signal),
    close() {
      closing.abort(new Problem('cancelled'))
      agents.close()
    },
  }
}

async function certificateOf(
  url: string,
  closing: AbortSignal,
): Promise<{ sha256: string; subject: string; validTo: string }> {
  // Plain HTTP has none, wherever it leads.
  const address = addressOf(url, false)
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(timeoutProblem(address.host, defaultIdleMs)), defaultIdleMs)
  try {
    const socket = await connect(address, 'anybody', AbortSignal.any([late.signal, closing]))
    const certificate = isTls(socket) ? socket.getPeerX509Certificate() : undefined
    socket.destroy()
    if (certificate !== undefined) return describeCertificate(certificate)
    throw new Problem('peer_untrusted', { detail: `${address.host} shows no certificate` })
  } finally {
    clearTimeout(timer)
  }
}

function isTls(socket: object): socket is TLSSocket {
  return 'getPeerX509Certificate' in socket
}

function bodyOf({ json, body }: Omit<PeerRequest, 'maxBytes'>): RawBody | null {
  if (body !== undefined) return body
  if (json === undefined) return null
  const bytes = Buffer.from(JSON.stringify(json), 'utf8')
  return {
    length: bytes.length,
    bytes: (async function* () {
      yield bytes
    })(),
  }
}

/** Ours come last: no caller can change how a body is framed, or send another key. */
function headersOf(
  { key }: PeerTarget,
  { json, body, method, headers }: Omit<PeerRequest, 'maxBytes'>,
  accept: string,
  sent: RawBody | null,
): Record<string, string> {
  const type =
    body === undefined ? (json === undefined ? null : 'application/json') : 'application/octet-stream'
  const empty = method === 'POST' || method === 'PUT' ? '0' : null
  const length = sent === null ? empty : String(sent.length)
  return {
    Accept: accept,
    ...(type !== null && { 'Content-Type': type }),
    ...headers,
    'Accept-Encoding': 'identity',
    'User-Agent': 'BackupManager',
    ...(length !== null && { 'Content-Length': length }),
    ...(key !== null && { 'X-BackupManager-Key': key }),
  }
}
