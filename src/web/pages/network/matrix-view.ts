// The matrix of apps and instances in words, a page of rows at a time. Pure.
import type { Formats, Moment, T } from '../../i18n.ts'
import { typeName } from '../jobs/what.ts'
import type { ShownState, Tone } from '../runs/state.ts'
import type { Held, InstanceFacts } from './facts.ts'
import { isStale } from './instance-view.ts'
import type { MatrixCell, MatrixRow, Standing } from './matrix.ts'

/** Beyond so many instances a table is too wide: each row then lists only those that have something. */
export const mostColumns = 6
/** Cells on one page: a page must stay light. */
const cellsPerPage = 120

export interface ShownCell {
  /** The instance. */
  readonly name: string
  readonly own: {
    readonly state: ShownState
    /** The last good backup: how long ago, and exactly. */
    readonly at: { readonly text: string; readonly exact: string } | null
    readonly detail: string
  } | null
  readonly held: readonly { readonly text: string; readonly at: Moment }[]
  /** Not empty: how old this is, because it is old. */
  readonly stale: string
}

export interface MatrixView {
  /** Names of the columns; empty when rows list their instances themselves. */
  readonly columns: readonly string[]
  readonly rows: readonly {
    readonly app: string
    readonly type: string
    /** One for each column, null where there is nothing; without columns only what there is. */
    readonly cells: readonly (ShownCell | null)[]
  }[]
  readonly search: string
  readonly pager: { readonly text: string; readonly before: string; readonly after: string } | null
}

const tones: Readonly<Record<Standing, Tone>> = {
  overdue: 'failed',
  failed: 'failed',
  none: 'never',
  warning: 'warning',
  running: 'running',
  ok: 'ok',
  off: 'never',
}

/** One page. `page` from 0; `search` is a part of an app's name. */
export function matrixView(
  instances: readonly InstanceFacts[],
  rows: readonly MatrixRow[],
  query: { readonly search: string; readonly page: number },
  now: number,
  words: { readonly t: T; readonly f: Formats },
): MatrixView {
  const wide = instances.length > mostColumns
  const wanted = query.search.toLowerCase()
  const found = wanted === '' ? rows : rows.filter(({ app }) => app.toLowerCase().includes(wanted))
  const pages = pagesOf(found)
  const page = Math.min(query.page, pages.length - 1)
  const { from, to } = pages[page] ?? { from: 0, to: 0 }
  return {
    columns: wide ? [] : instances.map(({ name }) => name),
    rows: found.slice(from, to).map(({ app, type, cells }) => {
      const shown = (cell: MatrixCell) => shownCell(cell, instances, now, words)
      return {
        app,
        type: type === null ? '' : typeName(type, words.t),
        cells: wide
          ? cells.map(shown)
          : instances.map((_, at) => {
              const cell = cells.find((one) => one.at === at)
              return cell === undefined ? null : shown(cell)
            }),
      }
    }),
    search: query.search,
    pager:
      pages.length < 2
        ? null
        : {
            text: words.t('network.pager', { first: from + 1, last: to, count: found.length }),
            before: page > 0 ? hrefOf(query.search, page - 1) : '',
            after: page < pages.length - 1 ? hrefOf(query.search, page + 1) : '',
          },
  }
}

/** Where pages begin and end: whole rows, as many as a page may have cells. At least one page. */
function pagesOf(rows: readonly MatrixRow[]): readonly { readonly from: number; readonly to: number }[] {
  const pages: { from: number; to: number }[] = []
  let from = 0
  let cells = 0
  rows.forEach((row, i) => {
    if (cells > 0 && cells + row.cells.length > cellsPerPage) {
      pages.push({ from, to: i })
      from = i
      cells = 0
    }
    cells += row.cells.length
  })
  return [...pages, { from, to: rows.length }]
}

function shownCell(
  { at, own, held }: MatrixCell,
  instances: readonly InstanceFacts[],
  now: number,
  { t, f }: { readonly t: T; readonly f: Formats },
): ShownCell {
  const instance = instances[at]
  const old = instance !== undefined && isStale(instance, now)
  return {
    name: instance?.name ?? '',
    own:
      own === null
        ? null
        : {
            state: { state: tones[own.standing], label: t(`network.cell.${own.standing}`) },
            at: own.lastGoodAt === null ? null : lastGood(own.standing, own.lastGoodAt, t, f),
            detail: [
              ...(own.sizeBytes === null ? [] : [f.size(own.sizeBytes)]),
              t('network.cell.archives', { count: own.archiveCount }),
              ...(own.copiesAt.length === 0
                ? []
                : [t('network.cell.copies_at', { names: namesOf(own.copiesAt, t) })]),
            ].join(' · '),
          },
    held: held.map((one) => ({ text: heldText(one, t, f), at: f.moment(one.newestAt) })),
    stale: !old
      ? ''
      : instance.asOf === null
        ? t('network.stale.unknown')
        : t('network.stale', { when: f.moment(instance.asOf).relative }),
  }
}

/** Beside a bad state it must be said what the time is of. */
function lastGood(standing: Standing, at: number, t: T, f: Formats) {
  const { relative, exact } = f.moment(at)
  const plain = standing === 'ok' || standing === 'warning'
  return { exact, text: plain ? relative : t('network.cell.last_good', { when: relative }) }
}

function heldText(held: Held, t: T, f: Formats): string {
  return t('network.cell.held', { of: held.of, count: held.count, size: f.size(held.bytes) })
}

const namedCopies = 3

function namesOf(names: readonly string[], t: T): string {
  const shown = names.slice(0, namedCopies).join(', ')
  return names.length > namedCopies
    ? t('network.and_more', { names: shown, count: names.length - namedCopies })
    : shown
}

function hrefOf(search: string, page: number): string {
  const query = new URLSearchParams()
  if (search !== '') query.set('q', search)
  if (page > 0) query.set('page', String(page + 1))
  return query.size === 0 ? '/network' : `/network?${query.toString()}`
}
