// The settings that an archive's own description remembers. Pure.
import type { Described } from '../../source.ts'

const keys = ['source_path', 'excludes', 'one_file_system', 'restore'] as const

/** Null when the description is not of a directory. What is in it is not checked. */
export function recall({ backupInfo }: Described): Readonly<Record<string, unknown>> | null {
  if (backupInfo?.['type'] !== 'custom_dir' || typeof backupInfo['source_path'] !== 'string') return null
  return Object.fromEntries(keys.filter((key) => key in backupInfo).map((key) => [key, backupInfo[key]]))
}
