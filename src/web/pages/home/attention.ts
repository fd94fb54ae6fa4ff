// What needs an admin: each with what happened, what it means, what to do. Worst first. Pure.
import type { Problem, ProblemCode } from '../../../domain/problem.ts'
import type { DiskState } from '../../../engine/engine.ts'
import type { Attention } from '../../../store/overview.ts'
import type { Formats, T } from '../../i18n.ts'
import { holdInWords } from '../jobs/reasons.ts'
import { shortcomings } from '../runs/row.ts'
import { problemText } from '../../problem-text.ts'

export interface AttentionAction {
  readonly label: string
  /** `go` is a link, `post` a form's button. */
  readonly kind: 'go' | 'post'
  readonly path: string
}

export interface AttentionItem {
  readonly state: 'failed' | 'warning'
  /** What happened. */
  readonly title: string
  /** What it means and what to do; may be empty. */
  readonly hint: string
  /** The program's own words, untranslated, on one short line; may be empty. */
  readonly said: string
  readonly actions: readonly AttentionAction[]
}

export interface AttentionFacts {
  /** Jobs in a problem standing, worst first. */
  readonly jobs: readonly Attention[]
  readonly corruptedArchives: number
  /** Archives on record whose file is gone. */
  readonly missingArchives: number
  readonly disk: DiskState | null
  /** Bytes that must stay free on the archives' disk. */
  readonly reserveBytes: number
  /** Why YunoHost or the disk could not be asked. */
  readonly trouble: readonly Trouble[]
  /** Of other instances, already in words. */
  readonly others?: readonly AttentionItem[]
}

export interface Trouble {
  readonly asked: 'apps' | 'disk'
  readonly problem: Problem
}

/** Characters of a program's words that are shown here; the run has all of them. */
const longestSaid = 200
/** Problems whose own text fits a question about apps; the others' speak of backups and runs. */
const unreachable: readonly ProblemCode[] = ['helper_unavailable', 'helper_refused']

/** The list, worst first: what is unsafe before what is odd, the longest without a good backup first. */
export function attention(facts: AttentionFacts, now: number, t: T, f: Formats): readonly AttentionItem[] {
  const jobs = facts.jobs.toSorted((a, b) => (a.lastSuccessAt ?? 0) - (b.lastSuccessAt ?? 0))
  const items = [
    ...facts.trouble.map((trouble) => troubleItem(trouble, t, f)),
    ...diskItems(facts, t, f),
    ...corruptedItems(facts.corruptedArchives, t),
    ...missingItems(facts.missingArchives, t),
    ...jobs.map((job) => jobItem(job, now, t, f)),
    ...(facts.others ?? []),
  ]
  return [
    ...items.filter((item) => item.state === 'failed'),
    ...items.filter((item) => item.state === 'warning'),
  ]
}

function troubleItem({ asked, problem }: Trouble, t: T, f: Formats): AttentionItem {
  const { title, hint, detail } = problemText({ t, f }, problem.code, problem.facts)
  const shared = { state: 'failed', said: shortened(detail), actions: [] } as const
  return asked === 'disk' || unreachable.includes(problem.code)
    ? { ...shared, title, hint }
    : { ...shared, title: t('home.attention.apps_unknown'), hint: t('home.attention.apps_unknown_hint') }
}

/** One line, not too long. */
function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length <= longestSaid ? line : `${line.slice(0, longestSaid).trimEnd()}…`
}

function jobItem(
  { job, run, standing, lastSuccessAt, lost }: Attention,
  now: number,
  t: T,
  f: Formats,
): AttentionItem {
  const name = job.name
  const since = lost
    ? t('home.attention.no_archive', { name })
    : lastSuccessAt === null
      ? t('home.attention.no_good_ever', { name })
      : t('home.attention.no_good_since', { name, duration: f.duration(now - lastSuccessAt) })
  const openJob = { label: t('home.attention.open_job'), kind: 'go', path: `/jobs/${job.id}` } as const
  const openRun =
    run && ({ label: t('home.attention.open_run'), kind: 'go', path: `/runs/${run.id}` } as const)
  const runNow = { label: t('jobs.run_now'), kind: 'post', path: `/jobs/${job.id}/run` } as const
  if (standing === 'failing') {
    const problem = problemText({ t, f }, run?.errorCode ?? 'internal', run?.errorFacts ?? {})
    return {
      state: 'failed',
      title: `${since} ${t('home.attention.last_error', { error: problem.title })}`,
      hint: problem.hint,
      said: shortened(problem.detail),
      actions: [openRun ?? openJob, runNow],
    }
  }
  if (standing === 'no_archive') {
    return { state: 'failed', title: since, hint: '', said: '', actions: [openJob, runNow] }
  }
  if (standing === 'drill_failed') {
    return {
      state: 'failed',
      title: t('home.attention.drill_failed', { name }),
      hint: t('home.attention.drill_failed_hint'),
      said: '',
      actions: [openJob, runNow],
    }
  }
  if (standing === 'retention_held') {
    return {
      state: 'warning',
      title: t('home.attention.hold', { name, reason: holdInWords(job.retentionHold ?? '', t) }),
      hint: t('home.attention.hold_hint'),
      said: '',
      actions: [openJob],
    }
  }
  if (standing === 'warning') {
    return {
      state: 'warning',
      title: t('home.attention.warning', { name, count: run ? Math.max(1, shortcomings(run)) : 1 }),
      hint: t('home.attention.warning_hint'),
      said: shortened(run?.targets.find((target) => target.status !== 'success')?.detail ?? ''),
      actions: [openRun ?? openJob, runNow],
    }
  }
  const hint = t(standing === 'late' ? 'home.attention.late_hint' : 'home.attention.overdue_hint')
  return { state: 'failed', title: since, hint, said: '', actions: [openJob, runNow] }
}

function diskItems(facts: AttentionFacts, t: T, f: Formats): AttentionItem[] {
  const { disk, reserveBytes } = facts
  if (disk === null || disk.freeBytes > 2 * reserveBytes) return []
  const sizes = {
    free: f.size(disk.freeBytes),
    total: f.size(disk.totalBytes),
    reserve: f.size(reserveBytes),
  }
  const full = disk.freeBytes <= reserveBytes
  return [
    {
      state: full ? 'failed' : 'warning',
      title: t(full ? 'home.attention.disk_full' : 'home.attention.disk_low', sizes),
      hint: t('home.attention.disk_hint', sizes),
      said: '',
      actions: [{ label: t('home.attention.archives'), kind: 'go', path: '/archives?sort=size' }],
    },
  ]
}

function corruptedItems(count: number, t: T): AttentionItem[] {
  if (count === 0) return []
  return [
    {
      state: 'failed',
      title: t('home.attention.corrupted', { count }),
      hint: t('home.attention.corrupted_hint', { count }),
      said: '',
      actions: [{ label: t('home.attention.archives'), kind: 'go', path: '/archives?state=corrupted' }],
    },
  ]
}

function missingItems(count: number, t: T): AttentionItem[] {
  if (count === 0) return []
  return [
    {
      // Often somebody deleted them knowingly; a job left without any is told by itself.
      state: 'warning',
      title: t('home.attention.missing', { count }),
      hint: t('home.attention.missing_hint'),
      said: '',
      actions: [{ label: t('home.attention.archives'), kind: 'go', path: '/archives?state=missing' }],
    },
  ]
}
