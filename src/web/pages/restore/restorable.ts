// What can be said about an archive's restore from its row alone: which options its kind has, and where it came from.
import { isProblem } from '../../../domain/problem.ts'
import type { RestoreOption } from '../../../domain/restore.ts'
import { restorerOf } from '../../../engine/restore/plan.ts'
import type { AnySource } from '../../../sources/source.ts'
import { parseObject } from '../archives/contents.ts'
import type { ArchiveRow } from '../archives/detail-query.ts'

export interface Restorable {
  readonly name: string
  readonly type: string | null
  readonly options: ReadonlySet<RestoreOption>
  /** The directory that was saved, without a slash at its end; null when the archive is of none, or does not say. */
  readonly directory: string | null
  /** The database that was saved. */
  readonly database: string | null
  /** Apps and system parts in it, where one can choose among several; empty otherwise. */
  readonly targets: readonly string[]
  /** It needs a database server, which can be reached in another way than when it was saved. */
  readonly server: boolean
}

/** Looks at nothing but the row. A kind that is not known has no options: its plan says why. */
export function restorableOf(row: ArchiveRow, sources: readonly AnySource[]): Restorable {
  const info = parseObject(row.info_json) ?? {}
  const source = sourceOf(row.type, info, sources)
  const options = new Set(source?.restore.options ?? [])
  const remembered = source?.restore.recall({ info, backupInfo: parseObject(row.backup_info_json) }) ?? {}
  const targets = options.has('targets') ? [...keysOf(info['apps']), ...keysOf(info['system'])] : []
  return {
    name: row.name,
    type: row.type,
    options,
    directory: options.has('paths') ? (textOf(remembered['source_path'])?.replace(/\/+$/, '') ?? null) : null,
    database: options.has('target_database') ? textOf(remembered['database']) : null,
    targets: targets.length > 1 ? targets : [],
    server: options.has('target_database'),
  }
}

/** Where the saved directory lies inside the archive; null when it is an archive of none. */
export function memberBase({ directory }: Pick<Restorable, 'directory'>): string | null {
  return directory === null ? null : `data/custom${directory}`
}

/** Whether it can be held against a directory. */
export function isComparable(row: ArchiveRow, sources: readonly AnySource[]): boolean {
  return restorableOf(row, sources).directory !== null
}

function sourceOf(
  type: string | null,
  info: Readonly<Record<string, unknown>>,
  sources: readonly AnySource[],
) {
  try {
    return restorerOf({ sources }, { type, info })
  } catch (error) {
    if (isProblem(error, 'source_unknown')) return null
    throw error
  }
}

function keysOf(value: unknown): readonly string[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : []
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
