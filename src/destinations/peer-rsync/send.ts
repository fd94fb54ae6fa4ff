// One sending by rsync: the upload is begun, the file is brought, the upload is finished. Nothing is remembered here: the same
// start gives the same upload, and rsync finds out by itself how much of the file is there.
import { isProblem, Problem } from '../../domain/problem.ts'
import type { PeerHttp } from '../../sys/peer-http.ts'
import type { CarrierIo } from '../carrier.ts'
import { persistently, type Patience } from '../peer-http/patience.ts'
import { abandonUpload, finishUpload, startUpload, type OpenUpload } from '../peer-http/upload.ts'
import type { PushByRsync, SendByRsync } from './index.ts'

type Order = Parameters<SendByRsync>[0]

/** How often the peer is asked whether the place is made: copying an earlier archive takes a while. */
const askAgainMs = 3_000
const mostAsks = 1200
const abandonMs = 5_000

/** The {@link SendByRsync} over this client. */
export function createRsyncSend(http: PeerHttp, push: PushByRsync, patience: Patience): SendByRsync {
  return async (order, io) => {
    const { cargo } = order
    const whole = { sizeBytes: cargo.sizeBytes, sha256: cargo.sha256 }
    const upload = await begin(http, patience, order, io)
    if (upload === null) {
      io.progress(cargo.sizeBytes, 0)
      return { alreadyThere: true, ...whole }
    }
    try {
      let done = 0
      const { bytesSent } = await push(
        { cargo, inbox: order.inbox, uploadId: upload.id, bandwidthKib: order.bandwidthKib },
        { signal: io.signal, progress: (bytes) => io.progress((done = Math.max(done, bytes)), 0) },
      )
      io.progress(cargo.sizeBytes, bytesSent)
      io.say(`rsync sent ${bytesSent} bytes for ${cargo.sizeBytes}`)
      const finish = { upload, cargo, mayMiss: false, signal: io.signal }
      await persistently(() => finishUpload(http, order.target, finish), patience, io)
      return { alreadyThere: false, ...whole }
    } catch (error) {
      if (isCancelled(io.signal)) await abandon(http, order, upload, io)
      io.signal.throwIfAborted()
      throw error
    }
  }
}

/** Null when the archive is there already. `transfer_mode_unavailable`: the peer would take it in chunks only. */
async function begin(
  http: PeerHttp,
  patience: Patience,
  { target, cargo }: Order,
  io: CarrierIo,
): Promise<OpenUpload | null> {
  for (let asked = 0; asked < mostAsks; asked += 1) {
    io.signal.throwIfAborted()
    const upload = await persistently(
      () => startUpload(http, target, cargo, io.signal, 'rsync'),
      patience,
      io,
    )
    if (upload === null) return null
    if (upload.rsync === null) throw new Problem('transfer_mode_unavailable', { mode: 'rsync' })
    // It becomes an argument of rsync.
    if (upload.rsync.path !== `${upload.id}/${cargo.file}` || !/^[0-9a-f-]{36}$/.test(upload.id)) {
      throw new Problem('peer_answer_invalid', { detail: 'rsync.path is not UPLOAD/FILE' })
    }
    if (upload.rsync.ready) return upload
    await patience.sleep(askAgainMs, io.signal)
  }
  throw new Problem('timed_out', { command: 'rsync' })
}

function isCancelled({ aborted, reason }: AbortSignal): boolean {
  return aborted && (reason === 'cancelled' || isProblem(reason, 'cancelled'))
}

async function abandon(http: PeerHttp, order: Order, upload: OpenUpload, io: CarrierIo): Promise<void> {
  try {
    await abandonUpload(http, order.target, upload, abandonMs)
  } catch (error) {
    io.say(`the peer keeps the cancelled upload until it expires: ${String(error)}`)
  }
}
