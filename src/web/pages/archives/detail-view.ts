// What an archive's page shows: state, facts, descriptions and what can be done, in order of harmlessness.
import type { Formats, Moment, T } from '../../i18n.ts'
import type { ProblemText } from '../../problem-text.ts'
import { typeName } from '../jobs/what.ts'
import { backupInfoLines, type Line, parseObject, type Sidecar, sidecarOf } from './contents.ts'
import type { ArchiveRow } from './detail-query.ts'
import { shapes } from '../runs/state.ts'
import { archivePath, type Badge, stateOf } from './state.ts'

export interface ArchiveStateView {
  readonly badge: Badge
  readonly meaning: string
  /** Why it is damaged, as it was found; empty otherwise. */
  readonly detail: string
  readonly verified: Moment | null
  /** A verification that could not be carried out, not one that found damage. */
  readonly failure: ProblemText | null
}

export interface ArchiveView {
  readonly name: string
  readonly href: string
  readonly what: string
  readonly created: Moment
  readonly size: string
  readonly file: string
  readonly type: string
  readonly origin: string
  readonly instance: string
  readonly job: { readonly name: string; readonly href: string } | null
  readonly sha256: string
  readonly pinned: boolean
  /** When the pin ends by itself; empty when it does not. */
  readonly pinnedUntil: string
  /** Its file is there and stays: something can be done with it. */
  readonly usable: boolean
  readonly verifying: boolean
  readonly corrupted: boolean
  readonly sidecar: Sidecar | null
  readonly backupInfo: readonly Line[]
}

interface Words {
  readonly t: T
  readonly f: Formats
}

/** The part that changes while the page is open. */
export function stateView(
  row: ArchiveRow,
  verifying: readonly string[],
  failure: ProblemText | null,
  { t, f }: Words,
): ArchiveStateView {
  const { meaning, ...badge } = stateOf(row, verifying, t)
  return {
    badge,
    meaning: t(meaning),
    detail: row.state === 'corrupted' ? (row.state_detail ?? '') : '',
    verified: row.verified_at === null ? null : f.moment(row.verified_at),
    failure,
  }
}

/** The window's title: state first. */
export function archiveTitle({ badge }: ArchiveStateView, name: string): string {
  return `${shapes[badge.state]} ${name}`
}

/** The part that stays. */
export function archiveView(row: ArchiveRow, verifying: readonly string[], { t, f }: Words): ArchiveView {
  const info = parseObject(row.info_json)
  const backupInfo = parseObject(row.backup_info_json)
  return {
    name: row.name,
    href: archivePath(row.name),
    what: row.app ?? t('archives.what.unknown'),
    created: f.moment(row.created_at),
    size: f.size(row.size_bytes),
    file: row.file,
    type: row.type === null ? '' : typeName(row.type, t),
    origin: t(`archives.origin.${row.origin}`),
    instance: row.instance_name ?? '',
    job:
      row.job_id === null || row.job_name === null
        ? null
        : { name: row.job_name, href: `/jobs/${row.job_id}` },
    sha256: row.sha256 ?? '',
    pinned: row.pinned === 1,
    pinnedUntil: row.pinned_until === null ? '' : f.exact(row.pinned_until),
    usable: row.missing_at === null && row.deleting === 0,
    verifying: verifying.includes(row.name),
    corrupted: row.state === 'corrupted',
    sidecar: info === null || Object.keys(info).length === 0 ? null : sidecarOf(info, f),
    backupInfo: backupInfo === null ? [] : backupInfoLines(backupInfo, t),
  }
}
