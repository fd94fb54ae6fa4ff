// The archives of another instance that we may see, a page at a time. Pure.
import type { WireArchive } from '../../../domain/api/archives.ts'
import type { Moment } from '../../i18n.ts'
import { visibleName } from '../../visible-name.ts'
import { archivePath, type Badge } from '../archives/state.ts'
import { typeName } from '../jobs/what.ts'
import type { Words } from './instance-view.ts'
import type { PeerView } from './peer-view.ts'

export interface ArchiveThere {
  readonly name: string
  readonly what: string
  readonly type: string
  readonly of: string
  readonly at: Moment
  readonly size: string
  readonly badge: Badge
  /** Its page here, when it is here too; empty otherwise. */
  readonly hereHref: string
  readonly restoreHref: string
}

export interface ArchivesThereView {
  readonly peer: PeerView
  /** Null: it could not be asked. */
  readonly rows: readonly ArchiveThere[] | null
  readonly search: string
  readonly next: string
  /** Not the first page. */
  readonly later: boolean
}

/** The page. `here`: names that this instance has too. */
export function archivesThereView(
  peer: PeerView,
  list: { readonly items: readonly WireArchive[]; readonly nextCursor: string | null } | null,
  here: ReadonlySet<string>,
  query: { readonly q: string; readonly cursor: string },
  { t, f }: Words,
): ArchivesThereView {
  const more = new URLSearchParams({ ...(query.q !== '' && { q: query.q }), cursor: list?.nextCursor ?? '' })
  return {
    peer,
    rows:
      list?.items.map((archive) => ({
        name: archive.name,
        what: visibleName(archive.app ?? t('archives.what.unknown')),
        type: archive.type === null ? '' : typeName(archive.type, t),
        of: archive.instance_name ?? '',
        at: f.moment(Date.parse(archive.created_at)),
        size: f.size(archive.size_bytes),
        badge: {
          state: archive.state === 'ok' ? 'ok' : archive.state === 'corrupted' ? 'failed' : 'never',
          label: t(`archives.state.${archive.state}`),
        },
        hereHref: here.has(archive.name) ? archivePath(archive.name) : '',
        restoreHref: `/network/restore?${new URLSearchParams({ archive: archive.name, peer: String(peer.id) }).toString()}`,
      })) ?? null,
    search: query.q,
    next: list?.nextCursor == null ? '' : `/network/${peer.id}/archives?${more.toString()}`,
    later: query.cursor !== '',
  }
}
