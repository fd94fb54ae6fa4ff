// Brings an archive from a peer into a file, by ranges: it goes on where it stopped, and nothing is believed without its hash.
import { unlink } from 'node:fs/promises'
import { isProblem, Problem } from '../../domain/problem.ts'
import { defaultChunkBytes } from '../../domain/upload.ts'
import { peerProblem } from '../../sys/peer-answer.ts'
import type { PeerDownload, PeerHttp } from '../../sys/peer-http.ts'
import type { CarrierIo, FetchByHttp } from '../carrier.ts'
import { PartFile } from './part-file.ts'
import { pause, triesAgain, worthAnotherTry, type Patience } from './patience.ts'
import { readRangeAnswer, readRangeRefusal } from './range-answer.ts'

const idleMs = 60_000
/** Progress is told after so many bytes. */
const tellBytes = 1024 * 1024

interface Fetching {
  readonly http: PeerHttp
  readonly patience: Patience
  readonly order: Parameters<FetchByHttp>[0]
  readonly io: CarrierIo
  readonly part: PartFile
}

/** The {@link FetchByHttp} over this client. After a failure the part stays to go on from, unless its bytes are wrong. */
export function createFetch(http: PeerHttp, patience: Patience): FetchByHttp {
  return async (order, io) => {
    const { wanted } = order
    const part = await PartFile.open(order.part, wanted.sizeBytes, io.signal)
    try {
      const found = part.size
      io.progress(found, 0)
      const fetching = { http, patience, order, io, part }
      await fetchRest(fetching)
      if (part.digest() !== wanted.sha256 && found > 0) {
        // A power cut can spoil what an earlier attempt left: that is no reason to doubt the peer.
        io.say('what was there before is not the beginning of this archive: starting again')
        await part.beginAnew()
        await fetchRest(fetching)
      }
      const sha256 = part.digest()
      if (sha256 === wanted.sha256) return { sizeBytes: part.size, sha256 }
      await unlink(order.part)
      throw new Problem('upload_checksum_mismatch', { expected: wanted.sha256, found: sha256 })
    } finally {
      await part.close()
    }
  }
}

/** Asks until all bytes are there and synced. Rejects with a `Problem` or the signal's reason; what came stays. */
async function fetchRest(fetching: Fetching): Promise<void> {
  const { part, io, order, patience } = fetching
  let tried = 0
  let stoppedAt = part.size
  while (part.size < order.wanted.sizeBytes) {
    io.signal.throwIfAborted()
    const failure = await fetchSome(fetching)
    await part.sync()
    io.signal.throwIfAborted()
    if (failure === null) continue
    // A long way may have many cuts: only those without progress in between add up.
    tried = part.size - stoppedAt >= defaultChunkBytes ? 1 : tried + 1
    stoppedAt = part.size
    if (tried > triesAgain || !worthAnotherTry(failure)) throw failure
    io.say(`going on at byte ${part.size}: ${failure.message}`)
    await pause(patience, tried, failure, io.signal)
  }
}

/** One request: all it brings. Resolves with why it brought less; rejects when this machine fails. */
async function fetchSome({ http, order, io, part }: Fetching): Promise<Problem | null> {
  const { target, wanted } = order
  const asked = { from: part.size, sizeBytes: wanted.sizeBytes, sha256: wanted.sha256 }
  let body: PeerDownload['body'] | undefined
  let length: number
  try {
    const got = await http.download(target, {
      method: 'GET',
      path: `/archives/${encodeURIComponent(wanted.name)}/download`,
      headers: asked.from === 0 ? {} : { range: `bytes=${asked.from}-`, 'if-range': `"${wanted.sha256}"` },
      signal: io.signal,
      idleMs,
    })
    if (!got.ok) {
      if (got.answer.status !== 416) return peerProblem(got.answer)
      readRangeRefusal(got.answer.headers, asked)
      await part.beginAnew()
      return new Problem('peer_answer_invalid', { detail: `HTTP 416 for bytes ${asked.from}-` })
    }
    body = got.answer.body
    const region = readRangeAnswer(got.answer.status, got.answer.headers, asked)
    length = region.length
    if (region.from !== asked.from) {
      io.say('the peer sends everything once more')
      await part.beginAnew()
    }
  } catch (error) {
    body?.destroy()
    if (isProblem(error)) return error
    throw error
  }
  return take(body, length, { io, part })
}

async function take(
  body: PeerDownload['body'],
  length: number,
  { io, part }: Pick<Fetching, 'io' | 'part'>,
): Promise<Problem | null> {
  const pieces: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]()
  let came = 0
  let untold = 0
  try {
    for (;;) {
      const piece = await nextOf(pieces)
      if (piece instanceof Problem) return piece
      if (piece === null)
        return came < length ? cut(`the answer ended after ${came} of ${length} bytes`) : null
      came += piece.length
      if (came > length)
        throw new Problem('peer_answer_invalid', { detail: `more than ${length} bytes came` })
      await io.throttle(piece.length)
      io.signal.throwIfAborted()
      await part.append(piece)
      untold += piece.length
      if (untold < tellBytes) continue
      io.progress(part.size, untold)
      untold = 0
    }
  } finally {
    body.destroy()
    io.progress(part.size, untold)
  }
}

/** The next bytes, null at the end, or what cut the connection. */
async function nextOf(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array | Problem | null> {
  try {
    const { done, value } = await pieces.next()
    return done === true ? null : value
  } catch (error) {
    return isProblem(error) ? error : cut(error instanceof Error ? error.message : String(error))
  }
}

function cut(detail: string): Problem {
  return new Problem('peer_unreachable', { detail })
}
