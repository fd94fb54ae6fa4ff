// A restore while it goes on and after it: what happened, what it means, what to do. Pure: facts in, texts out.
import type { Archive } from '../../../domain/archive.ts'
import type { Restore, RestoreStep, RestoreStepCode } from '../../../domain/restore.ts'
import { actorInWords } from '../../actor.ts'
import type { Formats, T } from '../../i18n.ts'
import { problemText, type ProblemText } from '../../problem-text.ts'
import { remarkText, stepText } from '../../restore-text.ts'
import { visibleName } from '../../visible-name.ts'
import { archivePath } from '../archives/state.ts'
import { shapes, type ShownState, type Tone } from '../runs/state.ts'
import type { ShownFact } from '../runs/view.ts'
import { restorePath } from './choose-view.ts'
import { type ShownStage, stagesAt } from './stages.ts'
import { hasEnded, markOfStep, stateOfRestore } from './state.ts'

export interface ShownStep {
  readonly mark: string
  readonly tone: Tone
  readonly text: string
  /** The state in words, e.g. `done`. */
  readonly word: string
  readonly now: boolean
  /** Why it failed, as it was reported; empty otherwise. */
  readonly detail: string
}

/** What a restore came to: the last stage. */
export interface RestoreResult {
  readonly tone: 'ok' | 'warning' | 'failed' | 'never'
  readonly title: string
  readonly text: string
  /** What to look at now. */
  readonly checks: readonly string[]
}

export interface RestoreStatusView {
  readonly id: number
  readonly href: string
  readonly heading: string
  readonly state: ShownState
  readonly open: boolean
  readonly stages: readonly ShownStage[]
  /** What has newly begun or ended, for screen readers. Plain text. */
  readonly news: string
  readonly line: string
  readonly progress: { readonly percent: number | null; readonly text: string } | null
  readonly steps: readonly ShownStep[]
  readonly result: RestoreResult | null
  readonly problem: ProblemText | null
  readonly remarks: readonly string[]
  readonly facts: readonly ShownFact[]
  /** The state from before, as an archive. */
  readonly safety: { readonly name: string; readonly href: string; readonly kept: string } | null
  readonly cancel: 'possible' | 'asked' | 'none'
  /** Where another attempt begins. */
  readonly againHref: string
}

/** What the page shows and live updates replace. `safety`: the row of the safety archive; null when it is not there (yet). */
export function restoreStatusView(
  restore: Restore,
  safety: Archive | null,
  now: number,
  { t, f }: { readonly t: T; readonly f: Formats },
): RestoreStatusView {
  const open = !hasEnded(restore.status)
  const state = stateOfRestore(restore.status, t)
  const steps = restore.steps.map((step) => shownStep(step, t, f))
  const current = restore.steps.find((step) => step.state === 'running')
  return {
    id: restore.id,
    href: `/restores/${restore.id}`,
    heading: headingOf(restore, t),
    state,
    open,
    stages: stagesAt(open ? 'live' : 'result', t),
    news: [state.label, current === undefined ? '' : visibleName(stepText({ t, f }, current))]
      .filter(Boolean)
      .join(': '),
    line: lineOf(restore, now, t, f),
    progress: restore.status === 'running' ? progressOf(restore, t, f) : null,
    steps,
    result: resultOf(restore, t),
    problem: restore.errorCode === null ? null : problemText({ t, f }, restore.errorCode, restore.errorFacts),
    remarks: restore.remarks.map((remark) => visibleName(remarkText({ t, f }, remark))),
    facts: factsOf(restore, t, f),
    safety: safetyOf(restore, safety, t, f),
    cancel: open ? (restore.cancelRequested ? 'asked' : 'possible') : 'none',
    againHref: restorePath(restore.archiveName),
  }
}

/** The window's title: state first. */
export function restoreTitle(restore: Restore, t: T): string {
  const { state, label } = stateOfRestore(restore.status, t)
  return `${shapes[state]} ${label} · ${headingOf(restore, t)}`
}

function headingOf({ id, archiveName }: Restore, t: T): string {
  return t('restore.title', { id, archive: visibleName(archiveName) })
}

function shownStep(step: RestoreStep, t: T, f: Formats): ShownStep {
  const took =
    step.startedAt === null || step.finishedAt === null ? null : Math.max(0, step.finishedAt - step.startedAt)
  const word = t(`restore.step_state.${step.state}`)
  return {
    ...markOfStep(step.state),
    text: visibleName(stepText({ t, f }, step)),
    word: step.state === 'done' && took !== null && took >= 1000 ? `${word} · ${f.duration(took)}` : word,
    now: step.state === 'running',
    detail: visibleName(step.detail),
  }
}

function lineOf(restore: Restore, now: number, t: T, f: Formats): string {
  if (restore.status === 'queued') {
    return t('restore.line.queued', { duration: f.duration(Math.max(0, now - restore.requestedAt)) })
  }
  if (restore.status === 'running') {
    return t('runs.line.running', { duration: f.duration(Math.max(0, now - (restore.startedAt ?? now))) })
  }
  const ended = f.moment(restore.finishedAt ?? restore.requestedAt).relative
  return restore.startedAt === null || restore.finishedAt === null
    ? t('runs.line.ended', { ended })
    : t('runs.line.took', {
        ended,
        duration: f.duration(Math.max(0, restore.finishedAt - restore.startedAt)),
      })
}

function progressOf({ progressDone: done, progressTotal: total }: Restore, t: T, f: Formats) {
  if (done === null) return null
  if (total === null || total <= 0)
    return { percent: null, text: t('runs.progress.done', { done: f.size(done) }) }
  const percent = Math.floor(Math.min(1, done / total) * 100)
  return { percent, text: t('runs.progress.of', { percent, done: f.size(done), total: f.size(total) }) }
}

function resultOf(restore: Restore, t: T): RestoreResult | null {
  const { status } = restore
  const facts = { target: visibleName(restore.target) }
  if (status === 'queued' || status === 'running') return null
  if (status === 'success') {
    return {
      tone: 'ok',
      title: t('restore.result.success', facts),
      text: t('restore.result.success.text'),
      checks: checksOf(restore).map((code) => t(`restore.check.${code}`)),
    }
  }
  if (status === 'cancelled') {
    return {
      tone: 'never',
      title: t('restore.result.cancelled'),
      text: t('restore.result.cancelled.text'),
      checks: [],
    }
  }
  if (status === 'rolled_back') {
    const asked = restore.errorCode === 'cancelled'
    return {
      tone: 'warning',
      title: t('restore.result.rolled_back'),
      text: t(asked ? 'restore.result.rolled_back.asked' : 'restore.result.rolled_back.text', facts),
      checks: asked ? [] : [t('restore.todo.cause'), t('restore.todo.again')],
    }
  }
  if (!touched(restore)) {
    return {
      tone: 'failed',
      title: t('restore.result.not_begun'),
      text: t('restore.result.not_begun.text', facts),
      checks: [t('restore.todo.cause'), t('restore.todo.again')],
    }
  }
  return {
    tone: 'failed',
    title: t('restore.result.error'),
    text: t('restore.result.error.text', facts),
    checks: [
      t('restore.todo.log'),
      t('restore.todo.kept'),
      ...(restore.safetyArchive === null ? [] : [t('restore.todo.safety')]),
    ],
  }
}

/** The first steps only read and save: without any other, and nothing to put back, nothing has been changed. */
function touched({ steps, errorCode }: Restore): boolean {
  if (errorCode === 'put_back_failed') return true
  const harmless: readonly RestoreStepCode[] = ['verify_archive', 'safety_archive']
  return steps.some(
    ({ code, state }) => !harmless.includes(code) && state !== 'waiting' && state !== 'skipped',
  )
}

/** Steps after which somebody should look with their own eyes. */
const lookedAt = [
  'restore_app',
  'restore_parts',
  'swap_database',
  'put_files_in_place',
  'start_service',
  'open_ports',
  'run_commands',
] as const satisfies readonly RestoreStepCode[]

function checksOf({ steps }: Restore) {
  return lookedAt.filter((code) => steps.some((step) => step.code === code && step.state === 'done'))
}

function factsOf(restore: Restore, t: T, f: Formats): readonly ShownFact[] {
  const facts: ShownFact[] = [
    {
      label: t('restore.fact.archive'),
      value: visibleName(restore.archiveName),
      href: archivePath(restore.archiveName),
    },
    { label: t('restore.fact.target'), value: visibleName(restore.target) },
    { label: t('restore.fact.by'), value: actorInWords(restore.actor, t) },
    { label: t('restore.fact.asked'), value: f.exact(restore.requestedAt) },
  ]
  if (restore.finishedAt !== null)
    facts.push({ label: t('runs.fact.finished'), value: f.exact(restore.finishedAt) })
  const { paths, targets } = restore.options
  if (paths !== undefined) {
    const shown = paths.slice(0, 5).map(visibleName).join(', ')
    const more = paths.length > 5 ? ` ${t('restore.more_paths', { count: paths.length - 5 })}` : ''
    facts.push({ label: t('restore.field.paths'), value: shown + more })
  }
  if (targets !== undefined) facts.push({ label: t('restore.field.targets'), value: targets.join(', ') })
  return facts
}

/** Its name is noted before it is made: a link only once it is there. */
function safetyOf(
  { safetyArchive }: Restore,
  row: Archive | null,
  t: T,
  f: Formats,
): RestoreStatusView['safety'] {
  if (safetyArchive === null) return null
  const kept =
    row === null
      ? t('restore.safety.not_there')
      : row.pinned && row.pinnedUntil !== null
        ? t('restore.safety.until', { when: f.exact(row.pinnedUntil) })
        : t(row.pinned ? 'restore.safety.pinned' : 'restore.safety.by_rules')
  return { name: safetyArchive, href: row === null ? '' : archivePath(safetyArchive), kept }
}
