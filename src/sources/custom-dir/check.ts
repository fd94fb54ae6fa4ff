// Looks at the machine: can this directory be backed up now?
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { FieldError, FieldErrorCode } from '../../domain/problem.ts'
import { errorCode } from '../../sys/files.ts'
import type { Places } from '../source.ts'
import { patternError } from './excludes.ts'
import { sourcePath, type SourcePath } from './paths.ts'
import type { Settings } from './settings.ts'
import { walkSource } from './walk-source.ts'

const field = 'config.source_path'

/** Wrong settings by field; empty when a backup could run now. Rejects only with the signal's reason. */
export async function check(
  settings: Settings,
  io: { readonly places: Places; readonly signal: AbortSignal },
): Promise<readonly FieldError[]> {
  const errors: FieldError[] = []
  settings.excludes.forEach((pattern, i) => {
    const code = patternError(pattern)
    if (code) errors.push({ field: `config.excludes.${i}`, code, facts: { value: pattern } })
  })
  const source = sourcePath(settings.source_path)
  const code = source ? placeError(settings, source, io.places) : 'path_not_absolute'
  if (code) errors.push({ field, code, facts: { path: settings.source_path } })
  if (!source || errors.length > 0) return errors
  return (await leavesNothing(settings, source, io))
    ? [{ field: 'config.excludes', code: 'excludes_everything' }]
    : []
}

function placeError(settings: Settings, source: SourcePath, places: Places): FieldErrorCode | null {
  if (/\p{Cc}/u.test(settings.source_path)) return 'control_characters'
  let real: string
  try {
    if (!statSync(source.shown).isDirectory()) return 'path_not_directory'
    accessSync(source.shown, constants.R_OK | constants.X_OK)
    real = realpathSync(source.shown)
  } catch (error) {
    return pathErrorOf(error)
  }
  const archives = realOf(places.archivesDir)
  const data = realOf(places.dataDir)
  if (isInside(archives, real)) return 'path_contains_archives'
  if (isInside(real, archives)) return 'path_inside_archives'
  if (isInside(data, real)) return 'path_contains_data'
  if (isInside(real, data)) return 'path_inside_data'
  return null
}

function pathErrorOf(error: unknown): FieldErrorCode {
  const code = errorCode(error)
  if (code === 'ENOENT' || code === 'ENAMETOOLONG') return 'path_missing'
  return code === 'ENOTDIR' ? 'path_not_directory' : 'path_unreadable'
}

/** A directory that is not there yet has no links to follow. */
function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

/** True when there are files, and the excludes leave none of them. Ends at the first file that is left. */
async function leavesNothing(
  settings: Settings,
  source: SourcePath,
  io: { readonly places: Places; readonly signal: AbortSignal },
): Promise<boolean> {
  if (settings.excludes.length === 0) return false
  const totals = await walkSource(settings, source, io, {
    onEntry: (_, isDirectory) => isDirectory,
  })
  return totals.files === 0 && totals.excluded > 0
}
