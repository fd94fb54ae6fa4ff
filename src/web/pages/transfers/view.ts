// A transfer in words: as a line of a list, and on its own page. Pure: facts in, texts out.
import type { MessageKey } from '../../../../locales/en.ts'
import type { Destination, Transfer } from '../../../domain/transfer.ts'
import type { TransferPace } from '../../../engine/federation.ts'
import { actorInWords, personInWords } from '../../actor.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { type ProblemText, problemText } from '../../problem-text.ts'
import { visibleName } from '../../visible-name.ts'
import { archivePath } from '../archives/state.ts'
import { shapes, type ShownState } from '../runs/state.ts'
import type { RunProgress, ShownFact } from '../runs/view.ts'
import { actionsFor, isOpen, stateOfTransfer, type TransferAction } from './state.ts'

export interface TransferFacts {
  readonly transfer: Transfer
  /** Null: it was removed. */
  readonly destination: Pick<Destination, 'name' | 'peerId'> | null
  readonly pace: TransferPace | null
  /** The catalogue knows the archive: it has a page. */
  readonly known: boolean
}

interface Words {
  readonly t: T
  readonly f: Formats
}

export interface TransferRow {
  readonly id: number
  readonly href: string
  readonly state: ShownState
  readonly direction: string
  readonly archive: string
  /** Empty when it has no page. */
  readonly archiveHref: string
  readonly destination: string
  /** When it was asked for, or when it ended. */
  readonly at: Moment
  readonly progress: RunProgress | null
  /** Speed and time left; may be empty. */
  readonly pace: string
  readonly attempts: string
  /** Why it waits or has failed, and when it is tried again; may be empty. */
  readonly note: string
  readonly open: boolean
}

/** One line of the list. */
export function transferRow(facts: TransferFacts, words: Words): TransferRow {
  const { transfer, destination } = facts
  const { t, f } = words
  return {
    id: transfer.id,
    href: transferPath(transfer.id),
    state: stateOfTransfer(transfer, t),
    direction: t(`transfers.direction.${transfer.direction}`),
    archive: visibleName(transfer.archiveName),
    archiveHref: facts.known ? archivePath(transfer.archiveName) : '',
    destination: visibleName(destination?.name ?? t('transfers.destination_gone')),
    at: f.moment(transfer.finishedAt ?? transfer.startedAt ?? transfer.queuedAt),
    progress: progressOf(facts, words),
    pace: paceOf(facts, words),
    attempts: f.number(transfer.attempt),
    note: noteOf(transfer, words),
    open: isOpen(transfer),
  }
}

function noteOf(transfer: Transfer, words: Words): string {
  const why = problemOf(transfer, words)?.title ?? ''
  // That it waits for somebody says its state already.
  const again = transfer.status === 'paused' ? '' : againOf(transfer, words)
  return [why, again].filter(Boolean).join(' – ')
}

export interface TransferView {
  readonly id: number
  readonly href: string
  readonly heading: string
  readonly state: ShownState
  readonly open: boolean
  /** What has newly begun or ended, for screen readers. */
  readonly news: string
  readonly line: string
  readonly progress: RunProgress | null
  readonly problem: ProblemText | null
  /** A failure that is tried again is a warning. */
  readonly tone: 'failed' | 'warning'
  readonly again: string
  readonly facts: readonly ShownFact[]
  readonly actions: readonly {
    readonly action: TransferAction
    readonly label: string
    readonly danger: boolean
  }[]
}

/** What the page shows and live updates replace. `now` is epoch milliseconds. */
export function transferView(facts: TransferFacts, now: number, words: Words): TransferView {
  const { transfer } = facts
  const { t } = words
  const state = stateOfTransfer(transfer, t)
  return {
    id: transfer.id,
    href: transferPath(transfer.id),
    heading: headingOf(facts, t),
    state,
    open: isOpen(transfer),
    news: state.label,
    line: lineOf(facts, now, words),
    progress: progressOf(facts, words),
    problem: problemOf(transfer, words),
    tone: transfer.status === 'error' ? 'failed' : 'warning',
    again: againOf(transfer, words),
    facts: factsOf(facts, words),
    actions: actionsFor(transfer).map((action) => ({
      action,
      label: t(labelOf(transfer, action)),
      danger: action === 'cancel',
    })),
  }
}

/** The window's title: state first. */
export function transferTitle(view: Pick<TransferView, 'state' | 'heading'>): string {
  return `${shapes[view.state.state]} ${view.state.label} · ${view.heading}`
}

/** The path of a transfer's page. */
export function transferPath(id: number): string {
  return `/transfers/${id}`
}

function headingOf({ transfer, destination }: TransferFacts, t: T): string {
  const place = visibleName(destination?.name ?? t('transfers.destination_gone'))
  return t(`transfers.heading.${transfer.direction}`, { archive: visibleName(transfer.archiveName), place })
}

function labelOf({ status }: Transfer, action: TransferAction): MessageKey {
  return action === 'resume' && (status === 'error' || status === 'waiting')
    ? 'transfers.again'
    : `transfers.${action}`
}

function lineOf(facts: TransferFacts, now: number, words: Words): string {
  const { transfer } = facts
  const { t, f } = words
  if (transfer.finishedAt !== null)
    return t('transfers.line.ended', { ended: f.moment(transfer.finishedAt).relative })
  const since = f.duration(Math.max(0, now - (transfer.startedAt ?? transfer.queuedAt)))
  return [t('runs.line.running', { duration: since }), paceOf(facts, words)].filter(Boolean).join(' · ')
}

function paceOf({ transfer, pace }: TransferFacts, { t, f }: Words): string {
  if (transfer.status !== 'running' || pace === null) return ''
  const rate = t('transfers.pace', { rate: f.size(pace.bytesPerSecond) })
  if (pace.secondsLeft === null) return rate
  return `${rate} · ${t('transfers.left', { left: f.duration(roughly(pace.secondsLeft * 1000)) })}`
}

/** An estimate to the second would be a lie: whole minutes, tens of them when it is long. */
function roughly(ms: number): number {
  const unit = ms > 7_200_000 ? 600_000 : ms > 90_000 ? 60_000 : 10_000
  return Math.ceil(ms / unit) * unit
}

/** With what is on its way: the other side confirms whole chunks only, which may take minutes each. */
function progressOf({ transfer, pace }: TransferFacts, { t, f }: Words): RunProgress | null {
  const { status, bytesDone, bytesTotal: total } = transfer
  if (status === 'success' || status === 'cancelled') return null
  const moved = bytesDone + (status === 'running' ? (pace?.inFlight ?? 0) : 0)
  const done = total === null || total <= 0 ? moved : Math.min(moved, Math.max(total, bytesDone))
  if (total === null || total <= 0) {
    return done === 0 ? null : { percent: null, text: t('runs.progress.done', { done: f.size(done) }) }
  }
  const percent = Math.floor(Math.min(1, done / total) * 100)
  return { percent, text: t('runs.progress.of', { percent, done: f.size(done), total: f.size(total) }) }
}

/** A cancelled transfer is no failure. */
function problemOf({ errorCode, errorFacts, status }: Transfer, words: Words): ProblemText | null {
  if (errorCode === null || status === 'cancelled' || status === 'success') return null
  return problemText(words, errorCode, errorFacts)
}

/** What happens next with one that does not run. */
function againOf(transfer: Transfer, { t, f }: Words): string {
  const { status, errorCode, wanted, notBefore } = transfer
  if (wanted !== null) return ''
  const when = f.moment(notBefore).relative
  if (status === 'waiting')
    return t(errorCode === null ? 'transfers.hours' : 'transfers.tried_again', { when })
  return status === 'paused' ? t('transfers.paused.hint') : ''
}

function factsOf({ transfer, destination, known }: TransferFacts, { t, f }: Words): readonly ShownFact[] {
  const facts: ShownFact[] = [
    {
      label: t('transfers.archive'),
      value: visibleName(transfer.archiveName),
      ...(known && { href: archivePath(transfer.archiveName) }),
    },
    {
      label: t(`transfers.place.${transfer.direction}`),
      value: visibleName(destination?.name ?? t('transfers.destination_gone')),
      ...(destination !== null && destination.peerId !== null && { href: `/peers/${destination.peerId}` }),
    },
    { label: t('transfers.way'), value: wayOf(transfer, t) },
    {
      label: t('transfers.why'),
      value: whyInWords(transfer, t),
    },
    { label: t('transfers.queued'), value: f.exact(transfer.queuedAt) },
  ]
  if (transfer.startedAt !== null)
    facts.push({ label: t('transfers.started'), value: f.exact(transfer.startedAt) })
  if (transfer.finishedAt !== null)
    facts.push({ label: t('transfers.ended'), value: f.exact(transfer.finishedAt) })
  facts.push({ label: t('transfers.attempts'), value: f.number(transfer.attempt) })
  if (transfer.bytesTotal !== null)
    facts.push({ label: t('archives.size'), value: f.size(transfer.bytesTotal) })
  facts.push({ label: t('transfers.wire'), value: f.size(transfer.bytesSent) })
  return facts
}

/** Who asked for it, and how. */
function whyInWords({ trigger, actor }: Transfer, t: T): string {
  const person = personInWords(actor, t)
  const told = actorInWords(actor, t)
  // "from the command line" is no name.
  return trigger === 'manual' && told !== person ? told : t(`transfers.trigger.${trigger}`, { actor: told })
}

/** HTTPS or rsync; while nothing is decided, what was asked for. */
function wayOf({ mode, chosen }: Transfer, t: T): string {
  if (chosen === null) return t(`transfers.mode.${mode}`)
  const way = t(`transfers.mode.${chosen}`)
  return mode === 'auto' ? t('transfers.way.auto', { way }) : way
}
