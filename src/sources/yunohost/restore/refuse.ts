// Why a restore of an archive of YunoHost cannot be done as asked. Pure; everything that would fail half-way is said here.
import type { FieldError } from '../../../domain/problem.ts'
import { stockParts } from '../facts.ts'
import type { Chosen } from './decide.ts'
import type { RestoreSurvey } from './survey.ts'
import { judgeVersion } from './versions.ts'

/** YunoHost's own margin. */
const spaceMarginBytes = 104_857_600
/** Restoring ourselves would end us in the middle. */
const ourself = /^backupmanager(?:__\d+)?$/

/** Why nothing that the archive says can be relied on; null when it can be read. */
export function unreadable({ unsafe, damage, info }: RestoreSurvey['archived']): FieldError | null {
  if (unsafe !== null) {
    return { field: 'archive', code: 'archive_unsafe', facts: { path: unsafe.member, why: unsafe.why } }
  }
  if (damage !== '') return { field: 'archive', code: 'archive_truncated', facts: { detail: damage } }
  if (info === null) return damaged('info.json is missing or cannot be read')
  return info.odd === null ? null : damaged(`no app or part can be named ${JSON.stringify(info.odd)}`)
}

function damaged(detail: string): FieldError {
  return { field: 'archive', code: 'archive_damaged', facts: { detail } }
}

/** All of them, for an archive that is not {@link unreadable}; one that makes the rest meaningless stands alone. */
export function refusalsOf(survey: RestoreSurvey, chosen: Chosen): FieldError[] {
  const { archived, server } = survey
  if (server.version === null) return [{ field: 'archive', code: 'yunohost_missing' }]
  if (!survey.known)
    return [{ field: 'archive', code: 'archive_not_listed', facts: { archive: survey.archive } }]
  const refusals: FieldError[] = []
  const fromVersion = archived.info?.fromVersion ?? null
  const judged = judgeVersion(fromVersion)
  if (judged === 'not_understood')
    refusals.push(damaged('info.json does not say which YunoHost it comes from'))
  if (judged === 'too_old') {
    refusals.push({ field: 'archive', code: 'archive_too_old', facts: { archived: fromVersion ?? '' } })
  }
  for (const target of chosen.unknown) {
    refusals.push({ field: 'targets', code: 'target_not_in_archive', facts: { target } })
  }
  if (chosen.apps.length + chosen.parts.length === 0 && chosen.unknown.length === 0) {
    refusals.push(damaged('it holds neither apps nor system parts'))
  }
  return [
    ...refusals,
    ...partRefusals(survey, chosen),
    ...chosen.apps.flatMap((app) => appRefusals(app, survey, chosen)),
    ...togetherRefusals(chosen),
    ...spaceRefusals(survey, chosen),
  ]
}

/** A part is restored by a hook: the server's own, or one that the archive brings. */
function partRefusals({ archived, server }: RestoreSurvey, { parts }: Chosen): FieldError[] {
  const stock: readonly string[] = stockParts
  return parts
    .filter((part) => !stock.includes(part) && !server.restorable.has(part))
    .filter((part) => archived.parts.get(part)?.hasHook !== true)
    .map((part) => ({ field: 'targets', code: 'part_unknown', facts: { part } }))
}

function appRefusals(app: string, survey: RestoreSurvey, { parts }: Chosen): FieldError[] {
  if (ourself.test(app)) return [{ field: 'targets', code: 'name_reserved', facts: { target: app } }]
  const { archived, server, data } = survey
  const held = archived.apps.get(app)
  if (held?.settings == null || !held.hasScript) {
    // YunoHost would report this as a warning, after the installed app was removed.
    const detail = `the settings or the restore script of ${app} are not in it`
    return [{ field: 'archive', code: 'archive_damaged', facts: { detail } }]
  }
  const { domain, path } = held.settings
  const refusals: FieldError[] = []
  // Users and domains come back with that part.
  if (domain !== null && !server.domains.has(domain) && !parts.includes('conf_ldap')) {
    refusals.push({ field: 'archive', code: 'domain_missing', facts: { app, domain } })
  }
  for (const [other, { address }] of server.installed) {
    if (
      other !== app &&
      domain !== null &&
      path !== null &&
      address !== null &&
      clash(`${domain}${path}`, address)
    ) {
      refusals.push({ field: 'archive', code: 'url_taken', facts: { app: other, url: address } })
    }
  }
  const mount = data.get(app)?.mount ?? null
  if (mount !== null)
    refusals.push({ field: 'archive', code: 'data_is_mount_point', facts: { app, path: mount } })
  return refusals
}

/** YunoHost's rule: the same address, or one of both takes the whole domain. */
function clash(one: string, other: string): boolean {
  const [a, b] = [one, other].map((address) => address.replace(/\/+$/, ''))
  if (a === undefined || b === undefined) return false
  const [domain, rest = ''] = halves(a)
  const [otherDomain, otherRest = ''] = halves(b)
  if (domain !== otherDomain) return false
  return rest === otherRest || rest === '' || otherRest === ''
}

function halves(address: string): string[] {
  const slash = address.indexOf('/')
  return slash === -1 ? [address] : [address.slice(0, slash), address.slice(slash)]
}

/** What one safety archive cannot hold must not be replaced at once. */
function togetherRefusals({ installed, parts }: Chosen): FieldError[] {
  if (installed.length < 2 && (installed.length === 0 || parts.length === 0)) return []
  const all = [...installed, ...parts].join(', ')
  return [{ field: 'targets', code: 'one_installed_app', facts: { targets: all } }]
}

function spaceRefusals({ archived, freeBytes }: RestoreSurvey, { parts }: Chosen): FieldError[] {
  const size = Math.max(archived.info?.size ?? 0, archived.bytes)
  // Parts are unpacked beside the archives, and copied from there.
  const needed = size * (parts.length > 0 ? 2 : 1) + spaceMarginBytes
  return freeBytes >= needed
    ? []
    : [{ field: 'archive', code: 'no_space', facts: { needed, free: freeBytes } }]
}
