// The recipe as it travels in the archive: one fact per file (doc/archive-format.md), for the restore hook as for us. Pure.
import type { Recipe } from '../../archive/lead.ts'
import { formatVersion } from '../../archive/format.ts'
import type { RestoreSettings } from './settings.ts'
import { unitName, unitPath } from './units.ts'

/** What this machine knows about what the recipe names. */
export interface RecipeFacts {
  /** Fields of the user's passwd line, null when there is no such user. */
  readonly user: {
    readonly uid: number
    readonly gid: number
    readonly gecos: string
    readonly home: string
    readonly shell: string
  } | null
  /** The user's primary group. */
  readonly group: { readonly name: string; readonly gid: number } | null
  readonly groups: readonly string[]
  /** Text of the service's unit file. */
  readonly unit: string | null
  readonly enabled: boolean
}

/** The recipe's files. What nobody knows is left empty (numbers of a user that does not exist) or has no file. */
export function recipeFiles(
  source: string,
  restore: RestoreSettings | undefined,
  facts: RecipeFacts,
): Recipe {
  const files: Record<string, string> = { format: line(formatVersion), source: line(source) }
  const { system_user: user, systemd_service: service, permissions } = restore ?? {}
  if (user) {
    const known = facts.user
    const home = user.home ?? absolute(known?.home)
    const shell = user.shell ?? absolute(known?.shell)
    files['user'] = line(
      [user.name, 'x', known?.uid ?? '', known?.gid ?? '', known?.gecos ?? '', home, shell].join(':'),
    )
    if (facts.group) files['group'] = line(`${facts.group.name}:x:${facts.group.gid}:`)
    if (facts.groups.length > 0) files['groups'] = lines(facts.groups)
  }
  if (service) {
    const unit = unitName(service.name)
    files['service'] = line(unit)
    if (facts.unit !== null) files['unit'] = facts.unit
    files['unit-path'] = line(unitPath(unit))
    files['unit-enabled'] = line(facts.enabled ? 'yes' : 'no')
  }
  if (permissions?.owner !== undefined) files['owner'] = line(permissions.owner)
  if (permissions?.mode !== undefined) files['mode'] = line(permissions.mode)
  const ports = restore?.firewall_ports ?? []
  if (ports.length > 0) files['ports'] = lines(ports)
  restore?.post_restore_commands?.forEach((command, i) => {
    files[`commands/${String(i + 1).padStart(3, '0')}`] = line(command)
  })
  return files
}

/** What a restore would accept; accounts may have anything there. */
function absolute(path: string | undefined): string {
  return path !== undefined && /^\/[^\p{Cc}]*$/u.test(path) ? path : ''
}

function line(value: string | number): string {
  return `${value}\n`
}

function lines(values: readonly (string | number)[]): string {
  return values.map(line).join('')
}
