// The directories that hold archives and this program's data: never backed up, never restored over.
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import type { FieldErrorCode } from '../../domain/problem.ts'
import type { Places } from '../source.ts'

/** Why a directory (its real path, without links) is too near to ours; null when it is not. */
export function nearOurs(
  real: string,
  places: Pick<Places, 'archivesDir' | 'dataDir'>,
): Extract<FieldErrorCode, `path_${string}`> | null {
  const archives = realOf(places.archivesDir)
  const data = realOf(places.dataDir)
  if (isInside(archives, real)) return 'path_contains_archives'
  if (isInside(real, archives)) return 'path_inside_archives'
  if (isInside(data, real)) return 'path_contains_data'
  if (isInside(real, data)) return 'path_inside_data'
  return null
}

/** Whether a path is that directory, or lies below it. Both without links and without a slash at their end. */
export function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

/** A directory that is not there yet has no links to follow. */
function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}
