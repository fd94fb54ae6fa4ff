// A job's page: how it is set, what it keeps and why, its runs, its archives, and ticks that were skipped. Pure.
import type { Job } from '../../../domain/job.ts'
import type { Run } from '../../../domain/run.ts'
import type { Destination } from '../../../domain/transfer.ts'
import type { RetentionPreview } from '../../../engine/engine.ts'
import type { Activity } from '../../../store/activity.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { visibleName } from '../../visible-name.ts'
import { shownRun, type ShownRun } from '../runs/row.ts'
import { shapes, statusTone } from '../runs/state.ts'
import type { ShownFact } from '../runs/view.ts'
import { barCount, historyBars, type HistoryBars } from './bars.ts'
import { dayInWords, minuteInWords } from './days.ts'
import { drillsView, type DrillFacts, type DrillsView } from './drills-view.ts'
import { policyInWords } from './policy-words.ts'
import { holdInWords, reasonInWords, skipInWords } from './reasons.ts'
import { sizeChart, type SizeChart } from './size-chart.ts'
import { thingOf, typeName } from './what.ts'
import { whenInWords } from './when.ts'

/** Archives that the page lists. */
const mostArchives = 50

export interface JobPageFacts {
  readonly job: Job
  /** Newest first; one more than fits on a page when there are older ones. */
  readonly runs: readonly Run[]
  readonly pageSize: number
  /** True when the runs are not the newest ones. */
  readonly later: boolean
  /** The newest runs, for the bars and the chart; newest first. */
  readonly newest: readonly Run[]
  readonly openRun: Run | null
  readonly preview: RetentionPreview
  readonly skipped: readonly Activity[]
  readonly drills: Omit<DrillFacts, 'job' | 'provable'>
  /** Where its archives go after each good run. */
  readonly destinations: readonly Pick<Destination, 'name' | 'enabled'>[]
}

export interface ShownArchive {
  readonly name: string
  readonly href: string
  readonly at: Moment
  readonly size: string
  readonly corrupted: boolean
  readonly goes: boolean
  /** Why it stays or goes. */
  readonly why: string
}

export interface JobPageView {
  readonly id: number
  readonly name: string
  /** The state as one character. */
  readonly shape: string
  readonly enabled: boolean
  readonly what: string
  readonly facts: readonly ShownFact[]
  readonly openRunId: number | null
  /** Where the newest good archive can be restored; empty when there is none. */
  readonly restore: string
  readonly drills: DrillsView
  readonly hold: string
  readonly bars: HistoryBars
  readonly chart: (SizeChart & { readonly label: string; readonly from: string; readonly to: string }) | null
  readonly runs: readonly ShownRun[]
  readonly older: string
  readonly later: boolean
  /** The newest ones. */
  readonly archives: readonly ShownArchive[]
  /** Empty, or how many older ones the page leaves out, and where they are. */
  readonly moreArchives: { readonly text: string; readonly href: string } | null
  readonly archivesTitle: string
  readonly goes: number
  readonly skipped: readonly { readonly at: Moment; readonly reason: string }[]
}

/** The window's title: state first, that of a run going on or of the last one. */
export function jobTitle({ shape, name }: Pick<JobPageView, 'shape' | 'name'>): string {
  return `${shape} ${name}`
}

/** The page. `now` is epoch milliseconds. */
export function jobPageView(
  facts: JobPageFacts,
  now: number,
  language: string,
  t: T,
  f: Formats,
): JobPageView {
  const { job, runs, pageSize, preview } = facts
  const shownRuns = runs.slice(0, pageSize)
  const oldest = shownRuns.at(-1)
  const good = preview.archives
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .find((one) => one.state !== 'corrupted')
  const bytes = preview.archives.reduce((sum, one) => sum + one.sizeBytes, 0)
  return {
    id: job.id,
    name: job.name,
    shape: shapeOf(facts),
    enabled: job.enabled,
    what: [typeName(job.type, t), thingOf(job.config)].filter(Boolean).join(' · '),
    facts: factsOf(facts, now, language, t, f),
    openRunId: facts.openRun?.id ?? null,
    restore: good === undefined ? '' : `/restore/${encodeURIComponent(good.name)}`,
    drills: drillsView({ ...facts.drills, job, provable: good !== undefined }, now, language, t, f),
    hold: job.retentionHold === null ? '' : holdInWords(job.retentionHold, t),
    bars: historyBars(
      facts.newest
        .slice(0, barCount)
        .map((run) => run.status)
        .toReversed(),
      t,
    ),
    chart: chartOf(facts.newest, language, t, f),
    runs: shownRuns.map((run) => shownRun(run, t, f)),
    older: runs.length > pageSize && oldest ? `/jobs/${job.id}?before=${oldest.id}#runs` : '',
    later: facts.later,
    archives: shownArchives(preview, t, f),
    moreArchives:
      preview.archives.length > mostArchives
        ? {
            text: t('jobs.archives.more', { count: preview.archives.length - mostArchives }),
            href: `/archives?q=${encodeURIComponent(job.name)}`,
          }
        : null,
    archivesTitle: t('jobs.archives', { count: preview.archives.length, size: f.size(bytes) }),
    goes: preview.plan.remove.length,
    skipped: facts.skipped.map((entry) => ({
      at: f.moment(entry.at),
      reason: skipInWords(String(entry.facts['reason'] ?? ''), t),
    })),
  }
}

function shapeOf({ openRun, newest }: JobPageFacts): string {
  if (openRun !== null) return shapes.running
  const [last] = newest
  return last === undefined ? shapes.never : shapes[statusTone(last.status)]
}

function factsOf(
  { job, destinations }: JobPageFacts,
  now: number,
  language: string,
  t: T,
  f: Formats,
): readonly ShownFact[] {
  const facts: ShownFact[] = [
    {
      label: t('jobs.fact.when'),
      value: t('jobs.fact.when_zone', { when: whenInWords(job.cronExpr, t), zone: f.timeZone }),
    },
    job.enabled && job.nextRunAt !== null
      ? { label: t('jobs.fact.next'), value: minuteInWords(job.nextRunAt, now, language, f.timeZone) }
      : { label: t('jobs.fact.next'), value: t(job.enabled ? 'home.next.never' : 'home.next.off') },
    { label: t('jobs.fact.keep'), value: policyInWords(job.retention, t, f) },
  ]
  if (destinations.length > 0) {
    const names = destinations.map(({ name, enabled }) =>
      enabled ? visibleName(name) : t('copies.name_off', { name: visibleName(name) }),
    )
    facts.push({ label: t('copies.job_fact'), value: names.join(', ') })
  }
  if (job.coreOnly) facts.push({ label: t('jobs.fact.core_only'), value: t('jobs.fact.core_only_yes') })
  if (job.hooks.preBackup) facts.push({ label: t('jobs.fact.pre_hook'), value: job.hooks.preBackup })
  if (job.hooks.postBackup) facts.push({ label: t('jobs.fact.post_hook'), value: job.hooks.postBackup })
  if (job.timeoutS !== null)
    facts.push({ label: t('jobs.fact.timeout'), value: f.duration(job.timeoutS * 1000) })
  return facts
}

/** From the runs, not the archives: those that retention removed had a size too. */
function chartOf(runs: readonly Run[], language: string, t: T, f: Formats): JobPageView['chart'] {
  const chart = sizeChart(
    runs.flatMap(({ startedAt, sizeBytes }) =>
      startedAt === null || sizeBytes === null ? [] : [{ at: startedAt, bytes: sizeBytes }],
    ),
  )
  if (chart === null) return null
  const from = dayInWords(chart.first.at, language, f.timeZone)
  const to = dayInWords(chart.last.at, language, f.timeZone)
  const label = t('jobs.chart.label', {
    from,
    to,
    first: f.size(chart.first.bytes),
    last: f.size(chart.last.bytes),
    least: f.size(chart.least),
    most: f.size(chart.most),
  })
  return { ...chart, label, from, to }
}

function shownArchives(preview: RetentionPreview, t: T, f: Formats): readonly ShownArchive[] {
  const kept = new Map(preview.plan.keep.map((one) => [one.name, one.reasons]))
  const goes = new Map(preview.plan.remove.map((one) => [one.name, one.reason]))
  return preview.archives
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .slice(0, mostArchives)
    .map((archive) => {
      const reason = goes.get(archive.name)
      const reasons = reason === undefined ? (kept.get(archive.name) ?? []) : [reason]
      return {
        name: archive.name,
        href: `/archives/${encodeURIComponent(archive.name)}`,
        at: f.moment(archive.createdAt),
        size: f.size(archive.sizeBytes),
        corrupted: archive.state === 'corrupted',
        goes: reason !== undefined,
        why: reasons.map((one) => reasonInWords(one, t)).join(', '),
      }
    })
}
