// A page of an archive's contents in words: a directory, or what a search found. Pure.
import type { ContentsEntry, ContentsPage } from '../../../domain/contents.ts'
import { localIso } from '../../../domain/iso-time.ts'
import type { Formats, T } from '../../i18n.ts'
import { visibleName } from '../../visible-name.ts'
import { archivePath } from '../archives/state.ts'
import { pathOfKey } from '../restore/chosen-paths.ts'
import { restorePath } from '../restore/choose-view.ts'
import { memberBase, type Restorable } from '../restore/restorable.ts'
import { stepsTo } from './keys.ts'

/** Lines of a page: two hundred would make it heavier than a page may be. */
export const entriesPerPage = 100

export interface EntryRow {
  readonly name: string
  /** What it is, where its name does not say; empty for a file. */
  readonly kind: string
  /** Opens it; empty unless it is a directory. */
  readonly open: string
  readonly download: string
  /** For the box that chooses it; empty when it cannot be asked for by name. */
  readonly key: string
  readonly size: string
  /** Files below a directory; empty for anything else. */
  readonly files: string
  readonly changed: string
  readonly mode: string
  readonly owner: string
}

export interface ContentsView {
  readonly archive: string
  readonly archiveHref: string
  readonly crumbs: readonly { readonly name: string; readonly href: string }[]
  readonly search: string
  /** The address of the search form. */
  readonly action: string
  readonly here: string
  /** Null: not known yet, the index is being made. */
  readonly building: { readonly percent: number; readonly text: string } | null
  readonly summary: string
  readonly rows: readonly EntryRow[]
  readonly nothing: string
  readonly next: string
  readonly first: string
  readonly perPage: number
  /** Where ticked entries go; empty when nothing can be chosen. */
  readonly chooseAction: string
}

export interface Asked {
  /** Key of a directory; empty for the top. */
  readonly path: string
  readonly search: string
  readonly after: string
}

/** The page. Addresses of rows are relative to `/archives/NAME/contents`: a page has a hundred of them. */
export function contentsView(
  archive: Restorable,
  asked: Asked,
  page: ContentsPage,
  { t, f }: { readonly t: T; readonly f: Formats },
): ContentsView {
  const here = `${archivePath(archive.name)}/contents`
  const base = archive.options.has('paths') ? memberBase(archive) : null
  const ready = page.state === 'ready'
  const rows = ready ? page.entries.map((entry) => rowOf(entry, base, asked.search !== '', t, f)) : []
  return {
    archive: archive.name,
    archiveHref: archivePath(archive.name),
    crumbs: [{ name: t('contents.top'), href: `${here}?path=` }, ...crumbsOf(asked, here)],
    search: asked.search,
    action: here,
    here: `${here}?${queryOf(asked)}`,
    building: ready ? null : buildingOf(page, t, f),
    summary: ready ? t('contents.summary', { count: page.total, number: f.number(page.total) }) : '',
    rows,
    nothing:
      ready && rows.length === 0 ? t(asked.search === '' ? 'contents.empty' : 'contents.none_found') : '',
    next: ready && page.next !== null ? `${here}?${queryOf({ ...asked, after: page.next })}` : '',
    first: asked.after === '' ? '' : `${here}?${queryOf({ ...asked, after: '' })}`,
    perPage: entriesPerPage,
    chooseAction: rows.some((row) => row.key !== '') ? restorePath(archive.name) : '',
  }
}

function crumbsOf(asked: Asked, here: string) {
  if (asked.search !== '') return []
  return stepsTo(asked.path).map(({ name, key }) => ({
    name: visibleName(name),
    href: `${here}?path=${key}`,
  }))
}

function queryOf({ path, search, after }: Asked): string {
  const query = new URLSearchParams(search === '' ? { path } : { q: search })
  if (after !== '') query.set('after', after)
  return query.toString()
}

function rowOf(entry: ContentsEntry, base: string | null, found: boolean, t: T, f: Formats): EntryRow {
  const directory = entry.kind === 'directory'
  const name = visibleName(found ? pathBelow(entry.path, base) : entry.name)
  const link = entry.linkTarget === null ? '' : visibleName(entry.linkTarget)
  return {
    name: directory ? `${name}/` : name,
    kind: kindOf(entry, link, t),
    open: directory ? `?path=${entry.key}` : '',
    download: ['file', 'hardlink', 'directory'].includes(entry.kind)
      ? `contents/download?path=${entry.key}`
      : '',
    key: base !== null && pathOfKey(entry.key)?.startsWith(`${base}/`) === true ? entry.key : '',
    size: entry.kind === 'link' ? '' : f.size(entry.sizeBytes),
    files: directory ? f.number(entry.files) : '',
    changed: momentOf(entry.modifiedAt, f.timeZone),
    mode: entry.mode ?? '',
    owner: [entry.owner, entry.group]
      .filter((one) => one !== null)
      .map(visibleName)
      .join(':'),
  }
}

/** What was found is named by its path: below the saved folder when it lies there. */
function pathBelow(path: string, base: string | null): string {
  return base !== null && path.startsWith(`${base}/`) ? path.slice(base.length + 1) : path
}

/** To the minute, as file managers write it; an archive may claim any time, also one that no calendar has. */
function momentOf(ms: number | null, timeZone: string): string {
  if (ms === null || !(Math.abs(ms) < 8e15)) return ''
  return localIso(ms, timeZone).slice(0, 16).replace('T', ' ')
}

function kindOf({ kind }: ContentsEntry, link: string, t: T): string {
  if (kind === 'link') return t('contents.kind.link', { target: link })
  if (kind === 'hardlink') return link === '' ? '' : t('contents.kind.hardlink', { target: link })
  return kind === 'fifo' || kind === 'device' ? t(`contents.kind.${kind}`) : ''
}

function buildingOf(page: Extract<ContentsPage, { state: 'building' }>, t: T, f: Formats) {
  const percent = page.totalBytes > 0 ? Math.floor(Math.min(1, page.done / page.totalBytes) * 100) : 0
  const facts = {
    percent,
    done: f.size(page.done),
    total: f.size(page.totalBytes),
    number: f.number(page.members),
  }
  return { percent, text: t('contents.building.progress', facts) }
}
