// What needs an admin: each with what happened, what it means, what to do. Worst first. Pure.
import type { Problem } from '../../../domain/problem.ts'
import type { DiskState } from '../../../engine/engine.ts'
import type { Attention } from '../../../store/overview.ts'
import type { Formats, T } from '../../i18n.ts'
import { holdInWords } from '../jobs/reasons.ts'
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
  readonly actions: readonly AttentionAction[]
}

export interface AttentionFacts {
  /** Jobs in a problem standing, worst first. */
  readonly jobs: readonly Attention[]
  readonly corruptedArchives: number
  readonly disk: DiskState | null
  /** Bytes that must stay free on the archives' disk. */
  readonly reserveBytes: number
  /** Why YunoHost or the disk could not be asked. */
  readonly trouble: readonly Problem[]
}

/** The list, worst first: what is unsafe before what is odd, the longest without a good backup first. */
export function attention(facts: AttentionFacts, now: number, t: T, f: Formats): readonly AttentionItem[] {
  const jobs = facts.jobs.toSorted((a, b) => (a.lastSuccessAt ?? 0) - (b.lastSuccessAt ?? 0))
  const items = [
    ...facts.trouble.map((problem): AttentionItem => {
      const { title, hint } = problemText({ t, f }, problem.code, problem.facts)
      return { state: 'failed', title, hint, actions: [] }
    }),
    ...diskItems(facts, t, f),
    ...corruptedItems(facts.corruptedArchives, t),
    ...jobs.map((job) => jobItem(job, now, t, f)),
  ]
  return [
    ...items.filter((item) => item.state === 'failed'),
    ...items.filter((item) => item.state === 'warning'),
  ]
}

function jobItem(
  { job, run, standing, lastSuccessAt }: Attention,
  now: number,
  t: T,
  f: Formats,
): AttentionItem {
  const name = job.name
  const since =
    lastSuccessAt === null
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
      actions: [openRun ?? openJob, runNow],
    }
  }
  if (standing === 'retention_held') {
    return {
      state: 'warning',
      title: t('home.attention.hold', { name, reason: holdInWords(job.retentionHold ?? '', t) }),
      hint: t('home.attention.hold_hint'),
      actions: [openJob],
    }
  }
  if (standing === 'warning') {
    return {
      state: 'warning',
      title: t('home.attention.warning', { name, count: run?.warningCount ?? 0 }),
      hint: t('home.attention.warning_hint'),
      actions: [openRun ?? openJob, runNow],
    }
  }
  return { state: 'failed', title: since, hint: t('home.attention.late_hint'), actions: [openJob, runNow] }
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
      hint: t('home.attention.corrupted_hint'),
      actions: [{ label: t('home.attention.archives'), kind: 'go', path: '/archives?state=corrupted' }],
    },
  ]
}
