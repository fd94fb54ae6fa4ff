// The first stage in words: what can be brought back, each thing with its newest good archive. Pure.
import type { Formats, Moment, T } from '../../i18n.ts'
import { archivePath } from '../archives/state.ts'
import { typeName } from '../jobs/what.ts'
import { type Choice, choicesPerPage } from './choose-query.ts'

export interface ChoiceRow {
  /** The job's name, else what was saved. */
  readonly title: string
  readonly detail: string
  readonly archive: string
  readonly archiveHref: string
  readonly at: Moment
  readonly size: string
  readonly unverified: boolean
  /** The state from before a restore. */
  readonly safety: boolean
  /** Others of the same thing; empty without any. */
  readonly others: { readonly text: string; readonly href: string } | null
  readonly href: string
}

export interface ChooseView {
  readonly search: string
  readonly rows: readonly ChoiceRow[]
  readonly nothing: string
  readonly newer: string
  readonly older: string
}

/** The page; `found` is what `choices` gave for this search and page (from 0). */
export function chooseView(
  found: readonly Choice[],
  search: string,
  page: number,
  { t, f }: { readonly t: T; readonly f: Formats },
): ChooseView {
  const more = found.length > choicesPerPage
  return {
    search,
    rows: found.slice(0, choicesPerPage).map((choice) => rowOf(choice, search, t, f)),
    nothing: found.length > 0 ? '' : t(search === '' ? 'restore.choose.none' : 'archives.none_found'),
    newer: page > 0 ? pageLink(search, page - 1) : '',
    older: more ? pageLink(search, page + 1) : '',
  }
}

function rowOf(choice: Choice, search: string, t: T, f: Formats): ChoiceRow {
  const what = choice.app ?? t('archives.what.unknown')
  const title = choice.job ?? what
  const details = [
    choice.type === null ? '' : typeName(choice.type, t),
    what === title ? '' : what,
    choice.job === null && choice.instance !== null
      ? t('restore.choose.of_instance', { instance: choice.instance })
      : '',
  ]
  const others = choice.alike - 1
  return {
    title,
    detail: details.filter((text) => text !== '').join(' · '),
    archive: choice.name,
    archiveHref: archivePath(choice.name),
    at: f.moment(choice.createdAt),
    size: f.size(choice.sizeBytes),
    unverified: choice.state === 'unverified',
    safety: choice.safety === 1,
    others:
      search !== '' || others === 0
        ? null
        : {
            text: t('restore.choose.others', { count: others }),
            href: pageLink(choice.job ?? choice.app ?? choice.name, 0),
          },
    href: restorePath(choice.name),
  }
}

function pageLink(search: string, page: number): string {
  const query = new URLSearchParams(search === '' ? {} : { q: search })
  if (page > 0) query.set('page', String(page))
  return query.size === 0 ? '/restore' : `/restore?${query.toString()}`
}

/** Where the options of an archive's restore are. */
export function restorePath(archive: string): string {
  return `/restore/${encodeURIComponent(archive)}`
}
