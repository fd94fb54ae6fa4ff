// From an admin's wish to a plan: which source brings this archive back, with which settings, and what comes before.
import type { Archive } from '../../domain/archive.ts'
import { Problem, type FieldErrorCode } from '../../domain/problem.ts'
import {
  restoreOptionsSchema,
  type PlannedStep,
  type PlanRemark,
  type PlanRemarkCode,
  type RestoreOptions,
  type RestorePlan,
  type RestoreStepCode,
} from '../../domain/restore.ts'
import { planDigest } from '../../sys/plan-digest.ts'
import type { AnySource } from '../../sources/source.ts'
import { getArchive } from '../../store/archives.ts'
import { getJob } from '../../store/jobs.ts'
import { restoreSettings, restoreThatSaved } from '../../store/restores.ts'
import type { EngineDeps } from '../deps.ts'
import type { RestoreInput } from '../engine.ts'
import { settingsErrors } from '../job-input.ts'
import { jobPlace, openConfig, restorePlace, type Config } from '../secrets.ts'

/** Steps and remarks that are the engine's: the source's own plan is without them. */
const engineSteps: ReadonlySet<RestoreStepCode> = new Set(['verify_archive', 'safety_archive'])
const engineRemarks: ReadonlySet<PlanRemarkCode> = new Set(['hash_unknown'])

/** Refusals that say no more than that the archive is known to be damaged. */
const saysDamage: ReadonlySet<FieldErrorCode> = new Set(['archive_damaged', 'archive_truncated'])

export interface Prepared {
  readonly archive: Archive
  readonly source: AnySource
  /** Settings with their secrets in clear. */
  readonly config: Config
  readonly options: RestoreOptions
  readonly plan: RestorePlan
}

/** Asks the helper what would be done, and puts in front what the engine does. `validation_failed` for wrong options. */
export async function prepareRestore(deps: EngineDeps, name: string, input: RestoreInput): Promise<Prepared> {
  const archive = await getArchive(deps.db, name)
  if (!archive) throw new Problem('archive_not_found', { archive: name })
  const options = checkOptions(input.options)
  const { source, config } = await prepareSettings(deps, archive, input.connection ?? {})
  const own = await deps.helper.call('restore.plan', {
    archive: name,
    type: source.id,
    settings: config,
    options,
  })
  return { archive, source, config, options, plan: withEngineSteps(own, archive) }
}

/** The digest that the helper knows a stored plan by. */
export function digestForHelper(plan: RestorePlan): string {
  return planDigest({
    ...plan,
    steps: plan.steps.filter((step) => !engineSteps.has(step.code)),
    warnings: plan.warnings.filter((remark) => !engineRemarks.has(remark.code)),
  })
}

/** How many steps of a stored plan come before the source's own. */
export function engineStepCount(plan: RestorePlan): number {
  return plan.steps.filter((step) => engineSteps.has(step.code)).length
}

/** The source of an archive; of one that was made by hand, the one that its description fits. `source_unknown`. */
export function restorerOf(
  deps: Pick<EngineDeps, 'sources'>,
  archive: Pick<Archive, 'type' | 'info'>,
): AnySource {
  const type = archive.type ?? (hasEntries(archive.info['apps']) ? 'ynh_app' : 'ynh_system')
  const source = deps.sources.find((one) => one.id === type)
  if (!source) throw new Problem('source_unknown', { type })
  return source
}

function withEngineSteps(own: RestorePlan, archive: Archive): RestorePlan {
  // What does nothing needs no proof either.
  const idle = own.steps.length === 0
  const before: PlannedStep[] = idle ? [] : [{ code: 'verify_archive', facts: { archive: archive.name } }]
  if (own.safety) before.push({ code: 'safety_archive', facts: { target: own.target } })
  const unknown: PlanRemark[] = archive.sha256 === null && !idle ? [{ code: 'hash_unknown', facts: {} }] : []
  const damaged =
    archive.state === 'corrupted'
      ? [{ field: 'archive', code: 'archive_damaged' as const, facts: { detail: archive.stateDetail ?? '' } }]
      : []
  return {
    ...own,
    steps: [...before, ...own.steps],
    warnings: [...unknown, ...own.warnings],
    refusals: [
      ...damaged,
      ...own.refusals.filter((one) => damaged.length === 0 || !saysDamage.has(one.code)),
    ],
  }
}

function checkOptions(given: RestoreOptions): RestoreOptions {
  const parsed = restoreOptionsSchema.safeParse(given)
  if (parsed.success) return parsed.data
  const errors = settingsErrors(parsed.error).map((one) => ({
    ...one,
    field: one.field.replace(/^config\./, ''),
  }))
  throw new Problem('validation_failed', { fields: errors.map((one) => one.field).join(', ') }, { errors })
}

/**
 * How an archive's source is to be called: what the archive remembers, the secrets of its job when that still exists, and
 * what was given now.
 */
export async function prepareSettings(
  deps: EngineDeps,
  archive: Archive,
  connection: Readonly<Record<string, unknown>>,
): Promise<{ readonly source: AnySource; readonly config: Config }> {
  const source = restorerOf(deps, archive)
  const ofJob = (await configOfJob(deps, archive, source)) ?? (await configOfRestore(deps, archive, source))
  const recalled = source.restore.recall({ info: archive.info, backupInfo: archive.backupInfo })
  const base = recalled === null ? ofJob : joined(source, recalled, ofJob)
  if (base === null) throw new Problem('archive_unsafe', { archive: archive.name, why: 'no_description' })
  const parsed = source.settings.safeParse({ ...without(base, replacedBy(connection)), ...connection })
  if (!parsed.success) {
    throw new Problem('validation_failed', { fields: 'connection' }, { errors: settingsErrors(parsed.error) })
  }
  return { source, config: parsed.data as Config }
}

async function configOfJob(deps: EngineDeps, archive: Archive, source: AnySource): Promise<Config | null> {
  const job = archive.jobId === null ? null : await getJob(deps.db, archive.jobId)
  return job?.type === source.id ? openConfig(deps.vault, source, jobPlace(job.uid), job.config) : null
}

/** The state before a restore was saved with the settings of that restore. */
async function configOfRestore(
  deps: EngineDeps,
  archive: Archive,
  source: AnySource,
): Promise<Config | null> {
  const made = await restoreThatSaved(deps.db, archive.name)
  if (made?.type !== source.id) return null
  return openConfig(deps.vault, source, restorePlace(made.operation), await restoreSettings(deps.db, made.id))
}

/**
 * What was saved is the archive's word. Where a server is, and who logs in there, is the job's as long as there is one:
 * its password must not go to a server that a file names.
 */
function joined(source: AnySource, recalled: Config, ofJob: Config | null): Config {
  if (ofJob === null) return recalled
  const ofConnection = new Set([...source.secrets, ...(source.connection ?? [])])
  const only = (config: Config, wanted: boolean) =>
    Object.fromEntries(Object.entries(config).filter(([key]) => ofConnection.has(key) === wanted))
  return { ...only(recalled, false), ...only(ofJob, true) }
}

/** A server is reached by its socket or over the network: who names one does not mean the other any more. */
function replacedBy(connection: Config): readonly string[] {
  if (connection['host'] !== undefined || connection['port'] !== undefined) return ['socket']
  return connection['socket'] === undefined ? [] : ['host', 'port']
}

function without(config: Config, keys: readonly string[]): Config {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !keys.includes(key)))
}

function hasEntries(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}
