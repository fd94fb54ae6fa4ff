// Carries an archive to a peer's inbox by rsync over SSH. What is allowed, expected and made of it is agreed over HTTPS, by the
// same requests as for chunks; only the bytes go another way.
import type { PeerSsh } from '../../domain/peer.ts'
import type { PeerHttp, PeerTarget } from '../../sys/peer-http.ts'
import type { Cargo, CarrierIo, Sent } from '../carrier.ts'
import { defaultPatience, type Patience } from '../peer-http/patience.ts'
import { createRsyncSend } from './send.ts'

export interface PushOrder {
  readonly cargo: Cargo
  readonly inbox: PeerSsh
  readonly uploadId: string
  /** KiB per second; null: no limit. */
  readonly bandwidthKib: number | null
}

/** Runs rsync; resolves with the bytes that went over the wire. `progress`: bytes of the file that are there. */
export type PushByRsync = (
  order: PushOrder,
  io: { readonly signal: AbortSignal; progress(done: number): void },
) => Promise<{ readonly bytesSent: number; readonly bytesReceived: number }>

/**
 * Sends by rsync. Rejects with a `Problem`: `transfer_mode_unavailable` when the peer lets nothing in that way. What came before a
 * failure stays with the peer, unless it was cancelled.
 */
export type SendByRsync = (
  order: {
    readonly target: PeerTarget
    readonly cargo: Cargo
    readonly inbox: PeerSsh
    readonly bandwidthKib: number | null
  },
  io: CarrierIo,
) => Promise<Sent>

/** `patience`: how pauses are waited for; only tests give another one. */
export function peerRsync(
  http: PeerHttp,
  push: PushByRsync,
  patience: Patience = defaultPatience,
): { readonly send: SendByRsync } {
  return { send: createRsyncSend(http, push, patience) }
}
