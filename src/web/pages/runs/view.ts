// The run page's model: what happened, what it means, what to do. Pure: facts in, texts out.
import type { Job } from '../../../domain/job.ts'
import { notes, type Run, type TargetResult } from '../../../domain/run.ts'
import { triggerInWords } from '../../actor.ts'
import type { Lane } from '../../../sources/source.ts'
import type { Formats, T } from '../../i18n.ts'
import { problemText, type ProblemText, warningText } from '../../problem-text.ts'
import { archivePath } from '../archives/state.ts'
import { restorePath } from '../restore/choose-view.ts'
import { shapes, stateOfRun, type ShownState, type Tone } from './state.ts'
import { stepsOf, type ShownStep } from './steps.ts'
import { isTerminal } from '../../../domain/run-state.ts'

export interface ShownFact {
  readonly label: string
  readonly value: string
  readonly href?: string
  /** What can be done with it. */
  readonly action?: { readonly label: string; readonly href: string }
}

export interface RunStatusView {
  readonly id: number
  readonly state: ShownState
  readonly open: boolean
  /** What has newly begun or ended, for screen readers. Plain text. */
  readonly news: string
  /** One line: since when, or when and how long. */
  readonly line: string
  readonly progress: RunProgress | null
  readonly steps: readonly ShownStep[]
  /** Why it did not end well; a cancelled run is no failure. */
  readonly problem: (ProblemText & { readonly tone: Extract<Tone, 'failed' | 'never'> }) | null
  readonly facts: readonly ShownFact[]
  readonly targets: readonly { readonly name: string; readonly state: ShownState; readonly detail: string }[]
  readonly warnings: readonly { readonly text: string; readonly note: boolean }[]
  /** Empty, or how many warnings are only in the log. */
  readonly moreWarnings: string
  readonly exitCodes: readonly { readonly program: string; readonly code: number }[]
  /** `none`: it has ended; `asked`: it is being cancelled. */
  readonly cancel: 'possible' | 'asked' | 'none'
}

export interface RunProgress {
  /** A whole number, 0 to 100; null when the total is not known. */
  readonly percent: number | null
  readonly text: string
}

/** What the run page shows and live updates replace. `now` is epoch milliseconds. */
export function runStatusView(
  run: Run,
  job: Job,
  now: number,
  t: T,
  f: Formats,
  lane: Lane = 'general',
): RunStatusView {
  const state = stateOfRun(run.status, t)
  const steps = stepsOf(run, job.hooks, t)
  return {
    id: run.id,
    state,
    news: [state.label, steps.find((step) => step.state === 'now')?.name ?? ''].filter(Boolean).join(': '),
    open: !isTerminal(run.status),
    line: lineOf(run, lane, now, t, f),
    progress: run.status === 'running' ? progressOf(run, now, t, f) : null,
    steps,
    problem: problemOf(run, t, f),
    facts: factsOf(run, t, f),
    targets: run.targets.map((target) => shownTarget(target, t)),
    warnings: run.warnings.map((warning) => ({
      text: warningText({ t, f }, warning),
      note: notes.has(warning.code),
    })),
    moreWarnings:
      run.warningCount > run.warnings.length
        ? t('runs.more_warnings', { count: run.warningCount - run.warnings.length })
        : '',
    exitCodes: Object.entries(run.exitCodes).map(([program, code]) => ({ program, code })),
    cancel: isTerminal(run.status) ? 'none' : run.cancelRequested ? 'asked' : 'possible',
  }
}

function problemOf(run: Run, t: T, f: Formats): RunStatusView['problem'] {
  if (run.errorCode === null) return null
  const tone = run.status === 'cancelled' ? 'never' : 'failed'
  return { ...problemText({ t, f }, run.errorCode, run.errorFacts), tone }
}

/** The window's title: state first. */
export function runTitle(run: Run, job: Job, t: T): string {
  const state = stateOfRun(run.status, t)
  return `${shapes[state.state]} ${state.label} · ${t('runs.title', { id: run.id, job: job.name })}`
}

function lineOf(run: Run, lane: Lane, now: number, t: T, f: Formats): string {
  if (run.status === 'queued') {
    return run.notBefore > now
      ? t('runs.line.not_before', { time: f.exact(run.notBefore) })
      : t('runs.line.waits', {
          duration: f.duration(Math.max(0, now - run.queuedAt)),
          why: t(`runs.waits.${lane}`),
        })
  }
  if (run.status === 'running') {
    return t('runs.line.running', { duration: f.duration(Math.max(0, now - (run.startedAt ?? now))) })
  }
  const took = tookMs(run)
  const ended = f.moment(run.finishedAt ?? run.queuedAt).relative
  return took === null
    ? t('runs.line.ended', { ended })
    : t('runs.line.took', { ended, duration: f.duration(took) })
}

function tookMs(run: Run): number | null {
  return run.startedAt === null || run.finishedAt === null
    ? null
    : Math.max(0, run.finishedAt - run.startedAt)
}

function progressOf(run: Run, now: number, t: T, f: Formats): RunProgress | null {
  const done = run.progressDone
  const total = run.progressTotal
  if (done === null) return null
  if (total === null || total <= 0)
    return { percent: null, text: t('runs.progress.done', { done: f.size(done) }) }
  const share = Math.min(1, done / total)
  const percent = Math.floor(share * 100)
  const facts = { percent, done: f.size(done), total: f.size(total) }
  const elapsed = now - (run.startedAt ?? now)
  // Before some seconds and some percent have passed, an estimate would only jump about.
  if (elapsed < 5000 || share < 0.02 || share >= 1) return { percent, text: t('runs.progress.of', facts) }
  const left = f.duration(roughly((elapsed * (1 - share)) / share))
  return { percent, text: t('runs.progress.left', { ...facts, left }) }
}

/** An estimate to the second would be a lie: whole minutes, tens of them when it is long. */
function roughly(ms: number): number {
  const unit = ms > 7_200_000 ? 600_000 : ms > 90_000 ? 60_000 : 10_000
  return Math.ceil(ms / unit) * unit
}

function factsOf(run: Run, t: T, f: Formats): readonly ShownFact[] {
  const facts: ShownFact[] = [{ label: t('runs.fact.trigger'), value: triggerInWords(run, t) }]
  // Nearly always it begins at once; then the moment it was queued says nothing new.
  if (run.startedAt === null || run.startedAt - run.queuedAt > 5000) {
    facts.push({ label: t('runs.fact.queued'), value: f.exact(run.queuedAt) })
  }
  if (run.startedAt !== null) facts.push({ label: t('runs.fact.started'), value: f.exact(run.startedAt) })
  if (run.finishedAt !== null) facts.push({ label: t('runs.fact.finished'), value: f.exact(run.finishedAt) })
  const took = tookMs(run)
  if (took !== null) facts.push({ label: t('runs.fact.took'), value: f.duration(took) })
  if (run.sizeBytes !== null) facts.push({ label: t('runs.fact.size'), value: f.size(run.sizeBytes) })
  if (run.archiveName !== null) {
    // The name is chosen before the archive exists: a link only once it was recorded.
    const there = run.sizeBytes !== null
    facts.push({
      label: t('runs.fact.archive'),
      value: run.archiveName,
      ...(there && {
        href: archivePath(run.archiveName),
        action: { label: t('runs.restore'), href: restorePath(run.archiveName) },
      }),
    })
  }
  return facts
}

const targetTones: Readonly<Record<TargetResult['status'], Tone>> = {
  success: 'ok',
  warning: 'warning',
  error: 'failed',
  skipped: 'never',
}

function shownTarget(target: TargetResult, t: T) {
  return {
    name: t(`runs.target.${target.kind}`, { id: target.id }),
    state: { state: targetTones[target.status], label: t(`runs.target_state.${target.status}`) },
    detail: target.detail ?? '',
  }
}
