// Reads the recipe that an archive carries. Whoever made the archive may have written anything: every value is checked as
// if an admin had typed it. Pure.
import { customPart, recipeFolder } from '../../archive/format.ts'
import { restoreSettingsSchema, type RestoreSettings } from './settings.ts'
import { unitName, unitPath } from './units.ts'

/** What a restore is to make beside the files. */
export interface SavedRecipe {
  readonly user: SavedUser | null
  readonly service: SavedService | null
  /** `user`, `user:group`, by names or numbers. */
  readonly owner: string | null
  readonly mode: string | null
  readonly ports: readonly number[]
  readonly commands: readonly string[]
}

export interface SavedUser {
  readonly name: string
  /** Null: the archive does not know it. */
  readonly uid: number | null
  readonly gecos: string
  /** Empty: whatever is usual here. */
  readonly home: string
  readonly shell: string
  /** The primary group; named like the user when the archive does not know better. */
  readonly group: { readonly name: string; readonly gid: number | null }
  readonly groups: readonly string[]
}

export interface SavedService {
  /** With its suffix. */
  readonly name: string
  readonly unitPath: string
  /** Null: not in the archive. */
  readonly unit: string | null
  /** Started at boot; null: the archive does not say. */
  readonly enabled: boolean | null
}

/** The recipe, or what is wrong with it, in English. */
export type RecipeRead =
  | { readonly ok: true; readonly recipe: SavedRecipe }
  | { readonly ok: false; readonly why: string }

/** Folder of the recipe in the tar. */
export const recipeAt = `${customPart.folder}/${recipeFolder}`
const single = [
  'format',
  'source',
  'user',
  'group',
  'groups',
  'service',
  'unit',
  'unit-path',
  'unit-enabled',
  'owner',
  'mode',
  'ports',
]
const singleNames = new Set(single.map((name) => `${recipeAt}/${name}`))
const commandName = new RegExp(`^${recipeAt.replaceAll('.', '\\.')}/commands/\\d{3}$`)
const nothing: SavedRecipe = { user: null, service: null, owner: null, mode: null, ports: [], commands: [] }

/** Whether a member is a file of the recipe. */
export function isRecipeFile(member: string): boolean {
  return singleNames.has(member) || commandName.test(member)
}

/** A fact of one line; null when the archive does not have it. `files` by their members' names. */
export function recipeLine(files: ReadonlyMap<string, Buffer>, name: string): string | null {
  const data = files.get(`${recipeAt}/${name}`)
  return data === undefined ? null : data.toString('utf8').replace(/\n$/, '')
}

/** The recipe of an archive that has a recipe folder. */
export function readRecipe(files: ReadonlyMap<string, Buffer>): RecipeRead {
  const text = (name: string): string | null => recipeLine(files, name)
  const list = (name: string): string[] => text(name)?.split('\n') ?? []
  const user = text('user')?.split(':') ?? null
  const [userName = '', , uid = '', , gecos = '', home = '', shell = ''] = user ?? []
  if (user && (user.length !== 7 || !isIdOrEmpty(uid) || hasControl(gecos))) return wrong('user')
  const [groupName = userName, , gid = ''] = text('group')?.split(':') ?? []
  if (!isName(groupName) && user) return wrong('group')
  if (!isIdOrEmpty(gid)) return wrong('group')
  const groups = list('groups')
  if (!groups.every(isName)) return wrong('groups')
  const service = text('service')
  if (service !== null && (unitName(service) !== service || text('unit-path') !== unitPath(service)))
    return wrong('service')
  const commands = [...files.keys()].filter((name) => commandName.test(name)).toSorted()

  const told = restoreSettingsSchema.safeParse({
    ...(user && {
      system_user: { name: userName, ...(home !== '' && { home }), ...(shell !== '' && { shell }) },
    }),
    ...(service !== null && { systemd_service: { name: service } }),
    permissions: { owner: text('owner') ?? undefined, mode: text('mode') ?? undefined },
    firewall_ports: list('ports').map(Number),
    post_restore_commands: commands.map((name) => recipeLine(files, name.slice(recipeAt.length + 1))),
  })
  if (!told.success) return wrong(told.error.issues.map((issue) => issue.path.join('.')).join(', '))
  const plain = fromSettings(told.data)
  return {
    ok: true,
    recipe: {
      ...plain,
      user: plain.user && {
        ...plain.user,
        uid: id(uid),
        gecos,
        group: { name: groupName, gid: id(gid) },
        groups,
      },
      service: plain.service && {
        ...plain.service,
        unit: files.get(`${recipeAt}/unit`)?.toString('utf8') ?? null,
        enabled: text('unit-enabled') === null ? null : text('unit-enabled') === 'yes',
      },
    },
  }
}

/** The recipe of an archive of format 1, which has it in its description only: what the job said. */
export function readOldRecipe(restore: unknown, unit: string | null): RecipeRead {
  if (restore === undefined || restore === null) return { ok: true, recipe: nothing }
  const told = restoreSettingsSchema.safeParse(restore)
  if (!told.success) return wrong(told.error.issues.map((issue) => issue.path.join('.')).join(', '))
  const recipe = fromSettings(told.data)
  return { ok: true, recipe: { ...recipe, service: recipe.service && { ...recipe.service, unit } } }
}

/** Whether there is anything to do beside the files. */
export function isEmptyRecipe(recipe: SavedRecipe): boolean {
  const { user, service, owner, mode, ports, commands } = recipe
  return !user && !service && owner === null && mode === null && ports.length === 0 && commands.length === 0
}

function fromSettings(restore: RestoreSettings): SavedRecipe {
  const { system_user: user, systemd_service: service, permissions } = restore
  return {
    user: user
      ? {
          name: user.name,
          uid: null,
          gecos: '',
          home: user.home ?? '',
          shell: user.shell ?? '',
          group: { name: user.name, gid: null },
          groups: [],
        }
      : null,
    service: service
      ? {
          name: unitName(service.name),
          unitPath: unitPath(unitName(service.name)),
          unit: null,
          enabled: null,
        }
      : null,
    owner: permissions?.owner ?? null,
    mode: permissions?.mode ?? null,
    ports: restore.firewall_ports ?? [],
    commands: restore.post_restore_commands ?? [],
  }
}

function wrong(where: string): RecipeRead {
  return { ok: false, why: `recipe: ${where}` }
}

function isName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\$?$/.test(name)
}

function isIdOrEmpty(text: string): boolean {
  return /^\d{0,10}$/.test(text)
}

function id(text: string): number | null {
  return text === '' ? null : Number(text)
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text)
}
