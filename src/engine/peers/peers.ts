// Peers: invited, joined, registered by hand, changed and removed.
import type { SshOffer } from '../../domain/api/pairing.ts'
import type { Peer } from '../../domain/peer.ts'
import { invalid } from '../../domain/problem.ts'
import type { EngineDeps } from '../deps.ts'
import type { Peers } from '../federation.ts'
import type { TokensControl } from '../tokens/tokens.ts'
import { createKeeping, mustGetPeer } from './keep.ts'
import { ownPin } from './own-pin.ts'
import { createPairing } from './pairing.ts'
import { readPeerUrl } from './peer-url.ts'

export interface PeersWith {
  readonly tokens: Pick<TokensControl, 'checkSignals'>
  /** The poller's. */
  readonly poll: Peers['poll']
  /** Peers came or went, or are to be asked at once. */
  readonly changed: () => void
  /** How the other may come to our inbox; absent or null: we have none. */
  readonly sshOffer?: () => Promise<SshOffer | null>
  /** Fingerprint of our own certificate for invitations; null when authorities vouch for it. */
  readonly ownPin?: (url: string) => Promise<string | null>
}

/** What both ways to a peer, pairing and by hand, need. */
export interface PeersParts extends PeersWith {
  /** Asks a peer at once; its row then, whatever it answered. */
  readonly polled: (id: number) => Promise<Peer>
}

export function createPeers(deps: EngineDeps, given: PeersWith): Peers {
  const polled = async (id: number): Promise<Peer> => {
    try {
      return await given.poll(id)
    } catch (error) {
      deps.log.warn({ err: error, peer: id }, 'the new peer could not be polled')
      return mustGetPeer(deps.db, id)
    }
  }
  const parts: PeersParts = { ownPin: (url: string) => ownPin(deps, url), ...given, polled }
  return {
    ...createPairing(deps, parts),
    ...createKeeping(deps, parts),
    poll: given.poll,
    async certificateOf(text) {
      const read = readPeerUrl(text, deps.allowInsecurePeers)
      if (!read.ok) throw invalid({ field: 'url', code: read.code })
      if (read.url.startsWith('http:')) throw invalid({ field: 'url', code: 'url_not_https' })
      return deps.peerHttp.certificateOf(read.url)
    },
  }
}
