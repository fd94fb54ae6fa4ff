// How a restore at another instance is shown: its state, where it is, and what the peer said of its steps. Pure.
import type { RemoteRestoreStatus } from '../../../domain/peer.ts'
import { stepStates, type StepState } from '../../../domain/restore.ts'
import type { Transfer } from '../../../domain/transfer.ts'
import type { RemoteRestore } from '../../../engine/federation.ts'
import { actorInWords } from '../../actor.ts'
import { en, type MessageKey } from '../../../../locales/en.ts'
import type { Moment, T } from '../../i18n.ts'
import { storedProblemText, type ProblemText } from '../../problem-text.ts'
import { markOfStep } from '../restore/state.ts'
import { shapes, type ShownState, type Tone } from '../runs/state.ts'
import type { ShownFact } from '../runs/view.ts'
import type { Words } from './instance-view.ts'

const tones: Readonly<Record<RemoteRestoreStatus, Tone>> = {
  transferring: 'running',
  starting: 'running',
  running: 'running',
  success: 'ok',
  error: 'failed',
  rolled_back: 'warning',
  cancelled: 'never',
  unknown: 'warning',
}
/** Older than this, what the peer last said is told with its age. */
const oldMs = 30_000

/** The state of a remote restore. */
export function stateOfRemote({ status }: Pick<RemoteRestore, 'status'>, t: T): ShownState {
  return { state: tones[status], label: t(`network.restore.state.${status}`) }
}

export interface RemoteRestoreView {
  readonly id: number
  readonly href: string
  readonly heading: string
  readonly state: ShownState
  readonly open: boolean
  readonly news: string
  /** What it means; with what to do after an end that was none. */
  readonly line: string
  readonly transfer: { readonly href: string; readonly text: string; readonly percent: number | null } | null
  readonly steps: readonly {
    readonly mark: string
    readonly tone: Tone
    readonly text: string
    readonly word: string
  }[]
  readonly problem: ProblemText | null
  readonly facts: readonly ShownFact[]
  /** How old what is shown is, when it is old; empty otherwise. */
  readonly stale: string
  readonly seen: Moment | null
  readonly log: string
}

/** The page's changing part. `transfer`: of the archive, while or after it was sent. */
export function remoteRestoreView(
  restore: RemoteRestore,
  peerName: string,
  transfer: Transfer | null,
  now: number,
  words: Words,
): RemoteRestoreView {
  const { t, f } = words
  const open = restore.finishedAt === null
  const state = stateOfRemote(restore, t)
  const steps = (restore.state?.steps ?? []).map((step) => shownStep(step, t))
  const current = restore.state?.steps.find((step) => step.state === 'running')
  const silent =
    open && restore.seenAt !== null && restore.status === 'running' && now - restore.seenAt > oldMs
  return {
    id: restore.id,
    href: `/network/restores/${restore.id}`,
    heading: t('network.restore.title', { archive: restore.archiveName, name: peerName }),
    state,
    open,
    news: [state.label, current === undefined ? '' : stepName(current.name, t)].filter(Boolean).join(': '),
    line: t(`network.restore.line.${restore.status}`, { name: peerName }),
    transfer: transferOf(transfer, words),
    steps,
    problem:
      restore.errorCode === null ? null : storedProblemText(words, restore.errorCode, restore.errorFacts),
    facts: [
      { label: t('restore.fact.archive'), value: restore.archiveName },
      { label: t('network.col.instance'), value: peerName, href: `/network/${restore.peerId}` },
      { label: t('restore.fact.by'), value: actorInWords(restore.actor, t) },
      { label: t('restore.fact.asked'), value: f.exact(restore.askedAt) },
      ...(restore.finishedAt === null
        ? []
        : [{ label: t('runs.fact.finished'), value: f.exact(restore.finishedAt) }]),
    ],
    stale:
      silent && restore.seenAt !== null
        ? t('network.restore.silent', { name: peerName, when: f.moment(restore.seenAt).relative })
        : '',
    seen: restore.seenAt === null ? null : f.moment(restore.seenAt),
    log: restore.state?.log_tail ?? '',
  }
}

/** The window's title: state first. */
export function remoteTitle({ state, heading }: RemoteRestoreView): string {
  return `${shapes[state.state]} ${state.label} · ${heading}`
}

function transferOf(transfer: Transfer | null, { t, f }: Words): RemoteRestoreView['transfer'] {
  if (transfer === null) return null
  const { bytesDone, bytesTotal } = transfer
  const percent =
    bytesTotal === null || bytesTotal === 0 ? null : Math.floor(Math.min(1, bytesDone / bytesTotal) * 100)
  return {
    href: `/transfers/${transfer.id}`,
    percent,
    text:
      percent === null || bytesTotal === null
        ? t('runs.progress.done', { done: f.size(bytesDone) })
        : t('runs.progress.of', { percent, done: f.size(bytesDone), total: f.size(bytesTotal) }),
  }
}

function shownStep(step: { readonly name: string; readonly state: string; readonly detail: string }, t: T) {
  const state = stepStates.find((one) => one === step.state)
  return {
    ...(state === undefined ? ({ mark: '·', tone: 'never' } as const) : markOfStep(state)),
    text: [stepName(step.name, t), step.detail].filter(Boolean).join(' – '),
    word: state === undefined ? step.state : wordOf(state, t),
  }
}

function wordOf(state: StepState, t: T): string {
  return t(`restore.step_state.${state}`)
}

/** A step by its code; a later version may know others, and some instances tell sentences. */
function stepName(name: string, t: T): string {
  const key = `network.step.${name}`
  return isKey(key) ? t(key) : name
}

function isKey(key: string): key is MessageKey {
  return Object.hasOwn(en, key)
}
