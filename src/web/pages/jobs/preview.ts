// What a job form would lead to: the next runs, the archive's name, what would stay, what would go. Pure.
import { archiveName } from '../../../domain/archive-name.ts'
import { localDay } from '../../../domain/calendar.ts'
import type { JobInput } from '../../../domain/job.ts'
import type { RetentionPlan } from '../../../domain/retention.ts'
import { parseCron } from '../../../domain/schedule.ts'
import type { AnySource } from '../../../sources/source.ts'
import type { Formats, T } from '../../i18n.ts'
import { fieldText } from '../../problem-text.ts'
import { keepCalendar, type KeepCalendar } from './keep-calendar.ts'
import { dayInWords, minuteInWords } from './days.ts'
import { simulate } from './simulate.ts'
import { whenInWords } from './when.ts'

/** Names shown one by one; the rest is a number. */
const shownNames = 20

export interface PreviewFacts {
  readonly input: JobInput
  readonly source: AnySource | null
  readonly instanceName: string
  /** For a job that exists: what the form's policy would do to its archives now. */
  readonly plan: {
    readonly plan: RetentionPlan
    readonly freedBytes: number
    readonly sizes: ReadonlyMap<string, number>
  } | null
  /** Size of the last good archive, to guess what the kept ones will take. */
  readonly lastSize: number | null
}

export interface JobPreview {
  readonly when: string
  /** Exact times with the zone; empty with `whenError`. */
  readonly nextRuns: readonly string[]
  readonly whenError: string
  readonly archiveName: string
  readonly keep: { readonly text: string; readonly size: string; readonly calendar: KeepCalendar } | null
  readonly removal: RemovalPreview | null
}

export interface RemovalPreview {
  readonly text: string
  readonly names: readonly { readonly name: string; readonly size: string }[]
  readonly more: string
}

/** The preview of a form, as far as what was typed allows. `now` is epoch milliseconds. */
export function jobPreview(facts: PreviewFacts, now: number, language: string, t: T, f: Formats): JobPreview {
  const { input } = facts
  const cron = parseCron(input.cronExpr, f.timeZone)
  const runs = cron.ok ? cron.schedule.nextRuns(now, 5) : []
  const future = cron.ok ? simulate(cron.schedule, input.retention, now, f.timeZone) : null
  return {
    when: cron.ok ? t('jobs.fact.when_zone', { when: whenInWords(input.cronExpr, t), zone: f.timeZone }) : '',
    nextRuns: runs.map((at) => minuteInWords(at, now, language, f.timeZone)),
    whenError: cron.ok
      ? ''
      : fieldText({ t, f }, { field: 'cron_expr', code: cron.code, facts: { detail: cron.detail } }),
    archiveName: futureName(facts, runs[0] ?? now, f.timeZone),
    keep: future && {
      text: t('jobs.preview.keep', {
        count: future.kept,
        made: future.made,
        duration: spanInWords(future.end - now, t),
        oldest: dayInWords(future.oldestKept, language, f.timeZone),
      }),
      size:
        facts.lastSize === null
          ? ''
          : t('jobs.preview.size', {
              size: f.size(facts.lastSize * future.kept),
              each: f.size(facts.lastSize),
            }),
      calendar: keepCalendar(future.days, language),
    },
    removal: facts.plan && removalPreview(facts.plan.plan, facts.plan.sizes, facts.plan.freedBytes, t, f),
  }
}

/** Days, and months where there are many. */
function spanInWords(ms: number, t: T): string {
  const days = Math.max(1, Math.round(ms / 86_400_000))
  if (days < 60) return t('jobs.keep.days', { count: days })
  return t('jobs.keep.months', { count: Math.round(days / 30.4) })
}

/** What a plan would delete, in words and by name. */
export function removalPreview(
  plan: RetentionPlan,
  sizes: ReadonlyMap<string, number>,
  freedBytes: number,
  t: T,
  f: Formats,
): RemovalPreview {
  const count = plan.remove.length
  const stay = plan.keep.length
  return {
    text:
      count === 0
        ? t('jobs.preview.nothing_goes', { count: stay })
        : t('jobs.preview.goes', { count, stay, size: f.size(freedBytes) }),
    names: plan.remove.slice(0, shownNames).map(({ name }) => ({ name, size: f.size(sizes.get(name) ?? 0) })),
    more: count > shownNames ? t('jobs.preview.more', { count: count - shownNames }) : '',
  }
}

/** The name of the first archive; empty while the settings do not say what it is about. */
function futureName(facts: PreviewFacts, at: number, timeZone: string): string {
  const settings = facts.source?.settings.safeParse(facts.input.config)
  if (!facts.source || !settings?.success) return ''
  return archiveName({
    instance: facts.instanceName,
    subject: facts.source.subject(settings.data, facts.input.name || '…'),
    day: localDay(at, timeZone),
    taken: () => false,
  })
}
