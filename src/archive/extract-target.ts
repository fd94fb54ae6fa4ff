// Where an archive may be unpacked by hand: a folder that is new or empty, and nobody's business but the admin's.
import { lstatSync, readdirSync, realpathSync, statSync, type Stats } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { invalid, type FieldErrorCode } from '../domain/problem.ts'

export interface ExtractTarget {
  /** Absolute, with no symbolic link on its way. */
  readonly path: string
  /** Of the empty folder that is there already; null when there is none. */
  readonly stats: Stats | null
}

/** Looks without changing anything. `validation_failed` on the field `to`. */
export function extractTarget(
  to: string,
  places: { readonly archivesDir: string; readonly dataDir: string },
): ExtractTarget {
  const refuse = (code: FieldErrorCode) => invalid({ field: 'to', code, facts: { path: to } })
  if (!to.startsWith('/') || to.split('/').includes('..')) throw refuse('path_not_absolute')
  if (/\p{Cc}/u.test(to)) throw refuse('control_characters')
  const wanted = resolve(to)
  const parent = realOf(dirname(wanted))
  if (parent === null || !statSync(parent).isDirectory()) throw refuse('path_parent_missing')
  const path = join(parent, basename(wanted))
  const archives = realOf(places.archivesDir) ?? resolve(places.archivesDir)
  const data = realOf(places.dataDir) ?? resolve(places.dataDir)
  if (isInside(path, archives)) throw refuse('path_inside_archives')
  if (isInside(path, data)) throw refuse('path_inside_data')
  const stats = lstatSync(path, { throwIfNoEntry: false }) ?? null
  if (stats === null) return { path, stats }
  if (stats.isSymbolicLink()) throw refuse('path_is_link')
  if (!stats.isDirectory()) throw refuse('path_not_directory')
  if (readdirSync(path).length > 0) throw refuse('path_not_empty')
  // What is mounted cannot be exchanged for another folder.
  if (path === '/' || statSync(parent).dev !== stats.dev) throw refuse('path_is_mount_point')
  return { path, stats }
}

function realOf(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}

function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}
