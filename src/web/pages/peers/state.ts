// How a peer's state is shown: shape and word.
import { refusesKey, type Peer } from '../../../domain/peer.ts'
import type { T } from '../../i18n.ts'
import type { ShownState, Tone } from '../runs/state.ts'

type Word = 'online' | 'offline' | 'error' | 'refused' | 'new' | 'silent'

const tones: Readonly<Record<Word, Tone>> = {
  online: 'ok',
  offline: 'warning',
  error: 'failed',
  refused: 'failed',
  new: 'never',
  silent: 'never',
}

/** Without a key we never ask it; before the first answer nothing is known. */
export function stateOfPeer(peer: Pick<Peer, 'status' | 'hasKey' | 'errorCode'>, t: T): ShownState {
  const { status, hasKey } = peer
  const word: Word = !hasKey ? 'silent' : refusesKey(peer) ? 'refused' : (status ?? 'new')
  return { state: tones[word], label: t(`peers.state.${word}`) }
}

/** The path of a peer's page. */
export function peerPath(id: number): string {
  return `/peers/${id}`
}
