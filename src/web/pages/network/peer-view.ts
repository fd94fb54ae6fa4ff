// One peer: what it said about itself and its jobs, and what can be asked of it. Pure.
import type { WireJob } from '../../../domain/api/summary.ts'
import { stopOfPeer } from '../../../domain/peer.ts'
import { allows } from '../../../domain/token.ts'
import type { RemoteRestoreRow } from '../../../store/remote-restores.ts'
import type { Moment } from '../../i18n.ts'
import { storedProblemText, type ProblemText } from '../../problem-text.ts'
import { typeName } from '../jobs/what.ts'
import { stateOfRun, type ShownState } from '../runs/state.ts'
import type { ShownFact } from '../runs/view.ts'
import type { InstanceFacts } from './facts.ts'
import { instanceView, type InstanceView, type Words } from './instance-view.ts'
import { stateOfRemote } from './remote-state.ts'

export interface ShownJob {
  readonly id: number
  readonly name: string
  readonly what: string
  readonly state: ShownState
  readonly lastGood: Moment | null
  readonly size: string
  readonly next: Moment | null
  readonly archives: string
  readonly runnable: boolean
}

export interface RemoteRestoreLine {
  readonly id: number
  readonly archive: string
  readonly state: ShownState
  readonly at: Moment
}

export interface PeerView {
  readonly id: number
  readonly instance: InstanceView
  readonly problem: ProblemText | null
  readonly facts: readonly ShownFact[]
  readonly jobs: readonly ShownJob[]
  /** It has never told which jobs it has. */
  readonly unknown: boolean
  readonly mayRun: boolean
  readonly mayRestore: boolean
  /** Null scopes: nobody told us, so everything is offered. */
  readonly rights: string
  readonly reachable: boolean
  readonly restores: readonly RemoteRestoreLine[]
}

/** The page. `restores`: the newest ones asked of it. */
export function peerView(
  facts: InstanceFacts,
  restores: readonly RemoteRestoreRow[],
  now: number,
  words: Words,
): PeerView | null {
  const { peer } = facts
  if (peer === null) return null
  const { t, f } = words
  const may = (scope: 'run' | 'restore') =>
    peer.hasKey && (peer.scopes === null || allows(peer.scopes, scope)) && stopOfPeer(peer) === null
  return {
    id: peer.id,
    instance: instanceView(facts, now, words),
    problem: peer.errorCode === null ? null : storedProblemText(words, peer.errorCode, peer.errorFacts),
    facts: factsOf(facts, words),
    jobs: (peer.facts?.jobs ?? []).map((job) => shownJob(job, words)),
    unknown: peer.facts === null,
    mayRun: may('run'),
    mayRestore: may('restore'),
    rights:
      peer.scopes === null
        ? t('network.rights.unknown')
        : peer.scopes.length === 0
          ? t('network.rights.none')
          : peer.scopes.map((scope) => t(`network.right.${scope}`)).join(', '),
    reachable: peer.hasKey,
    restores: restores.map((row) => ({
      id: row.id,
      archive: row.archiveName,
      state: stateOfRemote(row, t),
      at: f.moment(row.askedAt),
    })),
  }
}

function shownJob(job: WireJob, { t, f }: Words): ShownJob {
  const at = (iso: string | null) => (iso === null ? null : f.moment(Date.parse(iso)))
  return {
    id: job.id,
    name: job.name,
    what: typeName(job.type, t),
    state: stateOfJob(job, t),
    lastGood: at(job.last_success_at),
    size: job.last_run?.size_bytes == null ? '' : f.size(job.last_run.size_bytes),
    next: job.enabled ? at(job.next_run_at) : null,
    archives: t('network.cell.archives', { count: job.archive_count }),
    runnable: job.last_run?.status !== 'queued' && job.last_run?.status !== 'running',
  }
}

function stateOfJob(job: WireJob, t: Words['t']): ShownState {
  const status = job.last_run?.status ?? null
  if (status === 'queued' || status === 'running') return stateOfRun(status, t)
  if (!job.enabled) return { state: 'never', label: t('jobs.state.off') }
  if (job.overdue) return { state: 'failed', label: t('jobs.state.overdue') }
  return status === null ? { state: 'never', label: t('jobs.state.never') } : stateOfRun(status, t)
}

function factsOf(facts: InstanceFacts, { t, f }: Words): readonly ShownFact[] {
  const { peer } = facts
  if (peer === null) return []
  const health = peer.facts?.health
  const lines: readonly (readonly [string, string])[] = [
    [t('network.fact.url'), peer.url],
    [t('network.fact.id'), peer.uid ?? ''],
    [t('network.fact.version'), health?.version ?? ''],
    [t('network.fact.yunohost'), health?.yunohost_version ?? ''],
    [
      t('network.fact.disk'),
      facts.disk === null
        ? ''
        : t('network.disk', { free: f.size(facts.disk.freeBytes), total: f.size(facts.disk.totalBytes) }),
    ],
    [
      t('network.fact.archives'),
      facts.archives === null
        ? ''
        : t('network.archives', {
            count: facts.archives.count,
            number: f.number(facts.archives.count),
            size: f.size(facts.archives.bytes),
          }),
    ],
    [t('network.fact.seen'), peer.lastSeen === null ? t('network.never') : f.exact(peer.lastSeen)],
    [t('network.fact.polled'), peer.polledAt === null ? t('network.never') : f.exact(peer.polledAt)],
    [
      t('network.fact.next'),
      peer.nextPollAt === null || !peer.hasKey ? '' : f.moment(peer.nextPollAt).relative,
    ],
  ]
  return lines.flatMap(([label, value]) => (value === '' ? [] : [{ label, value }]))
}
