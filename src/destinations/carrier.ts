// The contract between the transfers engine and a way of carrying an archive to a destination (or from it). Carriers know
// nothing of queues, retries, hours or rows; those are the engine's. They resume by asking the other side what it has.
import type { PeerTarget } from '../sys/peer-http.ts'

export interface Cargo {
  /** The archive's name. */
  readonly name: string
  /** File name, `NAME.tar` or `NAME.tar.gz`. */
  readonly file: string
  readonly sizeBytes: number
  /** Always known: an archive without one is hashed before it is sent. */
  readonly sha256: string
  readonly info: Readonly<Record<string, unknown>>
  readonly backupInfo: Readonly<Record<string, unknown>> | null
}

export interface CarrierIo {
  readonly signal: AbortSignal
  /** `done`: bytes of the archive that the other side has for good. `sent`: bytes over the wire since the last call. */
  progress(done: number, sent: number): void
  /** Waits until that many bytes may be sent (bandwidth limit); resolves at once without a limit. */
  throttle(bytes: number): Promise<void>
  /** A line for the log. Never a secret. */
  say(text: string): void
}

/** Reads an archive's file: see the helper's verb `archive.chunks`. */
export interface ChunkSource {
  /**
   * Hands over the chunks with these numbers, in this order: `onChunk` gets each one with its hash before its bytes and must
   * read `bytes` to the end before it resolves. Rejects with what went wrong; stops when `signal` aborts.
   */
  read(
    numbers: readonly number[],
    chunkSize: number,
    onChunk: (chunk: {
      readonly n: number
      readonly length: number
      /** 64 hex characters. */
      readonly sha256: string
      readonly bytes: AsyncIterable<Uint8Array>
    }) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>
}

export interface Sent {
  /** It was there already, nothing had to be sent. */
  readonly alreadyThere: boolean
  readonly sizeBytes: number
  readonly sha256: string
}

/** Sends over HTTPS in chunks. Rejects with a `Problem`; `retryAfterS` in its facts when the peer said when to come again. */
export type SendByHttp = (
  order: {
    readonly target: PeerTarget
    readonly cargo: Cargo
    readonly chunks: ChunkSource
    readonly parallel: number
  },
  io: CarrierIo,
) => Promise<Sent>

/** What `fetch` must bring. */
export interface Wanted {
  readonly name: string
  readonly sizeBytes: number
  readonly sha256: string
}

/** Brings an archive's bytes into `part`, going on where an earlier attempt stopped; hashed on the way. */
export type FetchByHttp = (
  order: { readonly target: PeerTarget; readonly wanted: Wanted; readonly part: string },
  io: CarrierIo,
) => Promise<{ readonly sizeBytes: number; readonly sha256: string }>
