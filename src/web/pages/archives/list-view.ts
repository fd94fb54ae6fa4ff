// What the list of archives shows, in words.
import type { CatalogueScan } from '../../../domain/helper-protocol.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { typeName } from '../jobs/what.ts'
import { type FoundArchives, type ListedArchive, pageSize, shownStates, type Wanted } from './query.ts'
import { archivePath, type Badge, stateOf } from './state.ts'

interface Option {
  readonly value: string
  readonly label: string
  readonly selected: boolean
}

interface Filter {
  readonly name: string
  readonly label: string
  readonly options: readonly Option[]
}

interface Row {
  readonly name: string
  readonly href: string
  readonly what: string
  readonly type: string
  readonly at: Moment
  readonly size: string
  readonly state: Badge
  readonly origin: string
  /** Not made by a job here. */
  readonly elsewhere: boolean
  readonly pinned: boolean
  readonly job: { readonly name: string; readonly href: string } | null
  /** Good copies elsewhere, in words; may be empty. */
  readonly copies: string
}

/** What the filters can offer: the values that occur (`facets` of the store). */
export interface Choices {
  readonly apps: readonly string[]
  readonly types: readonly string[]
  readonly instances: readonly string[]
}

export interface ArchivesView {
  readonly search: string
  readonly filters: readonly Filter[]
  readonly filtered: boolean
  /** False when there is nothing to search in. */
  readonly searchable: boolean
  readonly summary: string
  readonly rows: readonly Row[]
  /** Why the table is empty; empty when it is not. */
  readonly nothing: string
  readonly unfinished: { readonly heading: string; readonly files: readonly string[] } | null
  readonly pager: { readonly text: string; readonly newer: string; readonly older: string } | null
}

/** Builds the page's model. */
export function archivesView(
  found: FoundArchives & { readonly copies: ReadonlyMap<string, number> },
  choices: Choices,
  wanted: Wanted,
  unfinished: CatalogueScan['unfinished'],
  verifying: readonly string[],
  words: { readonly t: T; readonly f: Formats },
): ArchivesView {
  const { t, f } = words
  const filtered = [wanted.search, wanted.app, wanted.type, wanted.instance, wanted.state].some(
    (one) => one !== '',
  )
  return {
    search: wanted.search,
    filters: filtersOf(choices, wanted, t),
    filtered,
    searchable: filtered || found.count > 0,
    summary:
      found.count === 0
        ? ''
        : t('archives.summary', {
            count: found.count,
            number: f.number(found.count),
            size: f.size(found.bytes),
          }),
    rows: found.rows.map((row) => rowOf(row, found.copies.get(row.name) ?? 0, verifying, words)),
    nothing: found.rows.length > 0 ? '' : t(filtered ? 'archives.none_found' : 'archives.none_yet'),
    unfinished: unfinishedOf(unfinished, words),
    pager: pagerOf(found.count, wanted, t),
  }
}

function rowOf(
  row: ListedArchive,
  copies: number,
  verifying: readonly string[],
  { t, f }: { t: T; f: Formats },
): Row {
  return {
    name: row.name,
    href: archivePath(row.name),
    what: row.app ?? t('archives.what.unknown'),
    type: row.type === null ? '' : typeName(row.type, t),
    at: f.moment(row.created_at),
    size: f.size(row.size_bytes),
    state: stateOf(row, verifying, t),
    origin:
      row.origin === 'received' && row.instance_name !== null
        ? t('archives.origin.from', { instance: row.instance_name })
        : t(`archives.origin.${row.origin}`),
    elsewhere: row.origin !== 'local',
    pinned: row.pinned === 1,
    job:
      row.job_id === null || row.job_name === null
        ? null
        : { name: row.job_name, href: `/jobs/${row.job_id}` },
    copies: copies === 0 ? '' : t('copies.count', { count: copies }),
  }
}

/** One value alone is no choice: such a filter is left out unless it is set. */
function filtersOf(choices: Choices, wanted: Wanted, t: T): readonly Filter[] {
  const filter = (
    name: 'app' | 'type' | 'instance' | 'state',
    label: string,
    values: readonly (readonly [string, string])[],
    selected: string,
  ) => ({
    name,
    label,
    options: [['', t(`archives.filter.all_${name}`)] as const, ...values].map(([value, text]) => ({
      value,
      label: text,
      selected: value === selected,
    })),
  })
  return [
    filter('app', t('archives.filter.app'), named(choices.apps), wanted.app),
    filter(
      'type',
      t('archives.filter.type'),
      choices.types.map((type) => [type, typeName(type, t)] as const),
      wanted.type,
    ),
    filter('instance', t('archives.filter.instance'), named(choices.instances), wanted.instance),
    filter(
      'state',
      t('archives.filter.state'),
      shownStates.map((state) => [state, t(`archives.state.${state}`)] as const),
      wanted.state,
    ),
  ].filter(
    ({ options }) => options.length > 2 || options.some(({ value, selected }) => selected && value !== ''),
  )
}

function unfinishedOf(unfinished: CatalogueScan['unfinished'], { t, f }: { t: T; f: Formats }) {
  if (unfinished.length === 0) return null
  return {
    heading: t('archives.unfinished', { count: unfinished.length }),
    files: unfinished.map(({ file, sizeBytes, modifiedAt }) =>
      t('archives.unfinished.file', { file, size: f.size(sizeBytes), when: f.moment(modifiedAt).relative }),
    ),
  }
}

function pagerOf(count: number, wanted: Wanted, t: T) {
  const pages = Math.ceil(count / pageSize)
  if (pages <= 1 && wanted.page === 1) return null
  return {
    text: t('archives.page', { page: wanted.page, pages: Math.max(pages, 1) }),
    newer: wanted.page > 1 ? pageLink(wanted, Math.min(wanted.page - 1, Math.max(pages, 1))) : '',
    older: wanted.page < pages ? pageLink(wanted, wanted.page + 1) : '',
  }
}

function pageLink({ search, app, type, instance, state }: Wanted, page: number): string {
  const given = Object.entries({ q: search, app, type, instance, state }).filter(([, value]) => value !== '')
  const query = new URLSearchParams(given)
  if (page > 1) query.set('page', String(page))
  return query.size === 0 ? '/archives' : `/archives?${query.toString()}`
}

/** Choices that are called what they are. */
function named(values: readonly string[]) {
  return values.map((value) => [value, value] as const)
}
