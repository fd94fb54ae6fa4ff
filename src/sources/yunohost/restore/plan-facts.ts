// Makes what a survey would have found, for tests of the decision about a restore. Tests only.
import type { RestoreOptions, RestorePlan } from '../../../domain/restore.ts'
import type { Archived, ArchivedApp } from './archived.ts'
import { decide } from './decide.ts'
import type { ArchiveInfo } from './described.ts'
import type { InstalledNow, Server } from './server.ts'
import type { AppSettings } from './settings-yml.ts'
import type { RestoreSurvey } from './survey.ts'

export const gib = 1024 ** 3

export function settings(more: Partial<AppSettings> = {}): AppSettings {
  const permissions = new Map([['main', ['all_users']]])
  return { domain: 'example.org', path: '/cloud', dataDir: null, sparesData: false, permissions, ...more }
}

function held(more: Partial<ArchivedApp> = {}): ArchivedApp {
  return { settings: settings(), hasScript: true, hasData: false, bytes: 1000, files: 10, ...more }
}

function now(more: Partial<InstalledNow> = {}): InstalledNow {
  return { version: '1.0~ynh1', address: 'example.org/cloud', dataDir: null, sparesData: false, ...more }
}

export interface Facts {
  readonly apps?: Readonly<Record<string, Partial<ArchivedApp>>>
  readonly parts?: Readonly<Record<string, { files?: number; hasHook?: boolean }>>
  readonly installed?: Readonly<Record<string, Partial<InstalledNow>>>
  readonly info?: Partial<ArchiveInfo> | null
  readonly archived?: Partial<Archived>
  readonly server?: Partial<Server>
  readonly survey?: Partial<RestoreSurvey>
}

function surveyOf(facts: Facts): RestoreSurvey {
  const apps = Object.entries(facts.apps ?? {})
  const parts = Object.entries(facts.parts ?? {})
  const info: ArchiveInfo = {
    apps: new Map(apps.map(([id]) => [id, '1.0~ynh1'])),
    parts: new Map(parts.map(([part]) => [part, [`17-${part}`]])),
    odd: null,
    size: 5000,
    fromVersion: '12.1.25',
    ...facts.info,
  }
  return {
    archive: 'jerry_cloud_20260508',
    known: true,
    archived: {
      damage: '',
      unsafe: null,
      devices: 0,
      info: facts.info === null ? null : info,
      bytes: 4000,
      apps: new Map(apps.map(([id, one]) => [id, held(one)])),
      parts: new Map(
        parts.map(([part, { files = 5, hasHook = true }]) => [part, { bytes: 100, files, hasHook }]),
      ),
      ...facts.archived,
    },
    coreOnly: false,
    server: {
      version: '12.1.25',
      installed: new Map(Object.entries(facts.installed ?? {}).map(([id, one]) => [id, now(one)])),
      domains: new Set(['example.org']),
      groups: new Set(['alice', 'family']),
      savable: new Set(['data_home', 'data_mail', 'conf_ldap']),
      restorable: new Set(['data_home', 'data_mail', 'conf_ldap']),
      ...facts.server,
    },
    data: new Map(),
    freeBytes: gib,
    ...facts.survey,
  }
}

export function plan(facts: Facts, options: RestoreOptions = {}): RestorePlan {
  return decide(surveyOf(facts), 'ynh_app', options, [
    '/home/yunohost.backup/archives',
    '/var/lib/backupmanager',
  ])
}

/** Refusals as `field code facts`, remarks as `code facts`. */
export function refusals(facts: Facts, options: RestoreOptions = {}): string[] {
  return plan(facts, options).refusals.map(({ field, code, facts: told }) =>
    `${field} ${code} ${values(told)}`.trim(),
  )
}
export function remarks(facts: Facts, options: RestoreOptions = {}): string[] {
  return plan(facts, options).warnings.map(({ code, facts: told }) => `${code} ${values(told)}`.trim())
}
function values(told: Readonly<Record<string, unknown>> = {}): string {
  return Object.values(told).join(' | ')
}
export function steps(one: RestorePlan): string[] {
  return one.steps.map(({ code, facts }) => `${code} ${values(facts)}`)
}

export const cloud: Facts = { apps: { cloud: {} } }
export const installedCloud: Facts = { ...cloud, installed: { cloud: {} } }
export const home: Facts = { parts: { data_home: {} } }
