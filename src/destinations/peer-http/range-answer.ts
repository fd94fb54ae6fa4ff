// What the answer to a request for the rest of an archive means. Pure.
import { Problem } from '../../domain/problem.ts'

export interface RangeAsked {
  /** Bytes that are here already: the rest was asked for. */
  readonly from: number
  /** Of the whole archive. */
  readonly sizeBytes: number
  readonly sha256: string
}

/**
 * Where the bytes of a good answer belong: `from` is where they begin (0 when the peer sends everything once more), `length` how
 * many there must be. `peer_answer_invalid` for what was not asked for; `upload_checksum_mismatch` when the peer now has
 * another archive of that name.
 */
export function readRangeAnswer(
  status: number,
  headers: Readonly<Record<string, string>>,
  asked: RangeAsked,
): { readonly from: number; readonly length: number } {
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw wrong(`content-encoding: ${headers['content-encoding']}`)
  }
  const type = headers['content-type'] ?? ''
  // A sign-in page or a proxy's error with status 200 is no archive, and must not take the place of what came before.
  if (/^(text\/|application\/([a-z.+-]*\+)?json)/i.test(type)) throw wrong(`content-type: ${type}`)
  const etag = /^"([0-9a-f]{64})"$/.exec(headers['etag'] ?? '')?.[1]
  if (etag !== undefined && etag !== asked.sha256) {
    throw new Problem('upload_checksum_mismatch', { expected: asked.sha256, found: etag })
  }
  const region = status === 206 ? partIn(headers['content-range'], asked) : whole(status, asked)
  const told = headers['content-length']
  if (told !== undefined && told !== String(region.length)) {
    throw wrong(`content-length: ${told} instead of ${region.length}`)
  }
  return region
}

/** After 416: returns when it is worth beginning anew; `peer_answer_invalid` when the peer's archive has another size. */
export function readRangeRefusal(headers: Readonly<Record<string, string>>, asked: RangeAsked): void {
  const total = /^bytes \*\/(\d{1,16})$/.exec(headers['content-range'] ?? '')?.[1]
  if (total !== undefined && Number(total) !== asked.sizeBytes) {
    throw wrong(`the archive has ${total} bytes there instead of ${asked.sizeBytes}`)
  }
}

function partIn(
  header: string | undefined,
  asked: RangeAsked,
): { readonly from: number; readonly length: number } {
  const [, first, last, total] = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(header ?? '') ?? []
  const from = Number(first)
  const end = Number(last)
  // No range was asked for at 0, but a peer may well answer with the range of everything.
  if (from !== asked.from || Number(total) !== asked.sizeBytes || end < from || end >= asked.sizeBytes) {
    throw wrong(`content-range: ${header ?? 'none'} instead of bytes ${asked.from}-/${asked.sizeBytes}`)
  }
  return { from, length: end - from + 1 }
}

function whole(status: number, asked: RangeAsked): { readonly from: number; readonly length: number } {
  if (status !== 200) throw wrong(`HTTP ${status}`)
  return { from: 0, length: asked.sizeBytes }
}

function wrong(detail: string): Problem {
  return new Problem('peer_answer_invalid', { detail: detail.slice(0, 200) })
}
