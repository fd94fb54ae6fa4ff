// Looks up on this machine what a job's recipe names: the user's passwd line, the service's unit file.
import type { Recipe } from '../../archive/lead.ts'
import type { FieldError } from '../../domain/problem.ts'
import type { RunWarning } from '../../domain/run.ts'
import type { Places } from '../source.ts'
import { readAccounts } from './accounts.ts'
import { recipeFiles, type RecipeFacts } from './recipe-files.ts'
import type { RestoreSettings, Settings } from './settings.ts'
import { installedUnit, isEnabled, readUnit, systemPath, unitName } from './units.ts'

/**
 * The recipe's files for an archive of `source`. A user or service that does not exist is recorded as far as the job
 * tells it, with a warning: the data must be saved all the same. Throws the system's error.
 */
export function lookUpRecipe(
  source: string,
  restore: RestoreSettings | undefined,
  places: Pick<Places, 'systemRoot'>,
): { readonly files: Recipe; readonly warnings: readonly RunWarning[] } {
  const facts = restore ? factsFor(restore, places.systemRoot) : nothing
  const warnings: RunWarning[] = []
  const { system_user: user, systemd_service: service } = restore ?? {}
  if (user && !facts.user) warnings.push({ code: 'recipe_user_missing', facts: { user: user.name } })
  if (service && facts.unit === null) {
    warnings.push({ code: 'recipe_service_missing', facts: { service: unitName(service.name) } })
  }
  return { files: recipeFiles(source, restore, facts), warnings }
}

/** The job's own unit file, if it names one, must be readable. */
export function recipeErrors(settings: Settings, places: Pick<Places, 'systemRoot'>): readonly FieldError[] {
  const path = settings.restore?.systemd_service?.service_file
  if (path === undefined || readUnit(systemPath(places.systemRoot, path)) !== null) return []
  return [{ field: 'config.restore.systemd_service.service_file', code: 'file_missing', facts: { path } }]
}

const nothing: RecipeFacts = { user: null, group: null, groups: [], unit: null, enabled: false }

function factsFor(restore: RestoreSettings, systemRoot: string): RecipeFacts {
  const { system_user: user, systemd_service: service } = restore
  const accounts = user ? readAccounts(systemRoot) : { users: [], groups: [] }
  const account = accounts.users.find(({ name }) => name === user?.name) ?? null
  const primary = accounts.groups.find(({ gid }) => gid === account?.gid) ?? null
  const others = accounts.groups.filter(
    ({ members, name }) => name !== primary?.name && members.includes(user?.name ?? ''),
  )
  const unit = service ? unitName(service.name) : ''
  return {
    user: account,
    group: primary,
    groups: account ? others.map(({ name }) => name) : [],
    unit: service ? unitText(service, unit, systemRoot) : null,
    enabled: service !== undefined && isEnabled(systemRoot, unit),
  }
}

function unitText(
  service: NonNullable<RestoreSettings['systemd_service']>,
  unit: string,
  systemRoot: string,
): string | null {
  const own =
    service.service_file === undefined ? null : readUnit(systemPath(systemRoot, service.service_file))
  return own ?? installedUnit(systemRoot, unit)
}
