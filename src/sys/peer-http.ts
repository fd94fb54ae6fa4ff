// Requests to peers: HTTPS with verified or pinned certificates, bounded answers, no redirects, no connection to others.
import type { Readable } from 'node:stream'

/** Where a peer is and how to be known there. */
export interface PeerTarget {
  /** Of its dashboard, without a slash at its end. `/api/v1…` is added. */
  readonly url: string
  /** Null only for pairing. */
  readonly key: string | null
  /** SHA-256 of its certificate, 64 hex characters; null: the usual authorities. */
  readonly certPin: string | null
}

export interface PeerRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below `/api/v1`, with its query: `/archives?limit=10`. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Raw bytes, of exactly `length`. */
  readonly body?: { readonly length: number; readonly bytes: AsyncIterable<Uint8Array> }
  readonly signal: AbortSignal
  /** Milliseconds without any progress until it is given up. Default 15,000. */
  readonly idleMs?: number
  /** Milliseconds for everything; absent: no limit but `idleMs`. */
  readonly totalMs?: number
  /** Most bytes of the answer. Default 1 MiB. */
  readonly maxBytes?: number
}

export interface PeerResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The parsed body of a JSON answer (also of a problem document); null when there is none (204, 304). */
  readonly json: unknown
}

export interface PeerDownload {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Unread until it is read; destroying it ends the connection. */
  readonly body: Readable
}

/**
 * Rejects with `peer_insecure` (not HTTPS), `peer_unreachable` (with `detail`), `peer_untrusted` (certificate or pin),
 * `peer_answer_invalid` (not JSON, too large, a redirect; with `detail`), or the signal's reason. An answer with an error
 * status resolves: {@link peerProblem} makes a Problem of it.
 */
export interface PeerHttp {
  request(target: PeerTarget, request: PeerRequest): Promise<PeerResponse>
  /** For long bodies: the answer's body is handed over unread. Error statuses are read and given like `request` would, in `failed`. */
  download(
    target: PeerTarget,
    request: Omit<PeerRequest, 'json' | 'body' | 'maxBytes'>,
  ): Promise<
    | { readonly ok: true; readonly answer: PeerDownload }
    | { readonly ok: false; readonly answer: PeerResponse }
  >
  /** What stands at that address: the certificate's SHA-256, subject and end. Nothing is sent. */
  certificateOf(
    url: string,
  ): Promise<{ readonly sha256: string; readonly subject: string; readonly validTo: string }>
  close(): void
}
