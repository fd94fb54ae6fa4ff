// Another instance that this one knows: who it is, how to reach it, and what it last said about itself.
import type { PeerSummary } from './api/summary.ts'
import type { ProblemCode } from './problem.ts'
import type { Scope } from './token.ts'

export const peerStatuses = ['online', 'offline', 'error'] as const
/** `offline`: it does not answer. `error`: it answers what it should not. */
export type PeerStatus = (typeof peerStatuses)[number]

export const remoteRestoreStatuses = [
  'transferring',
  'starting',
  'running',
  'success',
  'error',
  'rolled_back',
  'cancelled',
  'unknown',
] as const
/** `unknown`: the peer cannot be asked how it ended. */
export type RemoteRestoreStatus = (typeof remoteRestoreStatuses)[number]

/** What was exchanged for rsync, both ways. */
export interface PeerSsh {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Lines of its host keys (`ssh-ed25519 AAAA…`); none other is trusted. Empty: it has no inbox. */
  readonly hostKeys: readonly string[]
  /** The public key it comes to our inbox with; null when it may not. */
  readonly theirKey: string | null
}

/** Times are epoch milliseconds. Its key is not in here. */
export interface Peer {
  readonly id: number
  /** Its instance id; null until it was asked for the first time. Only its own word while `publicKey` is null. */
  readonly uid: string | null
  readonly name: string
  /** Of its dashboard, with its base path, without a slash at its end; the API is below it. */
  readonly url: string
  /** False: it only comes to us. */
  readonly hasKey: boolean
  /** SPKI, PEM; null: it was entered by hand and never proved who it is. */
  readonly publicKey: string | null
  /** SHA-256 of its certificate as 64 hex characters; null: the usual authorities vouch for it. */
  readonly certPin: string | null
  /** What we may do there; null: nobody told us. */
  readonly scopes: readonly Scope[] | null
  readonly status: PeerStatus | null
  readonly lastSeen: number | null
  readonly polledAt: number | null
  readonly nextPollAt: number | null
  readonly failures: number
  readonly errorCode: string | null
  readonly errorFacts: Readonly<Record<string, string | number | undefined>>
  /** What it last said, whenever that was (`lastSeen`). */
  readonly facts: PeerSummary | null
  readonly quotaBytes: number | null
  readonly quotaCount: number | null
  /** Days that it cannot delete what it left here. */
  readonly holdDays: number
  readonly ssh: PeerSsh | null
  readonly createdAt: number
}

/** Problems with which nothing but polls goes to a peer: it may not be the one that was meant. */
const stops = ['peer_identity_changed', 'peer_cloned'] as const satisfies readonly ProblemCode[]

/** What keeps everything but polls from going to the peer; null: nothing does. */
export function stopOfPeer({ errorCode }: Pick<Peer, 'errorCode'>): (typeof stops)[number] | null {
  return stops.find((code) => code === errorCode) ?? null
}

/** Whether it answers, but takes our key no more. */
export function refusesKey({ status, errorCode }: Pick<Peer, 'status' | 'errorCode'>): boolean {
  return status === 'error' && errorCode === ('peer_key_refused' satisfies ProblemCode)
}

/** Whether archives can be sent to it by rsync. */
export function hasInbox(peer: Pick<Peer, 'ssh'>): boolean {
  return peer.ssh !== null && peer.ssh.hostKeys.length > 0
}

/**
 * Whose uploads are its own. The instance id counts once it was proven by pairing (`publicKey`): then it is the same after the row
 * was made anew. Until then it is but what the peer says of itself, and the row's id, which no other row ever gets, stands for it.
 */
export function ownerOfPeer(peer: Pick<Peer, 'id' | 'uid' | 'publicKey'>): string {
  return `peer:${peer.publicKey === null || peer.uid === null ? peer.id : peer.uid}`
}
