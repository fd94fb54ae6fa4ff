// Why a restore of a directory is refused, by the option or field that must change. Pure.
import { formatVersion } from '../../../archive/format.ts'
import type { FieldError, FieldErrorCode } from '../../../domain/problem.ts'
import { sourcePath } from '../paths.ts'
import { wantsRecipe, type Seen } from './seen.ts'
import { stagedInside, stagingFolder } from './places.ts'
import { isRelative, raw, shown } from './selection.ts'

/** Paths that are named one by one; a list of thousands helps nobody. */
const namedMost = 20

/** What a running system cannot be without, not even for the moment of an exchange. */
const ofSystem =
  /^\/(?:bin|boot|etc|home|lib|lib32|lib64|libx32|root|run|sbin|tmp|usr|var|usr\/(?:bin|lib|lib\/[^/]+|local|sbin|share)|var\/(?:cache|lib|lib\/dpkg|log|mail|tmp))$/
/** What the kernel shows as files. */
const ofKernel = /^\/(?:dev|proc|sys)(?:\/|$)/

/** Everything that speaks against it; empty when it can be done. */
export function refusalsOf(seen: Seen): FieldError[] {
  const wrong = archiveRefusals(seen)
  // What a foreign or damaged archive seems to hold says nothing about the machine.
  if (wrong.length > 0) return wrong
  const place = targetRefusals(seen)
  // The room in a place that it must not go to does not matter.
  const room = place.length === 0 ? roomRefusals(seen) : []
  return [...place, ...pathRefusals(seen), ...contentRefusals(seen), ...room, ...recipeRefusals(seen)]
}

/** Room that a restore needs: what it unpacks, and what the file system itself takes for it. */
export function neededBytes(payload: { readonly needed: number }): number {
  return payload.needed + Math.max(1024 * 1024, Math.ceil(payload.needed * 0.05))
}

/** Wrong target, known without looking at the machine; null when it can be looked at. */
export function targetPathError(given: string | undefined): FieldError | null {
  if (given === undefined) return null
  const error = (code: FieldErrorCode): FieldError => ({ field: 'target_path', code, facts: { path: given } })
  if (/\p{Cc}/u.test(given)) return error('control_characters')
  const target = sourcePath(given)
  if (target === null) return error('path_not_absolute')
  return target.root === '' ? error('path_contains_archives') : null
}

function archiveRefusals({ saved, archive, options }: Seen): FieldError[] {
  const refuse = (code: FieldErrorCode, facts: FieldError['facts'] = {}): FieldError[] => [
    { field: 'archive', code, facts: { archive, ...facts } },
  ]
  if (saved.format > formatVersion) return refuse('archive_newer', { format: saved.format })
  if (saved.unsafe) return refuse('archive_unsafe', { path: saved.unsafe.member, why: saved.unsafe.why })
  if (saved.damage !== '') return refuse('archive_damaged', { detail: saved.damage })
  // The files are worth more than a recipe that nobody can read: without it they can be had.
  if (!saved.recipe.ok && options.recipe !== false)
    return refuse('archive_damaged', { detail: saved.recipe.why })
  const { source, payload } = saved
  if (source === null || !payload.directories.has(source.root)) {
    return refuse('archive_damaged', { detail: `it does not hold ${source?.shown ?? 'a directory'}` })
  }
  return []
}

function targetRefusals({ options, target }: Seen): FieldError[] {
  const field = options.target_path === undefined ? 'archive' : 'target_path'
  const wrong = targetPathError(options.target_path)
  if (wrong) return [wrong]
  if (target === null) return []
  const path = target.shown
  const refuse = (code: FieldErrorCode, at = path): FieldError => ({ field, code, facts: { path: at } })
  if (target.near) return [refuse(target.near)]
  if (target.kind === 'link') return [refuse('path_is_link')]
  if (target.kind === 'other' || target.baseIsFile) return [refuse('path_not_directory')]
  if (ofKernel.test(target.path)) return [refuse('name_reserved')]
  if (isOfSystem(target.path) && target.kind === 'directory' && options.paths === undefined)
    return [refuse('name_reserved')]
  if (target.unwritable !== null) return [refuse('path_not_writable')]
  // A directory that nobody has made may be a slip of the pen; what was saved had its parents.
  if (options.target_path !== undefined && target.missing.length > 0) return [refuse('path_parent_missing')]
  const [mounted] = target.mountsBelow
  if (mounted !== undefined && options.paths === undefined) return [refuse('path_has_mounts', mounted)]
  if (stagingFolder(stagedInside(null, target), target) === null) return [refuse('path_not_safe')]
  return []
}

function pathRefusals({ options, saved, target }: Seen): FieldError[] {
  const refuse = (path: string, code: FieldErrorCode): FieldError => ({
    field: 'paths',
    code,
    facts: { path },
  })
  const asked = options.paths ?? []
  const missing = asked
    .filter((path) => !isRelative(path) || !saved.payload.found.has(raw(path)))
    .map((path) => refuse(path, 'path_not_in_archive'))
  const blocked = (target?.chosen ?? []).flatMap(({ path, blocked }) =>
    blocked ? [refuse(shown(path), blocked)] : [],
  )
  return [...missing, ...blocked].slice(0, namedMost)
}

function contentRefusals({ options, saved, here }: Seen): FieldError[] {
  const { payload } = saved
  const errors: FieldError[] = []
  if (payload.devices > 0 && options.devices !== true) {
    const facts = { path: payload.firstDevice, number: payload.devices }
    errors.push({ field: 'devices', code: 'device_in_archive', facts })
  }
  for (const tool of here?.missingTools ?? []) {
    errors.push({ field: tool === 'GNU tar' ? 'archive' : 'recipe', code: 'tool_missing', facts: { tool } })
  }
  return errors
}

function roomRefusals({ options, saved, target }: Seen): FieldError[] {
  if (target === null || target.freeBytes === null) return []
  // A file of holes takes no room, but no file can be larger than what it lies on.
  const tooLarge = target.totalBytes !== null && saved.payload.largest > target.totalBytes
  const needed = tooLarge ? saved.payload.largest : neededBytes(saved.payload)
  if (needed <= target.freeBytes) return []
  const field = options.target_path === undefined ? 'archive' : 'target_path'
  return [{ field, code: 'no_space', facts: { path: target.shown, needed, free: target.freeBytes } }]
}

function recipeRefusals({ options, saved, target, here }: Seen): FieldError[] {
  if (!saved.recipe.ok || !target || !here || !wantsRecipe(options, saved, target.shown)) return []
  const { owner, user } = saved.recipe.recipe
  if (owner === null) return []
  const [name = '', group = ''] = owner.split(':')
  const isNumber = (text: string): boolean => /^\d+$/.test(text)
  const knownUser = isNumber(name) || here.names.users.has(name) || user?.name === name
  const knownGroup =
    group === '' || isNumber(group) || here.names.groups.has(group) || user?.group.name === group
  if (knownUser && knownGroup) return []
  return [
    {
      field: 'config.restore.permissions.owner',
      code: 'owner_unknown',
      facts: { owner: knownUser ? group : name },
    },
  ]
}

function isOfSystem(path: string): boolean {
  return ofSystem.test(path) || ofKernel.test(path)
}
