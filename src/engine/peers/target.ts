// How to reach a peer: its address and our key for it, decrypted only for the request.
import { stopOfPeer } from '../../domain/peer.ts'
import { Problem } from '../../domain/problem.ts'
import { getPeer, sealedPeerKey } from '../../store/peers.ts'
import type { PeerTarget } from '../../sys/peer-http.ts'
import { VaultError } from '../../sys/vault.ts'
import type { EngineDeps } from '../deps.ts'

/** Where in the vault a peer's key belongs: a sealed key opens for this peer alone. */
export function peerKeyPlace(peerId: number): string {
  return `peer/${peerId}/key`
}

/**
 * `peer_not_found`, `peer_no_key`, `secret_unreadable`; `peer_identity_changed` while another instance answers at its address,
 * `peer_cloned` while two answer as one: then it is only polled.
 */
export async function peerTarget(
  deps: EngineDeps,
  peerId: number,
  purpose: 'poll' | 'work' = 'work',
): Promise<PeerTarget> {
  const [peer, sealed] = await Promise.all([getPeer(deps.db, peerId), sealedPeerKey(deps.db, peerId)])
  if (!peer || sealed === null) throw new Problem('peer_not_found', { id: peerId })
  if (sealed === '') throw new Problem('peer_no_key', { peer: peer.name })
  const stop = stopOfPeer(peer)
  if (purpose === 'work' && stop !== null) throw new Problem(stop, peer.errorFacts)
  try {
    return { url: peer.url, key: deps.vault.open(sealed, peerKeyPlace(peerId)), certPin: peer.certPin }
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    throw new Problem('secret_unreadable', { field: 'key', peer: peer.name }, { cause: error })
  }
}
