// What a restore is: what may be asked of it, the plan that an admin confirms, and the states that it goes through.
import { z } from 'zod'
import type { Facts, FieldError, ProblemCode } from './problem.ts'

/** What an admin may choose. Every source says which of these it understands. */
export const restoreOptionsSchema = z.strictObject({
  /** Directory to restore into, instead of the one that was saved. */
  target_path: z.string().min(1).max(4096).optional(),
  /** Name of the database to restore into, instead of the one that was saved. */
  target_database: z.string().min(1).max(64).optional(),
  /** Only these files and directories, relative to the saved directory, without a slash at either end. */
  paths: z.array(z.string().min(1).max(4096)).min(1).max(10_000).optional(),
  /** Only these apps or system parts of an archive that has several. */
  targets: z.array(z.string().min(1).max(128)).min(1).max(1000).optional(),
  /** Also user, service, owner and mode, ports and commands of the recipe. Default: yes, unless another target is given. */
  recipe: z.boolean().optional(),
  /** Archives with device nodes are refused without it. */
  devices: z.boolean().optional(),
})
export type RestoreOptions = z.infer<typeof restoreOptionsSchema>
export type RestoreOption = keyof RestoreOptions

/** Everything a restore can do, one by one; the plan lists those it will do, the result those it did. */
export const restoreStepCodes = [
  'verify_archive',
  'safety_archive',
  'extract_files',
  'create_user',
  'stop_service',
  'put_files_in_place',
  'apply_permissions',
  'install_service',
  'start_service',
  'open_ports',
  'run_commands',
  'load_database',
  'check_database',
  'create_role',
  'swap_database',
  'remove_app',
  'restore_app',
  'restore_parts',
  'remove_former',
] as const
export type RestoreStepCode = (typeof restoreStepCodes)[number]

/** One step of a plan. `facts` fill the blanks of its text `restore.step.<code>`. */
export interface PlannedStep {
  readonly code: RestoreStepCode
  readonly facts: Facts
}

/** What an admin should know and may accept. Texts: `restore.remark.<code>`. */
export const planRemarkCodes = [
  'app_of_other_domain',
  'app_version_differs',
  'attributes_lost',
  'clients_cut_off',
  'commands_not_undone',
  'core_only',
  'data_core_only',
  'data_set_aside',
  'database_dropped_first',
  'devices',
  'former_left',
  'hash_unknown',
  'ids_differ',
  'kept_as_found',
  'locale_missing',
  'mount_point',
  'no_put_back',
  'no_safety_archive',
  'nothing_to_replace',
  'owner_by_number',
  'password_unknown',
  'parts_put_back',
  'paths_only',
  'permission_lost',
  'ports_skipped',
  'recipe_other_target',
  'recipe_skipped',
  'role_exists',
  'safety_warnings',
  'server_older',
  'service_exists',
  'service_unknown',
  'services_stopped',
  'tablespaces_missing',
  'user_exists',
  'users_missing',
  'yunohost_newer',
] as const
export type PlanRemarkCode = (typeof planRemarkCodes)[number]
export interface PlanRemark {
  readonly code: PlanRemarkCode
  readonly facts: Facts
}

/** A backup of the present state that is made before anything is replaced: a source and its settings, without secrets. */
export interface SafetyOrder {
  readonly type: string
  readonly settings: Readonly<Record<string, unknown>>
}

/** What a restore will do. Made without changing anything; shown, confirmed, and made again right before it is done. */
export interface RestorePlan {
  readonly archive: string
  /** Id of the source. */
  readonly type: string
  /** What is restored to: a directory, a database, an app, parts. */
  readonly target: string
  readonly steps: readonly PlannedStep[]
  readonly warnings: readonly PlanRemark[]
  /** Why it cannot be done as asked; `field` is an option, `archive`, or `config.<key>`. Not empty: nothing will be done. */
  readonly refusals: readonly FieldError[]
  /** Something that exists will be replaced: to be confirmed by name. */
  readonly replaces: boolean
  readonly safety: SafetyOrder | null
  /** Bytes that will be written, null when unknown. */
  readonly bytes: number | null
  readonly files: number | null
}

/**
 * What a plan will do, as one text: two plans that say the same do the same. Sizes and counts are left out, because a service that
 * writes a log while the admin reads must not make the plan another one.
 */
export function planText(plan: RestorePlan): string {
  const named = ({ code, facts }: { readonly code: string; readonly facts: Facts }) => {
    const texts = Object.entries(facts).filter(([, value]) => typeof value === 'string')
    return [code, ...texts.toSorted(([a], [b]) => (a < b ? -1 : 1)).flat()]
  }
  const said = [
    plan.archive,
    plan.type,
    plan.target,
    plan.replaces,
    plan.safety?.type ?? null,
    plan.steps.map(named),
    plan.warnings.map(named),
    plan.refusals.map(({ field, code }) => [field, code]),
  ]
  return JSON.stringify(said)
}

/**
 * `queued → running → success | error | rolled_back | cancelled`. `rolled_back`: it failed or was cancelled after something
 * had been changed, and everything is as it was before. `error`: it failed before anything was changed, or (error code
 * `put_back_failed`) it could not be put back wholly; the log says what is where. `cancelled`: before anything was changed.
 */
export const restoreStatuses = ['queued', 'running', 'success', 'error', 'rolled_back', 'cancelled'] as const
export type RestoreStatus = (typeof restoreStatuses)[number]

export const stepStates = ['waiting', 'running', 'done', 'failed', 'undone', 'skipped'] as const
export type StepState = (typeof stepStates)[number]

/** A step while and after it is done. Times are epoch milliseconds. */
export interface RestoreStep extends PlannedStep {
  readonly state: StepState
  readonly startedAt: number | null
  readonly finishedAt: number | null
  /** Why it failed, or what to know although it was done, in English. */
  readonly detail: string
}

/** A stored restore. */
export interface Restore {
  readonly id: number
  readonly archiveName: string
  readonly type: string
  readonly target: string
  readonly jobId: number | null
  readonly status: RestoreStatus
  readonly actor: string
  readonly options: RestoreOptions
  readonly plan: RestorePlan
  readonly steps: readonly RestoreStep[]
  readonly safetyArchive: string | null
  readonly requestedAt: number
  readonly startedAt: number | null
  readonly finishedAt: number | null
  readonly progressDone: number | null
  readonly progressTotal: number | null
  readonly errorCode: ProblemCode | null
  readonly errorFacts: Facts
  /** What to look at afterwards although it succeeded. */
  readonly remarks: readonly PlanRemark[]
  readonly cancelRequested: boolean
  readonly operation: string
  readonly logTail: string
}

/** What `restore.apply` answers once everything has been done, or put back. */
export interface RestoreOutcome {
  readonly status: 'success' | 'rolled_back' | 'error'
  /** Why it was not a success. */
  readonly problem: { readonly code: ProblemCode; readonly facts: Facts; readonly detail: string } | null
  readonly remarks: readonly PlanRemark[]
}
