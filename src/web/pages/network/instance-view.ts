// An instance in words: its state, how old what it said is, and what it keeps for us and we for it. Pure.
import { clockToleranceMs, goneAfterMs, staleAfterMs } from '../../../domain/poll-plan.ts'
import { refusesKey } from '../../../domain/peer.ts'
import { storedProblemText } from '../../problem-text.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import type { ShownState, Tone } from '../runs/state.ts'
import type { InstanceFacts } from './facts.ts'

export interface Words {
  readonly t: T
  readonly f: Formats
}

export interface InstanceView {
  readonly name: string
  /** Its page; empty for this instance. */
  readonly href: string
  /** The name it gives itself, when people here call it otherwise; else empty. */
  readonly said: string
  readonly state: ShownState
  /** Why, what it means; empty when there is nothing to say. */
  readonly notes: readonly string[]
  /** When it last said something; null: never, or it is this instance. */
  readonly asOf: Moment | null
  /** What it said may not be so any more. */
  readonly stale: boolean
  readonly version: string
  readonly disk: string
  /** What of them needs a look has a shape. */
  readonly jobs: readonly { readonly state: Tone | null; readonly text: string }[]
  readonly archives: string
}

/** How long a peer may be silent before it counts as a failure. */
const lostAfterMs = 24 * goneAfterMs

/** One instance for the table. `now` in epoch ms. */
export function instanceView(facts: InstanceFacts, now: number, words: Words): InstanceView {
  const { peer, disk, jobs, archives } = facts
  const { t, f } = words
  return {
    name: facts.name,
    href: peer === null ? '' : `/network/${peer.id}`,
    said: facts.madeBy === facts.name ? '' : facts.madeBy,
    state: stateOfInstance(facts, now, t),
    notes: notesOn(facts, words),
    asOf: peer === null || facts.asOf === null ? null : f.moment(facts.asOf),
    stale: isStale(facts, now),
    version: facts.version ?? '',
    disk:
      disk === null
        ? ''
        : t('network.disk', { free: f.size(disk.freeBytes), total: f.size(disk.totalBytes) }),
    jobs: jobs === null ? [] : jobsInWords(jobs, t),
    archives:
      archives === null
        ? ''
        : t('network.archives', {
            count: archives.count,
            number: f.number(archives.count),
            size: f.size(archives.bytes),
          }),
  }
}

/** True when the last thing it said is older than three polls, or it never said anything. */
export function isStale({ peer, asOf }: InstanceFacts, now: number): boolean {
  return peer !== null && (asOf === null || now - asOf > staleAfterMs)
}

/** Shape, word and colour of an instance. */
export function stateOfInstance({ peer }: Pick<InstanceFacts, 'peer'>, now: number, t: T): ShownState {
  if (peer === null) return { state: 'ok', label: t('network.state.here') }
  if (!peer.hasKey) return { state: 'never', label: t('network.state.no_key') }
  if (peer.status === null) return { state: 'never', label: t('network.state.new') }
  if (refusesKey(peer)) return { state: 'failed', label: t('network.state.refused') }
  if (peer.status === 'error') return { state: 'failed', label: t('network.state.error') }
  if (peer.status === 'offline') {
    const lost = now - (peer.lastSeen ?? peer.createdAt) > lostAfterMs
    return { state: lost ? 'failed' : 'warning', label: t('network.state.offline') }
  }
  return peer.facts?.health.status === 'degraded'
    ? { state: 'warning', label: t('network.state.degraded') }
    : { state: 'ok', label: t('network.state.online') }
}

function notesOn({ peer }: InstanceFacts, words: Words): readonly string[] {
  if (peer === null) return []
  const { t, f } = words
  const notes: string[] = []
  if (peer.status === 'offline') {
    notes.push(
      peer.lastSeen === null
        ? t('network.note.never_reached')
        : t('network.note.unreachable', { since: f.exact(peer.lastSeen) }),
    )
  }
  if (peer.status === 'error' && peer.errorCode !== null) {
    const { title, hint } = storedProblemText(words, peer.errorCode, peer.errorFacts)
    notes.push(refusesKey(peer) ? hint : title)
  }
  const skew = peer.errorCode === null ? peer.errorFacts['skewS'] : undefined
  if (typeof skew === 'number' && Math.abs(skew) * 1000 > clockToleranceMs) {
    const facts = { duration: f.duration(Math.abs(skew) * 1000) }
    notes.push(t(skew > 0 ? 'network.note.clock_ahead' : 'network.note.clock_behind', facts))
  }
  return notes
}

function jobsInWords(jobs: NonNullable<InstanceFacts['jobs']>, t: T): InstanceView['jobs'] {
  const part = (state: Tone, kind: 'failing' | 'overdue' | 'running') =>
    jobs[kind] === 0 ? [] : [{ state, text: t(`network.jobs.${kind}`, { count: jobs[kind] }) }]
  return [
    { state: null, text: t('network.jobs', { count: jobs.total }) },
    ...part('failed', 'failing'),
    ...part('failed', 'overdue'),
    ...part('running', 'running'),
  ]
}

/** Who keeps how much for whom: two sentences a peer at most. */
export function friendLines(
  instances: readonly InstanceFacts[],
  now: number,
  words: Words,
): readonly FriendLine[] {
  return instances.flatMap(({ peer, name, keptHere }, at) => {
    if (peer === null) return []
    const yours = peer.facts?.yours ?? null
    const lines: FriendLine[] = []
    if (keptHere.count > 0 || peer.quotaBytes !== null) {
      lines.push({ ...kept('here', name, keptHere, peer.quotaBytes, words), stale: false })
    }
    if (yours !== null && (yours.archive_count > 0 || yours.quota_bytes !== null)) {
      const theirs = { count: yours.archive_count, bytes: yours.total_size_bytes }
      const instance = instances[at]
      const stale = instance === undefined || isStale(instance, now)
      lines.push({ ...kept('there', name, theirs, yours.quota_bytes, words), stale })
    }
    return lines
  })
}

export interface FriendLine {
  readonly text: string
  /** Of a quota, for a bar: 0 to 100; null without one. */
  readonly percent: number | null
  readonly stale: boolean
}

function kept(
  where: 'here' | 'there',
  name: string,
  sums: InstanceFacts['keptHere'],
  quota: number | null,
  { t, f }: Words,
): Omit<FriendLine, 'stale'> {
  const facts = { name, count: sums.count, number: f.number(sums.count), size: f.size(sums.bytes) }
  if (quota === null) return { text: t(`network.kept.${where}`, facts), percent: null }
  const percent = quota === 0 ? 100 : Math.min(100, Math.floor((sums.bytes / quota) * 100))
  return { text: t(`network.kept_of.${where}`, { ...facts, quota: f.size(quota) }), percent }
}
