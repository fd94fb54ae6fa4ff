// Looks at the machine: can this directory be backed up now?
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { recipeFolder } from '../../archive/format.ts'
import type { FieldError, FieldErrorCode } from '../../domain/problem.ts'
import { errorCode } from '../../sys/files.ts'
import type { Places } from '../source.ts'
import { patternError } from './excludes.ts'
import { nearOurs } from './our-places.ts'
import { sourcePath, type SourcePath } from './paths.ts'
import { recipeErrors } from './recipe-facts.ts'
import type { Settings } from './settings.ts'
import { walkSource } from './walk-source.ts'

const field = 'config.source_path'
const reserved = `/${recipeFolder}`

/** Wrong settings by field; empty when all of them can be used now. Rejects only with the signal's reason. */
export async function check(
  settings: Settings,
  io: { readonly places: Places; readonly signal: AbortSignal },
): Promise<readonly FieldError[]> {
  return [...(await checkTree(settings, io)), ...recipeErrors(settings, io.places)]
}

/** The same without the recipe for the restore: a backup of the files is made whatever became of that. */
export async function checkTree(
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
  // Its members would stand among those of the recipe.
  if (source.root === reserved || source.root.startsWith(`${reserved}/`)) return 'name_reserved'
  let real: string
  try {
    if (!statSync(source.shown).isDirectory()) return 'path_not_directory'
    accessSync(source.shown, constants.R_OK | constants.X_OK)
    real = realpathSync(source.shown)
  } catch (error) {
    return pathErrorOf(error)
  }
  return nearOurs(real, places)
}

function pathErrorOf(error: unknown): FieldErrorCode {
  const code = errorCode(error)
  if (code === 'ENOENT' || code === 'ENAMETOOLONG') return 'path_missing'
  return code === 'ENOTDIR' ? 'path_not_directory' : 'path_unreadable'
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
