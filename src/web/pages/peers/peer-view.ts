// A peer's page in words: how it is, who may do what, what is kept where. Pure.
import { hasInbox, ownerOfPeer, type Peer } from '../../../domain/peer.ts'
import type { ApiToken } from '../../../domain/token.ts'
import type { Destination } from '../../../domain/transfer.ts'
import type { RsyncVersion } from '../../../engine/federation.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { type ProblemText, storedProblemText } from '../../problem-text.ts'
import { visibleName } from '../../visible-name.ts'
import { shapes, type ShownState } from '../runs/state.ts'
import type { ShownFact } from '../runs/view.ts'
import { inListOrder, shownToken, type ShownToken } from '../tokens/view.ts'
import { allowanceInWords, grantedTo, type Held, thereInWords, usedInWords } from './list-view.ts'
import type { LoneCopy } from './query.ts'
import { peerPath, stateOfPeer } from './state.ts'
import { scopesInWords } from '../tokens/scopes.ts'

export interface PeerPageFacts {
  readonly peer: Peer
  readonly destination: Destination | null
  /** Its own ones. */
  readonly tokens: readonly ApiToken[]
  readonly held: readonly (Held & { readonly owner: string })[]
  readonly copies: Held
  readonly lone: { readonly count: number; readonly copies: readonly LoneCopy[] }
}

export interface ShownLoneCopy {
  readonly name: string
  readonly label: string
  readonly at: Moment
  readonly size: string
}

export interface PeerView {
  readonly id: number
  readonly href: string
  readonly name: string
  readonly url: string
  readonly state: ShownState
  readonly seen: Moment | null
  readonly problem: ProblemText | null
  readonly tone: 'failed' | 'warning'
  readonly facts: readonly ShownFact[]
  readonly askable: boolean
  readonly ssh: boolean
  readonly tokens: readonly ShownToken[]
  readonly newTokenHref: string
  readonly lone: readonly ShownLoneCopy[]
  /** Empty, or how many more there are. */
  readonly moreLone: string
  readonly transfersHref: string
}

/** The page. `now` is epoch milliseconds. */
export function peerView(
  facts: PeerPageFacts,
  now: number,
  words: { readonly t: T; readonly f: Formats },
): PeerView {
  const { peer, lone, destination } = facts
  const { t, f } = words
  const names = new Map([[peer.id, peer.name]])
  return {
    id: peer.id,
    href: peerPath(peer.id),
    name: visibleName(peer.name),
    url: visibleName(peer.url),
    state: stateOfPeer(peer, t),
    seen: peer.lastSeen === null ? null : f.moment(peer.lastSeen),
    problem: peer.errorCode === null ? null : storedProblemText(words, peer.errorCode, peer.errorFacts),
    tone: peer.status === 'offline' ? 'warning' : 'failed',
    facts: factsOf(facts, now, words),
    askable: peer.hasKey,
    ssh: hasInbox(peer),
    tokens: inListOrder(facts.tokens.map((token) => shownToken(token, names, now, words))),
    newTokenHref: `/tokens/new?peer=${peer.id}`,
    lone: lone.copies.map((copy) => ({
      name: copy.name,
      label: visibleName(copy.name),
      at: f.moment(copy.archiveAt),
      size: f.size(copy.sizeBytes),
    })),
    moreLone:
      lone.count > lone.copies.length ? t('peers.lone.more', { count: lone.count - lone.copies.length }) : '',
    transfersHref: destination === null ? '' : `/transfers?destination=${destination.id}`,
  }
}

/** A version of rsync, and what is to be said about it. */
export function rsyncInWords(rsync: RsyncVersion | null, t: T): string {
  if (rsync === null) return t('peers.ssh.version_unknown')
  const { version, standing } = rsync
  return standing === 'good' ? version : `${version} (${t(`peers.ssh.version_${standing}`)})`
}

/** The window's title: state first. */
export function peerTitle({ state, name }: Pick<PeerView, 'state' | 'name'>): string {
  return `${shapes[state.state]} ${name}`
}

function factsOf(facts: PeerPageFacts, now: number, words: { t: T; f: Formats }): readonly ShownFact[] {
  const { peer, tokens, held, copies } = facts
  const { t, f } = words
  const yours = peer.facts?.yours ?? null
  const health = peer.facts?.health ?? null
  const own = held.find((one) => one.owner === ownerOfPeer(peer))
  const shown: ShownFact[] = [
    { label: t('peers.fact.here'), value: scopesInWords(grantedTo(peer.id, tokens, now), t) },
    { label: t('peers.fact.there'), value: thereInWords(peer, t) },
    { label: t('peers.fact.holds_here'), value: usedInWords(peer, own, words) },
    {
      label: t('peers.fact.holds_there'),
      value: t('peers.fact.copies', {
        count: copies.count,
        number: f.number(copies.count),
        size: f.size(copies.bytes),
      }),
    },
  ]
  if (yours !== null) {
    const limits = { quotaBytes: yours.quota_bytes, quotaCount: yours.quota_count }
    const used = { count: yours.archive_count, bytes: yours.total_size_bytes }
    shown.push({ label: t('peers.fact.allowed_there'), value: allowanceInWords(limits, used, words) })
    if (yours.hold_days > 0) {
      shown.push({ label: t('peers.fact.held_there'), value: t('peers.days', { count: yours.hold_days }) })
    }
  }
  if (health !== null) {
    shown.push(
      { label: t('peers.fact.version'), value: visibleName(health.version) },
      {
        label: t('peers.fact.disk'),
        value: t('peers.fact.disk_free', {
          free: f.size(health.disk.free_bytes),
          total: f.size(health.disk.total_bytes),
        }),
      },
    )
  }
  shown.push(
    { label: t('peers.fact.id'), value: peer.uid ?? t('peers.fact.id_unknown') },
    {
      label: t('peers.fact.certificate'),
      value: t(peer.certPin === null ? 'peers.fact.certificate.usual' : 'peers.fact.certificate.pinned'),
    },
    { label: 'SSH', value: t(hasInbox(peer) ? 'peers.ssh.yes' : 'peers.ssh.no') },
    { label: t('peers.fact.since'), value: f.exact(peer.createdAt) },
  )
  return shown
}
