// What the home page says of other instances: one word each, and what of them needs somebody. Pure.
import { refusesKey } from '../../../domain/peer.ts'
import type { PeerGlance } from '../../../store/peers.ts'
import type { Formats, T } from '../../i18n.ts'
import type { AttentionItem } from './attention.ts'

const goneMs = 24 * 3_600_000
/** Named one by one. */
const shownNames = 6
/** Of each kind; the network page has all. */
const shownItems = 3

/** Silent for a day, or never heard of for a day. */
function isGone(peer: PeerGlance, now: number): boolean {
  return peer.status !== null && peer.status !== 'online' && now - (peer.lastSeen ?? peer.createdAt) > goneMs
}

/**
 * `tom ✓ alice ▲ bob (no copies)`; empty without peers. ✓: it answers and holds a copy of ours. ▲: it does not answer as it
 * should, or has overdue jobs.
 */
export function offSite(peers: readonly PeerGlance[], t: T): string {
  if (peers.length === 0) return ''
  const marks = peers.map(({ name, status, overdue, holdsCopies }) => {
    const well = status === 'online' && overdue === 0
    const mark = status === null ? '–' : !well ? '▲' : holdsCopies ? '✓' : `(${t('home.sum.offsite_none')})`
    return `${name} ${mark}`
  })
  const names = marks.slice(0, shownNames).join(' ')
  const more = marks.length - shownNames
  return t('home.sum.offsite', {
    names: more > 0 ? t('network.and_more', { names, count: more }) : names,
  })
}

/** Who refuses our key first, as soon as that is known; then the longest silence. */
export function peerItems(
  peers: readonly PeerGlance[],
  now: number,
  t: T,
  f: Formats,
): readonly AttentionItem[] {
  const open = ({ id }: PeerGlance) =>
    [{ label: t('home.attention.open_peer'), kind: 'go', path: `/network/${id}` }] as const
  const since = (peer: PeerGlance) => peer.lastSeen ?? peer.createdAt
  const refusing = peers.filter(refusesKey)
  const gone = peers
    .filter((peer) => isGone(peer, now) && !refusesKey(peer))
    .toSorted((a, b) => since(a) - since(b))
  const late = peers.filter((peer) => peer.overdue > 0 && !isGone(peer, now))
  return [
    ...refusing.slice(0, shownItems).map((peer) => ({
      state: 'warning' as const,
      title: t('home.attention.peer_key_refused', { name: peer.name }),
      hint: t('home.attention.peer_key_refused_hint'),
      said: '',
      // Its own page, where a new key is entered.
      actions: [{ label: t('home.attention.open_peer'), kind: 'go' as const, path: `/peers/${peer.id}` }],
    })),
    ...gone.slice(0, shownItems).map((peer) => ({
      state: 'warning' as const,
      title: t('home.attention.peer_gone', { name: peer.name, duration: f.duration(now - since(peer)) }),
      hint: t('home.attention.peer_gone_hint'),
      said: '',
      actions: open(peer),
    })),
    ...late.slice(0, shownItems).map((peer) => ({
      state: 'warning' as const,
      title: t('home.attention.peer_overdue', { name: peer.name, count: peer.overdue }),
      hint: t('home.attention.peer_overdue_hint', { when: f.moment(since(peer)).relative }),
      said: '',
      actions: open(peer),
    })),
  ]
}
