// Where else an archive is, in words: each copy with the age of what is known of it. Pure.
import type { Peer } from '../../../domain/peer.ts'
import type { Copy, CopyState, Destination, Transfer } from '../../../domain/transfer.ts'
import type { ReceivedArchive } from '../../../store/received.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { visibleName } from '../../visible-name.ts'
import type { ShownState, Tone } from '../runs/state.ts'
import { transferRow, type TransferRow } from '../transfers/view.ts'

const tones: Readonly<Record<CopyState, Tone>> = { present: 'ok', missing: 'failed', corrupted: 'failed' }

export interface CopyRow {
  readonly destination: string
  readonly href: string
  readonly state: ShownState
  readonly size: string
  /** When its holder last said so. */
  readonly checked: Moment
  /** The holder cannot be asked now: what is known has its age. */
  readonly away: string
}

export interface CopiesView {
  readonly rows: readonly CopyRow[]
  /** Of this archive, not over. */
  readonly transfers: readonly TransferRow[]
  /** Whose it is when it came from somebody else. */
  readonly received: { readonly text: string; readonly held: string } | null
  readonly anything: boolean
}

export interface CopiesFacts {
  readonly copies: readonly Copy[]
  readonly destinations: readonly Destination[]
  readonly peers: readonly Pick<Peer, 'id' | 'name' | 'status' | 'lastSeen'>[]
  readonly transfers: readonly Transfer[]
  readonly received: ReceivedArchive | null
}

/** The section of an archive's page. `now` is epoch milliseconds. */
export function copiesView(
  facts: CopiesFacts,
  now: number,
  words: { readonly t: T; readonly f: Formats },
): CopiesView {
  const { t, f } = words
  const destinations = new Map(facts.destinations.map((one) => [one.id, one]))
  const peers = new Map(facts.peers.map((peer) => [peer.id, peer]))
  const rows = facts.copies.map((copy) => {
    const destination = destinations.get(copy.destinationId)
    const peerId = destination?.peerId ?? null
    const peer = peerId === null ? undefined : peers.get(peerId)
    return {
      destination: visibleName(destination?.name ?? t('transfers.destination_gone')),
      href: peerId === null ? '' : `/peers/${peerId}`,
      state: { state: tones[copy.state], label: t(`copies.state.${copy.state}`) },
      size: f.size(copy.sizeBytes),
      checked: f.moment(copy.checkedAt),
      away: peer === undefined ? '' : awayOf(peer, words),
    }
  })
  const transfers = facts.transfers.map((transfer) =>
    transferRow(
      { transfer, destination: destinations.get(transfer.destinationId) ?? null, pace: null, known: true },
      words,
    ),
  )
  const received = facts.received === null ? null : receivedOf(facts.received, now, words)
  return { rows, transfers, received, anything: rows.length > 0 || transfers.length > 0 }
}

function awayOf(
  { status, lastSeen }: Pick<Peer, 'status' | 'lastSeen'>,
  { t, f }: { t: T; f: Formats },
): string {
  if (status === null || status === 'online') return ''
  return lastSeen === null ? t('copies.away.ever') : t('copies.away', { when: f.moment(lastSeen).relative })
}

function receivedOf(received: ReceivedArchive, now: number, { t, f }: { t: T; f: Formats }) {
  return {
    text: t('copies.received', {
      owner: visibleName(received.ownerName),
      when: f.moment(received.receivedAt).relative,
    }),
    held:
      received.holdUntil > now
        ? t('copies.held', { until: f.exact(received.holdUntil) })
        : t('copies.not_held'),
  }
}
