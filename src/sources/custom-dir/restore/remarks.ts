// What an admin should know before a directory is restored. Pure.
import type { PlanRemark } from '../../../domain/restore.ts'
import { isEmptyRecipe, type SavedRecipe } from '../recipe-read.ts'
import { wantsRecipe, type RecipeWork, type Seen, type Way } from './seen.ts'
import type { Here } from './here.ts'

const namedMost = 20

/** In the order of the steps that they are about. */
export function remarksOf(seen: Seen, way: Way, work: RecipeWork): PlanRemark[] {
  const { saved, target, here, options } = seen
  if (!target || !here) return []
  const { payload } = saved
  const remarks: PlanRemark[] = []
  const add = (code: PlanRemark['code'], facts: PlanRemark['facts'] = {}): void =>
    void remarks.push({ code, facts })

  const recipe = saved.recipe.ok && !isEmptyRecipe(saved.recipe.recipe) ? saved.recipe.recipe : null
  const wanted = recipe !== null && wantsRecipe(options, saved, target.shown)
  const unknown = unknownOwners(seen, wanted ? recipe : null)
  if (target.kind === 'absent' || target.kind === 'empty') add('nothing_to_replace', { path: target.shown })
  if (way === 'entries') add('mount_point', { path: target.shown })
  if (way === 'entries' && target.lostAndFound) add('kept_as_found', { path: `${target.shown}/lost+found` })
  if (way === 'paths') add('paths_only', { number: saved.selection?.chosen?.length })
  if (unknown.length > 0) add('owner_by_number', { owner: named(unknown), number: unknown.length })
  if (payload.devices > 0 && options.devices === true) add('devices', { number: payload.devices })
  if (recipe && !wanted) add('recipe_skipped')
  if (recipe && wanted) {
    if (target.shown !== saved.source?.shown) add('recipe_other_target', { path: saved.source?.shown })
    userRemarks(recipe, here, add)
    serviceRemarks(recipe, here, work, add)
    if (recipe.ports.length > 0 && here.openPorts === null)
      add('ports_skipped', { ports: recipe.ports.join(', ') })
    if (recipe.commands.length > 0) add('commands_not_undone', { count: recipe.commands.length })
  }
  return remarks
}

type Add = (code: PlanRemark['code'], facts?: PlanRemark['facts']) => void

function userRemarks(recipe: SavedRecipe, { names }: Here, add: Add): void {
  const { user } = recipe
  if (!user) return
  const known = names.users.get(user.name)
  const gid = names.groups.get(user.group.name)
  const uidDiffers = user.uid !== null && (known ? known.uid !== user.uid : names.uidTaken)
  const gidDiffers = user.group.gid !== null && (gid === undefined ? names.gidTaken : gid !== user.group.gid)
  if (uidDiffers || gidDiffers) add('ids_differ', { user: user.name })
  const differs = (saved: string, here: string): boolean => saved !== '' && saved !== here
  if (known && (differs(user.home, known.home) || differs(user.shell, known.shell))) {
    add('user_exists', { user: user.name })
  }
}

function serviceRemarks(recipe: SavedRecipe, { service }: Here, work: RecipeWork, add: Add): void {
  if (!recipe.service || service?.systemd !== true) return
  const facts = { service: recipe.service.name }
  if (work.service === null) add('service_unknown', facts)
  if (work.service !== null && work.service.unit !== null && service.unit !== null)
    add('service_exists', facts)
  if (work.service?.stop === true) add('services_stopped', { services: recipe.service.name })
}

/** Owners and groups of the files that have no name here, and get none. */
function unknownOwners({ saved, here }: Seen, recipe: SavedRecipe | null): string[] {
  const { owners, groups } = saved.payload
  const made = recipe?.user
  const users = [...owners].filter((name) => here?.names.users.has(name) === false && made?.name !== name)
  const others = [...groups].filter(
    (name) => here?.names.groups.has(name) === false && made?.group.name !== name,
  )
  return [...new Set([...users, ...others])].toSorted()
}

function named(names: readonly string[]): string {
  return names.length <= namedMost ? names.join(', ') : `${names.slice(0, namedMost).join(', ')}, …`
}
