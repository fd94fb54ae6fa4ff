// Sends an archive in chunks. Keeps no memory of its own: what the peer has is learnt when the upload is started.
import { isProblem } from '../../domain/problem.ts'
import { chunkRegion, parallelChunksMost } from '../../domain/upload.ts'
import type { PeerHttp } from '../../sys/peer-http.ts'
import type { CarrierIo, SendByHttp, Sent } from '../carrier.ts'
import { persistently, type Patience } from './patience.ts'
import { sendChunks } from './slots.ts'
import { abandonUpload, finishUpload, startUpload, type OpenUpload } from './upload.ts'

/** How often chunks that the receiver misses at the end are sent once more. */
const mostRounds = 3
/** Nobody waits longer for a peer to throw away a cancelled upload: it expires by itself. */
const abandonMs = 5_000

type Order = Parameters<SendByHttp>[0]

/** The {@link SendByHttp} over this client. What was sent before a failure stays with the peer, unless it was cancelled. */
export function createSend(http: PeerHttp, patience: Patience): SendByHttp {
  return async (order, io) => {
    const { target, cargo } = order
    for (let begun = 1; ; begun++) {
      io.signal.throwIfAborted()
      const upload = await persistently(() => startUpload(http, target, cargo, io.signal), patience, io)
      if (upload === null) {
        io.progress(cargo.sizeBytes, 0)
        return { alreadyThere: true, sizeBytes: cargo.sizeBytes, sha256: cargo.sha256 }
      }
      try {
        return await bring(http, patience, { order, io, upload })
      } catch (error) {
        if (isCancelled(io.signal)) await abandon(http, { order, io, upload })
        io.signal.throwIfAborted()
        if (!isProblem(error, 'upload_not_found') || begun > 1) throw error
        io.say('the peer no longer has this upload: starting again')
      }
    }
  }
}

interface Way {
  readonly order: Order
  readonly io: CarrierIo
  readonly upload: OpenUpload
}

async function bring(http: PeerHttp, patience: Patience, { order, io, upload }: Way): Promise<Sent> {
  const { target, cargo, chunks } = order
  const parallel = Math.min(Math.max(Math.trunc(order.parallel), 1), parallelChunksMost)
  let missing = upload.missing
  for (let round = 1; ; round++) {
    let done = cargo.sizeBytes - bytesOf(missing, cargo.sizeBytes, upload)
    io.progress(done, 0)
    const onTry = (sent: number, acknowledged: number): void => {
      done += acknowledged
      io.progress(done, sent)
    }
    const sending = { http, target, patience, chunks, sizeBytes: cargo.sizeBytes, upload, io, onTry }
    await sendChunks(sending, missing, parallel)
    missing = await persistently(
      () => finishUpload(http, target, { upload, cargo, mayMiss: round < mostRounds, signal: io.signal }),
      patience,
      io,
    )
    if (missing.length === 0) {
      return { alreadyThere: false, sizeBytes: cargo.sizeBytes, sha256: cargo.sha256 }
    }
    io.say(`the peer misses ${missing.length} chunks`)
  }
}

function bytesOf(numbers: readonly number[], totalSize: number, { chunkSize }: OpenUpload): number {
  return numbers.reduce((sum, n) => sum + chunkRegion(n, { totalSize, chunkSize }).length, 0)
}

function isCancelled({ aborted, reason }: AbortSignal): boolean {
  return aborted && (reason === 'cancelled' || isProblem(reason, 'cancelled'))
}

async function abandon(http: PeerHttp, { order, io, upload }: Way): Promise<void> {
  try {
    await abandonUpload(http, order.target, upload, abandonMs)
  } catch (error) {
    io.say(`the peer keeps the cancelled upload until it expires: ${String(error)}`)
  }
}
