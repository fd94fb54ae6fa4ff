// What needs an admin: each with what happened, what it means, what to do. Worst first. Pure.
import type { Facts, ProblemCode } from '../../../domain/problem.ts'
import type { DiskState } from '../../../engine/engine.ts'
import type { Formats, T } from '../../i18n.ts'
import { problemText } from '../../problem-text.ts'
import type { JobFacts } from './row.ts'

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
  /** Jobs that may need somebody; others are passed over. */
  readonly jobs: readonly (JobFacts & { readonly overdue: boolean })[]
  readonly corruptedArchives: number
  readonly disk: DiskState | null
  /** Bytes that must stay free on the archives' disk. */
  readonly reserveBytes: number
  /** Why YunoHost or the disk could not be asked; empty when they could. */
  readonly trouble: readonly { readonly code: ProblemCode; readonly facts: Facts }[]
}

/** The list, worst first: what is unsafe before what is odd, the longest unprotected first. */
export function attention(facts: AttentionFacts, now: number, t: T, f: Formats): readonly AttentionItem[] {
  const jobs = facts.jobs.toSorted((a, b) => (a.lastSuccessAt ?? 0) - (b.lastSuccessAt ?? 0))
  const items = [
    ...facts.trouble.map(({ code, facts }) => {
      const { title, hint } = problemText({ t, f }, code, facts)
      return { state: 'failed', title, hint, actions: [] } as const
    }),
    ...diskItems(facts, t, f),
    ...corruptedItems(facts.corruptedArchives, t),
    ...jobs.flatMap((job) => jobItems(job, now, t, f)),
  ]
  return [...items.filter((item) => item.state === 'failed'), ...items.filter((item) => item.state === 'warning')]
}

function jobItems(facts: JobFacts & { overdue: boolean }, now: number, t: T, f: Formats): AttentionItem[] {
  const { job, lastRun, openRun } = facts
  const name = job.name
  const since =
    facts.lastSuccessAt === null
      ? t('home.attention.no_good_ever', { name })
      : t('home.attention.no_good_since', { name, duration: f.duration(now - facts.lastSuccessAt) })
  const run: AttentionAction[] =
    openRun === null
      ? [{ label: t('jobs.run_now'), kind: 'post', path: `/jobs/${job.id}/run` }]
      : [{ label: t('home.attention.running'), kind: 'go', path: `/runs/${openRun.id}` }]
  const items: AttentionItem[] = []
  if (lastRun?.status === 'error' || lastRun?.status === 'interrupted') {
    const problem = problemText({ t, f }, lastRun.errorCode ?? 'internal', lastRun.errorFacts)
    items.push({
      state: 'failed',
      title: `${since} ${t('home.attention.last_error', { error: problem.title })}`,
      hint: problem.hint,
      actions: [{ label: t('home.attention.open_run'), kind: 'go', path: `/runs/${lastRun.id}` }, ...run],
    })
  } else if (facts.overdue) {
    items.push({
      state: 'failed',
      title: since,
      hint: t('home.attention.overdue_hint'),
      actions: [{ label: t('home.attention.open_job'), kind: 'go', path: `/jobs/${job.id}` }, ...run],
    })
  } else if (lastRun?.status === 'warning') {
    items.push({
      state: 'warning',
      title: t('home.attention.warning', { name, count: lastRun.warningCount }),
      hint: t('home.attention.warning_hint'),
      actions: [{ label: t('home.attention.open_run'), kind: 'go', path: `/runs/${lastRun.id}` }, ...run],
    })
  }
  if (job.retentionHold !== null) {
    items.push({
      state: 'warning',
      title: t('home.attention.hold', { name, reason: job.retentionHold }),
      hint: t('home.attention.hold_hint'),
      actions: [{ label: t('home.attention.open_job'), kind: 'go', path: `/jobs/${job.id}` }],
    })
  }
  return items
}

function diskItems(facts: AttentionFacts, t: T, f: Formats): AttentionItem[] {
  const { disk, reserveBytes } = facts
  if (disk === null || disk.freeBytes > 2 * reserveBytes) return []
  const sizes = { free: f.size(disk.freeBytes), total: f.size(disk.totalBytes), reserve: f.size(reserveBytes) }
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
