// What the API, the dashboard and the command line may ask about tokens, peers, uploads, transfers and other instances.
// Rejections are `Problem`s. Reads that need no work go to `src/store`.
import type {
  WireArchive,
  WireRestorePlan,
  WireRestoreStatus,
  WireUploadStart,
} from '../domain/api/archives.ts'
import type { JoinAnswer, JoinRequest } from '../domain/api/pairing.ts'
import type { PeerSummary, WireHealth, WireJob } from '../domain/api/summary.ts'
import type { Archive } from '../domain/archive.ts'
import type { Peer, RemoteRestoreStatus } from '../domain/peer.ts'
import type { Facts, Problem } from '../domain/problem.ts'
import type { RetentionPolicy } from '../domain/retention-policy.ts'
import type { RestoreOptions } from '../domain/restore.ts'
import type { ApiToken, Caller, Scope } from '../domain/token.ts'
import type {
  Destination,
  Transfer,
  TransferMode,
  TransferTrigger,
  TransferWindow,
} from '../domain/transfer.ts'
import type { ChunkRange, Upload } from '../domain/upload.ts'
import type { Actor } from './engine.ts'

/** Why a key was not taken. `retryAfterS`: too many wrong ones came from that address. */
export type TokenVerdict =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly retryAfterS: number | null }

export interface Tokens {
  /** A new token; its secret (64 hex characters) is given once and stored nowhere. `validation_failed`. */
  create(
    input: {
      readonly name: string
      readonly scopes: readonly Scope[]
      readonly peerId?: number | null
      readonly expiresAt?: number | null
    },
    actor: Actor,
  ): Promise<{ readonly token: ApiToken; readonly secret: string }>
  /** From now on it is unknown; requests that go on with it are ended. `token_not_found`. */
  revoke(id: number, actor: Actor): Promise<ApiToken>
  /**
   * A new secret with the same rights for the bearer of a token. The old one ends when the new one is first used, or after an
   * hour: an answer that was lost locks nobody out.
   */
  rotate(id: number, actor: Actor): Promise<{ readonly token: ApiToken; readonly secret: string }>
  /**
   * Who bears this key. Takes as long for an unknown key as for a known one; known ones are remembered for a few minutes.
   * Failures are counted by address: beyond the limit nothing is looked up any more.
   */
  verify(secret: string, address: string): Promise<TokenVerdict>
  /** Aborts when the token is revoked. For what takes long: streams, uploads. */
  signalOf(tokenId: number): AbortSignal
}

/** What an admin says about a peer. */
export interface PeerInput {
  readonly name: string
  readonly url: string
  /** Absent: the stored one stays. */
  readonly key?: string
  readonly certPin?: string | null
  readonly quotaBytes?: number | null
  readonly quotaCount?: number | null
  readonly holdDays?: number
}

/** An invitation as it is shown: the code only once. */
export interface Invitation {
  readonly id: number
  readonly code: string
  readonly expiresAt: number
}

export interface Peers {
  /** A one-time code for 15 minutes. `scopes`: what the one who joins may do here. */
  invite(
    input: { readonly scopes: readonly Scope[]; readonly ssh: boolean },
    actor: Actor,
  ): Promise<Invitation>
  /** The code is worth nothing any more. */
  cancelInvitation(id: number, actor: Actor): Promise<void>
  /** Pairs with whoever showed the code. `scopes`: what that one may do here. `pairing_refused`, `peer_is_self`, `peer_unreachable`, … */
  join(
    code: string,
    input: { readonly scopes: readonly Scope[]; readonly ssh: boolean },
    actor: Actor,
  ): Promise<Peer>
  /** The other side of `join`, for the API. */
  acceptJoin(request: JoinRequest, address: string): Promise<JoinAnswer>
  /** By hand: name, address and a key that was made there. It is asked at once who it is. `validation_failed` names the field. */
  register(input: PeerInput, actor: Actor): Promise<Peer>
  /** Another origin needs a key: the stored one is not sent to where somebody else may be. `validation_failed` names the field. */
  update(id: number, input: PeerInput, actor: Actor): Promise<Peer>
  /** Asks the peer for a new key for us; the old one stays good until the new one is stored. */
  rotateKey(id: number, actor: Actor): Promise<Peer>
  /** Forgets the peer: its tokens end at once, its sessions too; what it left here stays. */
  remove(id: number, actor: Actor): Promise<void>
  /** Asks it now instead of when its turn comes; the row as it is afterwards, also when it could not be reached. */
  poll(id: number): Promise<Peer>
  /** What it presents as its certificate: for the form that pins it. `peer_unreachable`. */
  certificateOf(
    url: string,
  ): Promise<{ readonly sha256: string; readonly subject: string; readonly validTo: string }>
}

export type UploadStarted =
  | {
      readonly kind: 'new' | 'open'
      readonly upload: Upload
      readonly received: readonly ChunkRange[]
      /** For one that comes by rsync: `UPLOAD/FILE`, and whether it may be sent there already. */
      readonly rsync?: { readonly path: string; readonly ready: boolean }
    }
  | { readonly kind: 'present'; readonly name: string; readonly sizeBytes: number; readonly sha256: string }

export interface Received {
  readonly name: string
  readonly sizeBytes: number
  readonly sha256: string
}

/** Receives archives in chunks; api.md tells every answer and refusal. */
export interface Uploads {
  start(caller: Caller, input: WireUploadStart): Promise<UploadStarted>
  /**
   * Takes chunk `n`: `length` is what the sender said it has, `digest` its SHA-256 as 64 hex characters. Resolves when the
   * chunk is on disk and recorded. A piece of the body is not used any more once the next one is asked for.
   */
  chunk(
    caller: Caller,
    id: string,
    n: number,
    chunk: { readonly length: number; readonly digest: string; readonly body: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<{ readonly received: number; readonly chunksReceived: number; readonly totalChunks: number }>
  finish(caller: Caller, id: string, checksum: string | null): Promise<Received>
  status(
    caller: Caller,
    id: string,
  ): Promise<{ readonly upload: Upload; readonly received: readonly ChunkRange[] }>
  /** The partial file goes; idempotent. */
  remove(caller: Caller, id: string): Promise<void>
}

export interface SendOrder {
  readonly archive: string
  readonly destinationId: number
  readonly mode?: TransferMode
  readonly trigger: TransferTrigger
}

export interface DestinationInput {
  readonly enabled: boolean
  readonly mode: TransferMode
  readonly bandwidthKib: number | null
  readonly window: TransferWindow | null
  /** How long copies stay there; null: as their job says. Absent: as it is. */
  readonly retention?: RetentionPolicy | null
}

/** What came of going to a peer's inbox. */
export interface SshTest {
  readonly problem: Problem | null
  /** Versions of rsync, `old` when it is too old, `unsure` when its security fixes depend on the distribution; null: not told. */
  readonly here: RsyncVersion | null
  readonly there: RsyncVersion | null
}
export interface RsyncVersion {
  readonly version: string
  readonly standing: 'good' | 'unsure' | 'old'
}

/** How a transfer goes that this process carries out. */
export interface TransferPace {
  /** Lately. */
  readonly bytesPerSecond: number
  readonly secondsLeft: number | null
  /** Bytes that `bytesDone` does not count yet: mostly those that went out and that nobody has confirmed. */
  readonly inFlight: number
}

/** The persistent queue of archives on their way, one lane per destination. */
export interface Transfers {
  /** Queues it, or gives the open transfer of the same archive there. `archive_not_found`, `archive_corrupted`, `destination_not_found`. */
  send(order: SendOrder, actor: Actor): Promise<Transfer>
  /** Queues bringing an archive here from a peer. `archive_exists` when another one has its name. */
  fetch(
    order: { readonly archive: string; readonly peerId: number; readonly trigger: TransferTrigger },
    actor: Actor,
  ): Promise<Transfer>
  pause(id: number, actor: Actor): Promise<Transfer>
  /** Goes on with a paused one, tries a waiting or failed one again now. */
  resume(id: number, actor: Actor): Promise<Transfer>
  cancel(id: number, actor: Actor): Promise<Transfer>
  wait(id: number, signal?: AbortSignal): Promise<Transfer>
  /** Calls back whenever something about it changed. Returns the way to stop. */
  watch(id: number, changed: () => void): () => void
  /** Null when nothing is known, as of one that another process carries out. */
  pace(id: number): TransferPace | null
  changeDestination(id: number, input: DestinationInput, actor: Actor): Promise<Destination>
  /** Where a job's archives go after each good run. */
  setJobDestinations(jobId: number, destinationIds: readonly number[], actor: Actor): Promise<void>
  /**
   * Goes to the peer's inbox over SSH without leaving anything there. Never rejects for what is wrong with the way: that is
   * in `problem`. `peer_not_found`.
   */
  testSsh(peerId: number, signal: AbortSignal): Promise<SshTest>
  /** Asks the holder which of its copies are still there. */
  checkCopies(destinationId: number, signal: AbortSignal): Promise<void>
}

/** A restore that a peer carries out for us. */
export interface RemoteRestore {
  readonly id: number
  readonly peerId: number
  readonly archiveName: string
  readonly status: RemoteRestoreStatus
  readonly transferId: number | null
  /** What the peer last said. */
  readonly state: WireRestoreStatus | null
  readonly seenAt: number | null
  readonly askedAt: number
  readonly finishedAt: number | null
  readonly actor: Actor
  readonly errorCode: string | null
  readonly errorFacts: Facts
}

/** What can be asked of another instance. */
export interface Remote {
  /** Archives of a peer that we may see, a page at a time. */
  archives(
    peerId: number,
    query: { readonly app?: string; readonly q?: string; readonly cursor?: string; readonly limit?: number },
  ): Promise<{ readonly items: readonly WireArchive[]; readonly nextCursor: string | null }>
  /** Starts a job there; the id of its run there. */
  startRun(peerId: number, remoteJobId: number, actor: Actor): Promise<{ readonly runId: number }>
  /** What a restore there would do, in that instance's words; null when the archive is not there yet. */
  planRestore(peerId: number, archive: string, options: RestoreOptions): Promise<WireRestorePlan | null>
  /** Sends the archive if it is not there, then has it restored there. */
  startRestore(
    order: {
      readonly peerId: number
      readonly archive: string
      readonly options: RestoreOptions
      readonly force: boolean
    },
    actor: Actor,
  ): Promise<RemoteRestore>
  /** As far as it is known now; asks the peer when it is under way. */
  restore(id: number): Promise<RemoteRestore>
  watchRestore(id: number, changed: () => void): () => void
}

/** What this instance says about itself. */
export interface SelfDescription {
  /** `GET /health`. */
  health(): Promise<WireHealth>
  /** `GET /jobs`: by id, those after `after` only. */
  jobs(page: { readonly after?: number; readonly limit: number }): Promise<readonly WireJob[]>
  /** `GET /summary`. */
  summary(caller: Caller): Promise<PeerSummary>
}

/** May this caller see, download or delete this archive? */
export interface Ownership {
  /** `archive_not_found` when it is not its own and it has no right to all of them. */
  mustOwn(caller: Caller, name: string): Promise<Archive>
  /** By its owner over the API: `archive_held` within the hold time, `archive_pinned`, `archive_in_use`. */
  remove(caller: Caller, name: string): Promise<void>
}
