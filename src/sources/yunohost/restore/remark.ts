// What an admin should know before a restore of an archive of YunoHost, and may accept. Pure.
import type { PlanRemark, PlanRemarkCode } from '../../../domain/restore.ts'
import type { Facts } from '../../../domain/problem.ts'
import type { Chosen } from './decide.ts'
import type { RestoreSurvey } from './survey.ts'
import { isNewer } from './versions.ts'

/** Groups that every YunoHost has. */
const everywhere: ReadonlySet<string> = new Set(['all_users', 'visitors', 'admins'])
/** Parts that a backup of the core alone leaves empty. */
const largeParts: ReadonlySet<string> = new Set(['data_home', 'data_mail', 'data_multimedia'])

export function remarksOf(survey: RestoreSurvey, chosen: Chosen): PlanRemark[] {
  const { archived, server } = survey
  const remarks: PlanRemark[] = []
  const say = (code: PlanRemarkCode, facts: Facts = {}): void => void remarks.push({ code, facts })
  const from = archived.info?.fromVersion ?? ''
  if (server.version !== null && isNewer(from, server.version)) {
    say('yunohost_newer', { archived: from, installed: server.version })
  }
  if (survey.coreOnly) say('core_only')
  for (const app of chosen.apps) sayOfApp(app, survey, chosen, say)
  for (const part of chosen.parts) {
    const empty = archived.parts.get(part)?.files === 0
    if (empty && largeParts.has(part) && !survey.coreOnly) say('data_core_only', { path: part })
  }
  for (const { app, path } of chosen.aside) say('data_set_aside', { app, path })
  if (archived.devices > 0) say('devices', { number: archived.devices })
  if (chosen.installed.length > 0) say('services_stopped', { services: chosen.installed.join(', ') })
  if (chosen.savable.length > 0) say('parts_put_back', { parts: chosen.savable.join(', ') })
  const unsaved = chosen.parts.filter((part) => !chosen.savable.includes(part))
  if (unsaved.length > 0) {
    say('no_safety_archive', { detail: unsaved.join(', ') })
    say('no_put_back')
  }
  if (chosen.parts.length + chosen.installed.length + chosen.aside.length === 0) say('nothing_to_replace')
  return remarks
}

function sayOfApp(
  app: string,
  { archived, server, coreOnly }: RestoreSurvey,
  { parts }: Chosen,
  say: (code: PlanRemarkCode, facts?: Facts) => void,
): void {
  const held = archived.apps.get(app)
  const now = server.installed.get(app)
  const version = archived.info?.apps.get(app) ?? ''
  if (now !== undefined && version !== '' && now.version !== '' && now.version !== version) {
    say('app_version_differs', { app, archived: version, installed: now.version })
  }
  if (held?.settings == null) return
  const { settings, hasData } = held
  const address = settings.domain === null ? null : `${settings.domain}${settings.path ?? ''}`
  if (now?.address != null && address !== null && tidy(now.address) !== tidy(address)) {
    say('app_of_other_domain', { app, domain: address })
  }
  if (settings.dataDir !== null && !hasData && !coreOnly) {
    say('data_core_only', { app, path: settings.dataDir })
  }
  // With that part users and groups come back.
  if (parts.includes('conf_ldap')) return
  const missing = new Set<string>()
  for (const [permission, allowed] of settings.permissions) {
    const gone = allowed.filter((name) => !everywhere.has(name) && !server.groups.has(name))
    for (const name of gone) missing.add(name)
    if (allowed.length > 0 && gone.length === allowed.length) {
      say('permission_lost', { permission: `${app}.${permission}` })
    }
  }
  if (missing.size > 0) say('users_missing', { app, users: [...missing].join(', ') })
}

function tidy(address: string): string {
  return address.replace(/\/+$/, '')
}
