// Sends chunks in several slots at once. A chunk that fails is tried again while the other slots go on; a slot that gives up
// stops them all.
import { isProblem, Problem } from '../../domain/problem.ts'
import { chunkRegion } from '../../domain/upload.ts'
import type { PeerHttp, PeerTarget } from '../../sys/peer-http.ts'
import type { CarrierIo, ChunkSource } from '../carrier.ts'
import { sendChunk, type ReadChunk } from './chunk.ts'
import { pause, triesAgain, worthAnotherTry, type Patience } from './patience.ts'
import type { OpenUpload } from './upload.ts'

/** The source is asked for that many chunks at most at one time: requests to the root helper have a limit. */
const mostAtOnce = 10_000

export interface Sending {
  readonly http: PeerHttp
  readonly target: PeerTarget
  readonly patience: Patience
  readonly chunks: ChunkSource
  readonly sizeBytes: number
  readonly upload: OpenUpload
  readonly io: CarrierIo
  /** Called after each try: bytes that went out, and those of the chunk if it was acknowledged. */
  readonly onTry: (sent: number, acknowledged: number) => void
}

/**
 * Sends the chunks with these numbers, the first ones first, in up to `parallel` slots. Rejects with what made the first slot
 * give up, or the signal's reason, when all have ended.
 */
export async function sendChunks(
  sending: Sending,
  numbers: readonly number[],
  parallel: number,
): Promise<void> {
  const stop = new AbortController()
  const signal = AbortSignal.any([sending.io.signal, stop.signal])
  const slots = Array.from({ length: parallel }, (_, slot) => numbers.filter((_, i) => i % parallel === slot))
  await Promise.allSettled(
    slots
      .filter((own) => own.length > 0)
      .map(async (own) => {
        try {
          await sendSlot(sending, own, signal)
        } catch (error) {
          // The first reason stays.
          stop.abort(error)
          throw error
        }
      }),
  )
  sending.io.signal.throwIfAborted()
  stop.signal.throwIfAborted()
}

async function sendSlot(sending: Sending, numbers: readonly number[], signal: AbortSignal): Promise<void> {
  let next = 0
  let tried = 0
  while (next < numbers.length) {
    signal.throwIfAborted()
    const { acknowledged, failure } = await sendSome(sending, numbers.slice(next, next + mostAtOnce), signal)
    next += acknowledged
    if (failure === null) continue
    tried = acknowledged > 0 ? 1 : tried + 1
    if (tried > triesAgain || !worthAnotherTry(failure)) throw failure
    sending.io.say(`chunk ${numbers[next]} is sent again: ${failure.message}`)
    await pause(sending.patience, tried, failure, signal)
  }
}

/** Sends until one is refused. Rejects when the archive cannot be read, and with the signal's reason. */
async function sendSome(
  { http, target, chunks, sizeBytes, upload, io, onTry }: Sending,
  numbers: readonly number[],
  signal: AbortSignal,
): Promise<{ readonly acknowledged: number; readonly failure: Problem | null }> {
  const refused = new AbortController()
  const either = AbortSignal.any([signal, refused.signal])
  let acknowledged = 0
  const throttle = async (bytes: number): Promise<void> => {
    await io.throttle(bytes)
    either.throwIfAborted()
  }
  const onChunk = async (chunk: ReadChunk): Promise<void> => {
    assertExpected(chunk, numbers[acknowledged], { totalSize: sizeBytes, chunkSize: upload.chunkSize })
    const outcome = await sendChunk(http, target, { uploadId: upload.id, chunk, throttle, signal: either })
    onTry(outcome.sent, outcome.how === 'acknowledged' ? chunk.length : 0)
    if (outcome.how === 'acknowledged') acknowledged += 1
    else if (outcome.how === 'unreadable') throw outcome.error
    else {
      // The source need not read on to the end of a chunk that nobody takes.
      refused.abort(outcome.error)
      throw outcome.error
    }
  }
  try {
    await chunks.read(numbers, upload.chunkSize, onChunk, either)
  } catch (error) {
    signal.throwIfAborted()
    const failure: unknown = refused.signal.reason
    if (!isProblem(failure)) throw error
    return { acknowledged, failure }
  }
  if (acknowledged < numbers.length) {
    throw new Problem('archive_truncated', { detail: `chunk ${numbers[acknowledged]} was not read` })
  }
  return { acknowledged, failure: null }
}

function assertExpected(
  chunk: ReadChunk,
  n: number | undefined,
  file: { readonly totalSize: number; readonly chunkSize: number },
): void {
  if (chunk.n !== n || chunk.length !== chunkRegion(chunk.n, file).length) {
    throw new Problem('archive_truncated', { detail: `chunk ${chunk.n} has ${chunk.length} bytes` })
  }
}
