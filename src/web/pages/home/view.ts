// The home page's model: what needs somebody, one line of sums, the job table, and the first visit. Pure.
import type { InstalledApp } from '../../../domain/helper-protocol.ts'
import type { DiskState } from '../../../engine/engine.ts'
import type { Formats, T } from '../../i18n.ts'
import type { Counts } from '../../../store/overview.ts'
import type { AttentionItem } from './attention.ts'
import type { JobRow } from './row.ts'

/** How many items the attention box shows; the rest is a link. */
export const shownAttention = 6
/** How many unprotected apps are named one by one. */
const shownApps = 12

export interface HomeFacts {
  readonly counts: Counts
  readonly rows: readonly JobRow[]
  /** Rows that the search found, on all pages. */
  readonly found: number
  readonly search: string
  readonly only: string
  /** From 0. */
  readonly page: number
  readonly pageSize: number
  readonly attention: readonly AttentionItem[]
  /** Items that exist but were not read. */
  readonly unreadAttention: number
  /** Null when YunoHost could not be asked. */
  readonly apps: readonly InstalledApp[] | null
  readonly parts: readonly string[]
  /** Apps that an enabled job takes care of. */
  readonly protectedApps: ReadonlySet<string>
  /** Apps that have a good backup which is not too old. */
  readonly appsBackedUp: ReadonlySet<string>
  readonly disk: DiskState | null
  /** Other instances in a word each; empty or absent without any. */
  readonly offSite?: string
}

export interface HomeView {
  readonly heading: string
  readonly attention: readonly AttentionItem[]
  readonly attentionTitle: string
  /** Empty, or how many more there are. */
  readonly moreAttention: string
  readonly summary: readonly string[]
  readonly rows: readonly JobRow[]
  readonly search: string
  readonly only: string
  readonly filtered: boolean
  readonly pager: { readonly text: string; readonly before: string; readonly after: string } | null
  /** The first ones, and the rest; `title` and `all` speak of both. */
  readonly unprotected: {
    readonly title: string
    readonly apps: readonly InstalledApp[]
    readonly rest: readonly InstalledApp[]
    /** Empty, or how many are in the rest. */
    readonly more: string
    /** The text of one button for all of them; empty when there is only one. */
    readonly all: string
  } | null
  /** `kind`: things to choose; YunoHost is absent; it could not be asked. */
  readonly firstVisit: {
    readonly kind: 'choose' | 'absent' | 'unknown'
    readonly apps: readonly InstalledApp[]
    readonly system: boolean
  } | null
}

/** The page. */
export function homeView(facts: HomeFacts, t: T, f: Formats): HomeView {
  const needs = facts.attention.length + facts.unreadAttention
  return {
    heading: t('home.heading'),
    attention: facts.attention.slice(0, shownAttention),
    attentionTitle: t('home.attention.title', { count: needs }),
    moreAttention: needs > shownAttention ? t('home.attention.more', { count: needs - shownAttention }) : '',
    summary: facts.counts.jobs === 0 ? [] : summary(facts, t, f),
    rows: facts.rows,
    search: facts.search,
    only: facts.only,
    filtered: facts.search !== '' || facts.only !== '',
    pager: pagerOf(facts, t),
    unprotected: unprotectedView(unprotectedApps(facts), t),
    firstVisit: facts.counts.jobs === 0 ? firstVisit(facts) : null,
  }
}

function unprotectedApps(facts: Pick<HomeFacts, 'apps' | 'protectedApps'>): readonly InstalledApp[] {
  return (facts.apps ?? []).filter((app) => !facts.protectedApps.has(app.id))
}

function unprotectedView(apps: readonly InstalledApp[], t: T): HomeView['unprotected'] {
  const count = apps.length
  if (count === 0) return null
  const rest = apps.slice(shownApps)
  return {
    title: t('home.unprotected', { count }),
    apps: apps.slice(0, shownApps),
    rest,
    more: rest.length > 0 ? t('home.unprotected.more', { count: rest.length }) : '',
    all: count > 1 ? t('home.protect_all', { count }) : '',
  }
}

function firstVisit({ apps, parts }: HomeFacts): NonNullable<HomeView['firstVisit']> {
  const system = parts.length > 0
  if (apps === null) return { kind: 'unknown', apps: [], system: false }
  return { kind: apps.length > 0 || system ? 'choose' : 'absent', apps, system }
}

/** The window's title: the worst state first. */
export function homeTitle(
  facts: Pick<HomeFacts, 'attention' | 'unreadAttention' | 'counts' | 'apps' | 'protectedApps'>,
  t: T,
): string {
  const { attention, unreadAttention } = facts
  const warnings = attention.filter((item) => item.state === 'warning').length
  // What was not read is behind the worst ones, which come first: the same state as the last one read.
  const failed = attention.length - warnings + (warnings === 0 ? unreadAttention : 0)
  if (failed > 0) return t('home.title.failed', { count: failed })
  if (warnings > 0) return t('home.title.warning', { count: warnings })
  if (facts.counts.jobs === 0) return t('home.title.first')
  if (facts.counts.enabled === 0) return t('home.title.off')
  const unprotected = unprotectedApps(facts).length
  return unprotected > 0 ? t('home.title.unprotected', { count: unprotected }) : t('home.title.ok')
}

function summary(facts: HomeFacts, t: T, f: Formats): readonly string[] {
  const { apps, appsBackedUp, counts, disk } = facts
  const parts: string[] = []
  if (apps !== null && apps.length > 0) {
    const count = apps.filter((app) => appsBackedUp.has(app.id)).length
    parts.push(t('home.sum.apps', { protected: count, count: apps.length }))
  }
  parts.push(
    counts.newestSuccessAt === null
      ? t('home.sum.no_backup')
      : t('home.sum.newest', { when: f.moment(counts.newestSuccessAt).relative }),
  )
  parts.push(t('home.sum.archives', { count: counts.archives, size: f.size(counts.archiveBytes) }))
  if (disk !== null) {
    parts.push(t('home.sum.disk', { free: f.size(disk.freeBytes), total: f.size(disk.totalBytes) }))
  }
  if (facts.offSite !== undefined && facts.offSite !== '') parts.push(facts.offSite)
  return parts
}

function pagerOf(facts: HomeFacts, t: T): HomeView['pager'] {
  const { found, page, pageSize } = facts
  if (found <= pageSize && page === 0) return null
  const first = page * pageSize + 1
  const last = Math.min(found, first + pageSize - 1)
  return {
    text: t('home.pager', { first: Math.min(first, found), last, count: found }),
    before: page > 0 ? hrefOf(facts, page - 1) : '',
    after: last < found ? hrefOf(facts, page + 1) : '',
  }
}

function hrefOf(facts: HomeFacts, page: number): string {
  const query = new URLSearchParams()
  if (facts.search !== '') query.set('q', facts.search)
  if (facts.only !== '') query.set('only', facts.only)
  if (page > 0) query.set('page', String(page + 1))
  return query.size === 0 ? '/' : `/?${query.toString()}`
}
