// What the list of peers shows, in words. Pure.
import { hasInbox, ownerOfPeer, refusesKey, type Peer } from '../../../domain/peer.ts'
import type { ApiToken, Scope } from '../../../domain/token.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { storedProblemText } from '../../problem-text.ts'
import { visibleName } from '../../visible-name.ts'
import type { ShownState } from '../runs/state.ts'
import { scopesInWords } from '../tokens/scopes.ts'
import { peerPath, stateOfPeer } from './state.ts'

interface Words {
  readonly t: T
  readonly f: Formats
}

export interface PeerRow {
  readonly id: number
  readonly href: string
  readonly name: string
  readonly url: string
  readonly state: ShownState
  /** Why it is not well; may be empty. */
  readonly why: string
  readonly seen: Moment | null
  /** What it may do here. */
  readonly here: string
  /** What we may do there. */
  readonly there: string
  readonly used: string
  readonly ssh: boolean
  /** It can be asked. */
  readonly askable: boolean
}

/** What a peer holds here. */
export interface Held {
  readonly count: number
  readonly bytes: number
}

export interface PeersFacts {
  readonly peers: readonly Peer[]
  readonly tokens: readonly ApiToken[]
  /** By owner. */
  readonly held: ReadonlyMap<string, Held>
}

/** The lines of the list. `now` is epoch milliseconds. */
export function peerRows(facts: PeersFacts, now: number, words: Words): readonly PeerRow[] {
  const { t, f } = words
  return facts.peers.map((peer) => ({
    id: peer.id,
    href: peerPath(peer.id),
    name: visibleName(peer.name),
    url: visibleName(peer.url),
    state: stateOfPeer(peer, t),
    why: whyOf(peer, words),
    seen: peer.lastSeen === null ? null : f.moment(peer.lastSeen),
    here: scopesInWords(grantedTo(peer.id, facts.tokens, now), t),
    there: thereInWords(peer, t),
    used: usedInWords(peer, facts.held.get(ownerOfPeer(peer)), words),
    ssh: hasInbox(peer),
    askable: peer.hasKey,
  }))
}

/** That it does not answer, or refuses our key, says its state already. */
function whyOf(peer: Peer, words: Words): string {
  const { errorCode, errorFacts } = peer
  if (errorCode === null || errorCode === 'peer_unreachable') return ''
  const { title, hint } = storedProblemText(words, errorCode, errorFacts)
  return refusesKey(peer) ? hint : title
}

/** Tokens of a peer that let it in now. */
export function liveTokens(peerId: number, tokens: readonly ApiToken[], now: number): readonly ApiToken[] {
  return tokens.filter(
    (token) =>
      token.peerId === peerId &&
      token.revokedAt === null &&
      (token.expiresAt === null || token.expiresAt > now),
  )
}

/** All that any of its tokens allows. */
export function grantedTo(peerId: number, tokens: readonly ApiToken[], now: number): readonly Scope[] {
  return [...new Set(liveTokens(peerId, tokens, now).flatMap((token) => token.scopes))]
}

/** What we may do there, as far as we were told. */
export function thereInWords(peer: Pick<Peer, 'hasKey' | 'scopes'>, t: T): string {
  if (!peer.hasKey) return t('peers.there.no_key')
  return peer.scopes === null ? t('peers.there.unknown') : scopesInWords(peer.scopes, t)
}

/** How much of what a peer allows us is used: "no limit, 57.5 MiB used", or as of a quota. */
export function allowanceInWords(
  limits: Pick<Peer, 'quotaBytes' | 'quotaCount'>,
  used: Held,
  words: Words,
): string {
  if (limits.quotaBytes !== null || limits.quotaCount !== null) return usedInWords(limits, used, words)
  return words.t('peers.used.unlimited', { count: used.bytes, used: words.f.size(used.bytes) })
}

/** How much of its quota is used: "120 GiB of 200 GiB · 14 archives". */
export function usedInWords(
  { quotaBytes, quotaCount }: Pick<Peer, 'quotaBytes' | 'quotaCount'>,
  held: Held | undefined,
  { t, f }: Words,
): string {
  const { count, bytes } = held ?? { count: 0, bytes: 0 }
  const used = f.size(bytes)
  const size = quotaBytes === null ? used : t('peers.used.of', { used, quota: f.size(quotaBytes) })
  const number = f.number(count)
  const archives =
    quotaCount === null
      ? t('peers.used.archives', { count, number })
      : t('peers.used.archives_of', { count: quotaCount, number, quota: f.number(quotaCount) })
  return `${size} · ${archives}`
}
