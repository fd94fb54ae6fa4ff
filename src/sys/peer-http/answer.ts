// Reads the body of an answer: to its end and into memory within bounds, or as a stream that is handed on.
import { Readable } from 'node:stream'
import type { PeerResponse } from '../peer-http.ts'
import type { Exchange } from './exchange.ts'
import { isJson, parseBody } from './json-body.ts'
import { answerProblem } from './trouble.ts'
import { Problem } from '../../domain/problem.ts'

/** What a web server says when nobody is behind it. */
const nobodyThere = new Set([502, 503, 504])

/** The whole answer, checked to be JSON of at most `maxBytes`. The exchange is over afterwards, whatever happens. */
export async function readJson(got: Exchange, host: string, maxBytes: number): Promise<PeerResponse> {
  try {
    const { status, headers } = got
    const type = headers['content-type']
    const bytes = await gather(got, host, maxBytes)
    if (status === 204 || status === 304) return { status, headers, json: null }
    if (bytes.length === 0 && type === undefined) return { status, headers, json: null }
    if (!isJson(type)) throw notJson(host, status, type)
    return { status, headers, json: parseBody(bytes, host) }
  } finally {
    got.end()
  }
}

function notJson(host: string, status: number, type: string | undefined): Problem {
  if (nobodyThere.has(status)) {
    const detail = `The web server of ${host} answers ${status}: BackupManager does not run behind it`
    return new Problem('peer_unreachable', { detail, status })
  }
  const kind = /html/i.test(type ?? '') ? 'HTML' : 'something other than JSON'
  return answerProblem(`${host} answers ${kind} (status ${status}): is BackupManager at this address?`, {
    status,
  })
}

async function gather(got: Exchange, host: string, maxBytes: number): Promise<Buffer> {
  const { response, watch, status } = got
  const tooLarge = () => answerProblem(`${host} answers with more than ${maxBytes} bytes`, { status })
  if (Number(got.headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
  const pieces: Buffer[] = []
  let size = 0
  watch.waiting()
  try {
    for await (const piece of response) {
      if (!Buffer.isBuffer(piece)) continue
      watch.waiting()
      size += piece.length
      if (size > maxBytes) throw tooLarge()
      pieces.push(piece)
    }
  } catch (error) {
    throw got.failure(error)
  }
  if (watch.signal.aborted || !response.complete) throw got.failure(null)
  return Buffer.concat(pieces)
}

/** The body as a stream: no faster than it is read, and patient with a slow reader. Destroying it ends the exchange. */
export function bodyStream(got: Exchange): Readable {
  const { response, watch } = got
  const body = new Readable({
    highWaterMark: 256 * 1024,
    read() {
      watch.waiting()
      response.resume()
    },
    destroy(error, done) {
      watch.signal.removeEventListener('abort', onAbort)
      got.end()
      done(error)
    },
  })
  const fail = (error: unknown): void => {
    if (body.destroyed) return
    const why = got.failure(error)
    body.destroy(why instanceof Error ? why : new Error(String(why)))
  }
  const onAbort = (): void => fail(null)
  watch.resting()
  watch.signal.addEventListener('abort', onAbort, { once: true })
  response.on('data', (piece: Buffer) => {
    watch.waiting()
    if (body.push(piece)) return
    response.pause()
    watch.resting()
  })
  response.pause()
  response.on('end', () => {
    watch.resting()
    if (response.complete) body.push(null)
    else fail(null)
  })
  response.on('error', fail)
  response.on('close', () => {
    if (!response.complete) fail(null)
  })
  if (watch.signal.aborted) onAbort()
  return body
}
