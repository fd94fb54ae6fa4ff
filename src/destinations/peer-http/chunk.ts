// Sends one chunk: its bytes at the speed that is allowed, its digest in front.
import { chunkReceivedSchema } from '../../domain/api/archives.ts'
import { Problem } from '../../domain/problem.ts'
import { readAnswer } from '../../sys/peer-answer.ts'
import type { PeerHttp, PeerTarget } from '../../sys/peer-http.ts'
import type { CarrierIo } from '../carrier.ts'

/** Bytes go out in pieces of this size at most, so that a slow limit still lets some pass every second. */
const pieceBytes = 65_536
/** The receiver syncs the chunk to its disk before it answers. */
const idleMs = 120_000

export interface ReadChunk {
  readonly n: number
  readonly length: number
  readonly sha256: string
  readonly bytes: AsyncIterable<Uint8Array>
}

/**
 * What became of a chunk. `sent`: bytes that went out. `unreadable`: the archive's file cannot be read; sending again
 * does not help.
 */
export type ChunkOutcome =
  | { readonly how: 'acknowledged'; readonly sent: number }
  | { readonly how: 'refused' | 'unreadable'; readonly error: unknown; readonly sent: number }

/** Sends one chunk and reads it to its end. Never rejects. */
export async function sendChunk(
  http: PeerHttp,
  target: PeerTarget,
  {
    uploadId,
    chunk,
    throttle,
    signal,
  }: {
    readonly uploadId: string
    readonly chunk: ReadChunk
    readonly throttle: CarrierIo['throttle']
    readonly signal: AbortSignal
  },
): Promise<ChunkOutcome> {
  const body = new ChunkBody(chunk, throttle)
  try {
    const answer = await http.request(target, {
      method: 'POST',
      path: `/archives/upload/${uploadId}/chunk/${chunk.n}`,
      headers: {
        'content-type': 'application/octet-stream',
        'content-digest': `sha-256=:${Buffer.from(chunk.sha256, 'hex').toString('base64')}:`,
      },
      body: { length: chunk.length, bytes: body.pieces() },
      signal,
      idleMs,
    })
    const { received } = readAnswer(answer, chunkReceivedSchema)
    if (received !== chunk.n || body.sent !== chunk.length) {
      throw new Problem('peer_answer_invalid', { detail: `received: ${received} for chunk ${chunk.n}` })
    }
    return { how: 'acknowledged', sent: body.sent }
  } catch (error) {
    if (body.fault !== null) return { how: 'unreadable', error: body.fault.error, sent: body.sent }
    return { how: 'refused', error, sent: body.sent }
  }
}

/** Counts what goes out, and tells failures of the source from those of the connection. */
class ChunkBody {
  sent = 0
  fault: { readonly error: unknown } | null = null
  readonly #chunk: ReadChunk
  readonly #throttle: CarrierIo['throttle']

  constructor(chunk: ReadChunk, throttle: CarrierIo['throttle']) {
    this.#chunk = chunk
    this.#throttle = throttle
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    const { length } = this.#chunk
    try {
      for await (const bytes of this.#chunk.bytes) {
        for (let at = 0; at < bytes.length; at += pieceBytes) {
          const piece = bytes.subarray(at, at + pieceBytes)
          if (this.sent + piece.length > length) throw truncated(`more than the ${length} bytes of its chunk`)
          await this.#throttle(piece.length)
          this.sent += piece.length
          yield piece
        }
      }
      if (this.sent < length) throw truncated(`${this.sent} of ${length} bytes of its chunk`)
    } catch (error) {
      this.fault = { error }
      throw error
    }
  }
}

function truncated(detail: string): Problem {
  return new Problem('archive_truncated', { detail })
}
