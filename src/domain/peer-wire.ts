// How tokens, peers and invitations look in the JSON of the command line. Nothing secret is in them.
import { hasInbox, type Peer } from './peer.ts'
import type { ApiToken } from './token.ts'
import { time } from './wire.ts'

export function tokenToWire(token: ApiToken, timeZone: string) {
  return {
    id: token.id,
    name: token.name,
    scopes: token.scopes,
    peer_id: token.peerId,
    created_at: time(token.createdAt, timeZone),
    created_by: token.createdBy,
    last_used_at: time(token.lastUsedAt, timeZone),
    expires_at: time(token.expiresAt, timeZone),
    revoked_at: time(token.revokedAt, timeZone),
  }
}

export function peerToWire(peer: Peer, timeZone: string) {
  return {
    id: peer.id,
    instance_id: peer.uid,
    name: peer.name,
    url: peer.url,
    has_key: peer.hasKey,
    /** What we may do there. */
    scopes: peer.scopes,
    cert_pin: peer.certPin,
    status: peer.status,
    last_seen: time(peer.lastSeen, timeZone),
    polled_at: time(peer.polledAt, timeZone),
    next_poll_at: time(peer.nextPollAt, timeZone),
    error: peer.errorCode === null ? null : { code: peer.errorCode, facts: peer.errorFacts },
    version: peer.facts?.health.version ?? null,
    quota_bytes: peer.quotaBytes,
    quota_count: peer.quotaCount,
    hold_days: peer.holdDays,
    ssh: hasInbox(peer),
    created_at: time(peer.createdAt, timeZone),
  }
}
