// Decides what a restore of a directory does, from what was seen of archive and machine. Pure.
import type { FieldError } from '../../../domain/problem.ts'
import type { PlanRemark, PlannedStep, RestorePlan } from '../../../domain/restore.ts'
import { isEmptyRecipe, type SavedRecipe } from '../recipe-read.ts'
import type { Here } from './here.ts'
import { refusalsOf } from './refusals.ts'
import { remarksOf } from './remarks.ts'
import { wantsRecipe, type RecipeWork, type Seen, type Way } from './seen.ts'

export interface Decision {
  readonly plan: RestorePlan
  readonly way: Way
  readonly recipe: RecipeWork
}

/** What will be done, why not, and what to know about it. */
export function decide(seen: Seen): Decision {
  const { saved, target, options } = seen
  const way = wayOf(seen)
  const recipe = recipeWork(seen)
  const path = target?.shown ?? options.target_path ?? saved.source?.shown ?? '?'
  const replaces =
    way === 'paths' ? (target?.chosen.some(({ exists }) => exists) ?? false) : target?.kind === 'directory'
  const refusals: readonly FieldError[] = refusalsOf(seen)
  const warnings: readonly PlanRemark[] = refusals.some(({ field }) => field === 'archive')
    ? []
    : remarksOf(seen, way, recipe)
  const plan: RestorePlan = {
    archive: seen.archive,
    type: 'custom_dir',
    target: path,
    steps: stepsOf(seen, recipe, path, replaces),
    warnings,
    refusals,
    replaces,
    safety: replaces
      ? { type: 'custom_dir', settings: { source_path: path, excludes: [], one_file_system: true } }
      : null,
    bytes: saved.payload.stored,
    files: saved.payload.files,
  }
  return { plan, way, recipe }
}

function wayOf({ target, options }: Seen): Way {
  if (options.paths !== undefined) return 'paths'
  return target?.mountPoint === true && (target.kind === 'directory' || target.kind === 'empty')
    ? 'entries'
    : 'whole'
}

function recipeWork({ saved, here, target, options }: Seen): RecipeWork {
  const { recipe: read } = saved
  const nothing = { user: null, owner: null, mode: null, service: null, ports: [], commands: [] }
  if (
    !read.ok ||
    !here ||
    !target ||
    !wantsRecipe(options, saved, target.shown) ||
    isEmptyRecipe(read.recipe)
  )
    return nothing
  const { recipe } = read
  return {
    user: recipe.user && !here.names.users.has(recipe.user.name) ? recipe.user : null,
    owner: recipe.owner,
    // The mode is that of the directory itself, which stays as it is when only some paths are restored.
    mode: options.paths === undefined ? recipe.mode : null,
    service: serviceWork(recipe.service, here.service),
    ports:
      here.openPorts === null ? [] : recipe.ports.filter((port) => here.openPorts?.includes(port) === false),
    commands: recipe.commands,
  }
}

function serviceWork(saved: SavedRecipe['service'], here: Here['service']): RecipeWork['service'] {
  if (!saved || !here?.systemd || !(here.loaded || saved.unit !== null)) return null
  return {
    name: saved.name,
    unitPath: saved.unitPath,
    unit: saved.unit === here.unit ? null : saved.unit,
    enable: saved.enabled === true && !here.enabled,
    stop: here.active,
    // One that was not started at boot is started by something else: a timer, another unit, a person.
    start: here.active || saved.enabled !== false,
  }
}

function stepsOf(seen: Seen, recipe: RecipeWork, path: string, replaces: boolean): PlannedStep[] {
  const { payload } = seen.saved
  const { user, service, owner, mode, ports, commands } = recipe
  const former = seen.target?.formerBytes ?? undefined
  const steps: (PlannedStep | null)[] = [
    user && { code: 'create_user', facts: { user: user.name, uid: user.uid ?? undefined } },
    { code: 'extract_files', facts: { files: payload.files, bytes: payload.stored, path } },
    owner === null && mode === null
      ? null
      : { code: 'apply_permissions', facts: { path, owner: owner ?? undefined, mode: mode ?? undefined } },
    service?.stop ? { code: 'stop_service', facts: { service: service.name } } : null,
    { code: 'put_files_in_place', facts: { path, former: replaces ? former : undefined } },
    service && (service.unit !== null || service.enable)
      ? { code: 'install_service', facts: { service: service.name } }
      : null,
    ports.length > 0 ? { code: 'open_ports', facts: { ports: ports.join(', ') } } : null,
    service?.start ? { code: 'start_service', facts: { service: service.name } } : null,
    commands.length > 0 ? { code: 'run_commands', facts: { count: commands.length } } : null,
    replaces ? { code: 'remove_former', facts: { path } } : null,
  ]
  return steps.filter((step) => step !== null)
}
