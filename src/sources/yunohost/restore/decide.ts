// The pure decision: what a restore of an archive of YunoHost would do on this server. Effects are in `apply.ts`.
import { posix } from 'node:path'
import type { FieldError } from '../../../domain/problem.ts'
import type { PlannedStep, RestoreOptions, RestorePlan, SafetyOrder } from '../../../domain/restore.ts'
import { refusalsOf, unreadable } from './refuse.ts'
import { remarksOf } from './remark.ts'
import type { RestoreSurvey } from './survey.ts'

/** What was chosen of an archive. */
export interface Chosen {
  readonly apps: readonly string[]
  readonly parts: readonly string[]
  /** What was asked for and is not in the archive. */
  readonly unknown: readonly string[]
  /** Of the apps, those that are installed now. */
  readonly installed: readonly string[]
  /** Of the parts, those that this YunoHost can save, and so put back. */
  readonly savable: readonly string[]
  /** Data folders with something in them that no archive would hold: they are kept under another name. */
  readonly aside: readonly { readonly app: string; readonly path: string }[]
}

/** `type` is that of the source. `kept`: folders that must stay where they are, without the root of tests. */
export function decide(
  survey: RestoreSurvey,
  type: string,
  options: RestoreOptions,
  kept: readonly string[],
): RestorePlan {
  const { archived } = survey
  const fault = unreadable(archived)
  if (fault !== null) return refused(survey.archive, type, fault)
  const chosen = choose(survey, options, kept)
  const { apps, parts, installed, aside } = chosen
  const amounts = [
    ...apps.map((id) => archived.apps.get(id)),
    ...parts.map((part) => archived.parts.get(part)),
  ]
  return {
    archive: survey.archive,
    type,
    target: [...parts, ...apps].join(', '),
    steps: stepsOf(survey, chosen),
    warnings: remarksOf(survey, chosen),
    refusals: refusalsOf(survey, chosen),
    replaces: installed.length > 0 || parts.length > 0 || aside.length > 0,
    safety: safetyOf(chosen),
    bytes: amounts.reduce((sum, one) => sum + (one?.bytes ?? 0), 0),
    files: amounts.reduce((sum, one) => sum + (one?.files ?? 0), 0),
  }
}

/** What the description promises is not in an archive that cannot be read, so the plan names none of it. */
function refused(archive: string, type: string, fault: FieldError): RestorePlan {
  const nothing = { steps: [], warnings: [], replaces: false, safety: null, bytes: null, files: null }
  return { archive, type, target: '', refusals: [fault], ...nothing }
}

/** Apps and parts in the order of the archive; all of them unless some were named. */
export function choose(survey: RestoreSurvey, options: RestoreOptions, kept: readonly string[]): Chosen {
  const { archived, server } = survey
  const wanted = options.targets && new Set(options.targets)
  const held = [...(archived.info?.apps.keys() ?? [])]
  const saved = [...(archived.info?.parts.keys() ?? [])]
  const apps = held.filter((id) => wanted?.has(id) ?? true)
  const parts = saved.filter((part) => wanted?.has(part) ?? true)
  return {
    apps,
    parts,
    unknown: [...(wanted ?? [])].filter((one) => !held.includes(one) && !saved.includes(one)),
    installed: apps.filter((id) => server.installed.has(id)),
    savable: parts.filter((part) => server.savable.has(part)),
    aside: apps.flatMap((app) => {
      const path = asideOf(app, survey)
      return path === null || kept.some((one) => isWithin(one, path)) ? [] : [{ app, path }]
    }),
  }
}

/**
 * Where an app's script finds something in the place of its data, it moves it away up to 500 MB and deletes it beyond. What
 * is in the safety archive may go so; anything else must not.
 */
function asideOf(app: string, { archived, server, data }: RestoreSurvey): string | null {
  const path = archived.apps.get(app)?.settings?.dataDir ?? null
  if (path === null || data.get(app)?.filled !== true) return null
  const now = server.installed.get(app)
  const inSafetyArchive = now !== undefined && !now.sparesData && now.dataDir === path
  const plain = posix.normalize(path) === path && path.split('/').length > 2
  return inSafetyArchive || !plain ? null : path
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

function stepsOf({ archived }: RestoreSurvey, { apps, parts, installed }: Chosen): PlannedStep[] {
  const steps: PlannedStep[] = []
  if (parts.length > 0) steps.push({ code: 'restore_parts', facts: { parts: parts.join(', ') } })
  for (const app of apps) {
    if (installed.includes(app)) steps.push({ code: 'remove_app', facts: { app } })
    steps.push({ code: 'restore_app', facts: { app, version: archived.info?.apps.get(app) ?? '' } })
  }
  return steps
}

/** One order covers one app, or parts. Archives of which more would have to be saved are refused. */
function safetyOf({ installed, savable }: Chosen): SafetyOrder | null {
  const [app] = installed
  if (app !== undefined) return { type: 'ynh_app', settings: { app_id: app, core_only: false } }
  return savable.length === 0 ? null : { type: 'ynh_system', settings: { parts: [...savable] } }
}
