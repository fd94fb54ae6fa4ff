// What forms and checks want to know of the server: installed apps, version, admins, system parts.
import { readdir } from 'node:fs/promises'
import { extname } from 'node:path'
import { z } from 'zod'
import type { InstalledApp, SourceOffers, VerbArgs, YunohostFacts } from '../../domain/helper-protocol.ts'
import { isProblem } from '../../domain/problem.ts'
import { asProblem } from '../../sys/failure.ts'
import { errorCode } from '../../sys/files.ts'
import { readYunohost, type YunohostIo } from './command.ts'

/** Where an admin's own backup hooks are; each is a system part of that name. */
export const customHooksDir = '/etc/yunohost/hooks.d/backup'

/** The parts of YunoHost 12.1, in the order in which it runs them. */
export const stockParts = [
  'conf_ldap',
  'data_home',
  'data_multimedia',
  'conf_ynh_settings',
  'conf_ynh_certs',
  'data_mail',
  'conf_manually_modified_files',
] as const

/** YunoHost's own rule for the id of an installed app; `__2` is the second installation. */
export const appIdPattern = /^(?=.{2,60}$)[a-z0-9]((_|-)?[a-z0-9])+(__\d+)?$/

/** A part's name as it may stand on a command line; never taken for an option. */
export const partPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/

const text = z.string().nullish()
const appList = z.object({
  apps: z.array(z.object({ id: z.string(), name: text, description: text, version: text })),
})
const versions = z.object({ yunohost: z.object({ version: z.string() }) })
const groups = z.object({ groups: z.object({ admins: z.object({ members: z.array(z.string()) }) }) })

/** Answers the helper's verb `yunohost.facts`. Only `versions` answers (with null) where there is no YunoHost. */
export async function yunohostFacts(
  what: VerbArgs['yunohost.facts']['what'],
  io: YunohostIo,
  hooksDir = customHooksDir,
): Promise<YunohostFacts> {
  const answers: Record<typeof what, () => Promise<YunohostFacts>> = {
    apps: async () => ({ apps: await installedApps(io) }),
    versions: async () => ({ version: await installedVersion(io) }),
    admins: async () => ({ admins: await adminNames(io) }),
    parts: async () => ({ parts: await systemParts(hooksDir) }),
  }
  return answers[what]()
}

/** Members of YunoHost's group `admins`. */
export async function adminNames(io: YunohostIo): Promise<string[]> {
  return (await readYunohost(io, ['user', 'group', 'list'], groups)).groups.admins.members
}

/** Installed apps in YunoHost's order. The plain list: `--full` would bring the apps' secrets along. */
export async function installedApps(io: YunohostIo): Promise<InstalledApp[]> {
  const { apps } = await readYunohost(io, ['app', 'list'], appList)
  return apps.map((app) => ({
    id: app.id,
    name: app.name ?? app.id,
    description: app.description ?? '',
    version: app.version ?? '',
  }))
}

/** YunoHost's version, null when the command is missing. */
export async function installedVersion(io: YunohostIo): Promise<string | null> {
  try {
    return (await readYunohost(io, ['tools', 'versions'], versions)).yunohost.version
  } catch (error) {
    if (isProblem(error, 'tool_missing')) return null
    throw error
  }
}

/** Whether a job of YunoHost can run here; apps and parts come from {@link yunohostFacts}. */
export async function yunohostOffers(io: YunohostIo): Promise<SourceOffers> {
  const offers = { missingTool: null, databases: null, error: null }
  try {
    return (await installedVersion(io)) === null ? { ...offers, missingTool: 'yunohost' } : offers
  } catch (error) {
    if (io.signal.aborted) throw error
    return { ...offers, error: asProblem(error).message }
  }
}

/** Stock parts, then those of the admin's hooks. A folder that is not there holds none. */
export async function systemParts(hooksDir = customHooksDir): Promise<string[]> {
  let files: string[] = []
  try {
    files = await readdir(hooksDir)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
  const custom = files.filter((file) => !/^[._]|~$/.test(file)).map(partOfHook)
  return [...new Set([...stockParts, ...custom.filter((part) => partPattern.test(part)).toSorted()])]
}

/** `95-data_custom` is the part `data_custom`; a name without a priority is the part itself; extensions are cut. */
function partOfHook(file: string): string {
  const dash = file.indexOf('-')
  const name = dash === -1 ? file : file.slice(dash + 1)
  return name.slice(0, name.length - extname(name).length)
}
