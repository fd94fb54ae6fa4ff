// Rows of `archives` to the domain's Archive, and what a catalogue entry is made from.
import { sql, type Selectable } from 'kysely'
import { z } from 'zod'
import type { Archive, ArchiveOrigin, ArchiveState } from '../domain/archive.ts'
import type { ReadJson } from './json.ts'
import type { ArchivesTable } from './schema.ts'

/** What is known of an archive that was just found or just made. */
export interface ArchiveEntry {
  readonly name: string
  readonly file: string
  readonly fingerprint: string
  readonly type: string | null
  readonly app: string | null
  readonly instanceName: string | null
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly sizeBytes: number
  readonly sha256: string | null
  readonly origin: ArchiveOrigin
  readonly jobId: number | null
  readonly jobUid: string | null
  readonly info: Readonly<Record<string, unknown>>
  readonly backupInfo: Readonly<Record<string, unknown>> | null
  /** Given by whoever made or received it. Absent: found in the directory, so the database may know it better. */
  readonly state?: ArchiveState
  readonly stateDetail?: string | null
  /** Epoch milliseconds. */
  readonly verifiedAt?: number | null
}

/** In the directory and not on its way out: what lists, totals and retention speak of. */
export const present = sql<boolean>`deleting = 0 AND missing_at IS NULL`

const record = z.record(z.string(), z.unknown())

export function toArchive(row: Selectable<ArchivesTable>, json: ReadJson): Archive {
  return {
    name: row.name,
    file: row.file,
    type: row.type,
    app: row.app,
    instanceName: row.instance_name,
    createdAt: row.created_at,
    sizeBytes: row.size_bytes,
    sha256: row.sha256,
    state: row.state,
    stateDetail: row.state_detail,
    origin: row.origin,
    pinned: row.pinned === 1,
    pinnedUntil: row.pinned_until,
    jobId: row.job_id,
    verifiedAt: row.verified_at,
    info: json('info_json', row.info_json, record, {}),
    backupInfo:
      row.backup_info_json === null
        ? null
        : json<Archive['backupInfo']>('backup_info_json', row.backup_info_json, record, null),
  }
}
