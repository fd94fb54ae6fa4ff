// Turns what an admin typed into a job that can be stored, or the list of all wrong fields. Looks at no machine.
import type { z } from 'zod'
import type { DrillPolicy, Job, JobHooks, JobInput } from '../domain/job.ts'
import { fieldErrorCodes, type FieldError, type FieldErrorCode } from '../domain/problem.ts'
import { retentionPolicySchema } from '../domain/retention-policy.ts'
import { parseCron } from '../domain/schedule.ts'
import type { AnySource } from '../sources/source.ts'

const NAME_MAX = 60
const COMMAND_MAX = 4096
const DRILL_DAYS_MAX = 365
const TIMEOUT_MIN_S = 60
const TIMEOUT_MAX_S = 30 * 86_400

/** A job's fields after checking, before the database gives it an id. */
export type CheckedJob = Pick<
  Job,
  'name' | 'config' | 'cronExpr' | 'retention' | 'enabled' | 'coreOnly' | 'hooks' | 'timeoutS' | 'drill'
> & { readonly source: AnySource }

export type CheckedInput =
  | { readonly ok: true; readonly job: CheckedJob }
  | { readonly ok: false; readonly errors: readonly FieldError[] }

/** All wrong fields at once; `config.*` fields come from the source's own schema. */
export function checkJobInput(
  input: JobInput,
  sources: readonly AnySource[],
  timeZone: string,
): CheckedInput {
  const errors: FieldError[] = []
  const name = input.name.trim()
  errors.push(...nameErrors(name))

  const cron = parseCron(input.cronExpr, timeZone)
  if (!cron.ok) errors.push({ field: 'cron_expr', code: cron.code, facts: { detail: cron.detail } })

  const retention = retentionPolicySchema.safeParse(input.retention)
  if (!retention.success) errors.push({ field: 'retention', code: 'policy_invalid' })

  const hooks = checkHooks(input.hooks ?? {}, errors)
  const timeoutS = input.timeoutS ?? null
  if (timeoutS !== null && !within(timeoutS, TIMEOUT_MIN_S, TIMEOUT_MAX_S)) {
    errors.push({
      field: 'timeout_s',
      code: 'out_of_range',
      facts: { min: TIMEOUT_MIN_S, max: TIMEOUT_MAX_S },
    })
  }

  const source = sources.find((one) => one.id === input.type)
  if (!source) {
    errors.push({
      field: 'type',
      code: 'unknown_type',
      facts: { known: sources.map((s) => s.id).join(', ') },
    })
    return { ok: false, errors }
  }
  const drill = checkDrill(input, source, errors)
  const config = checkConfig(input, source)
  if (!config.ok) errors.push(...config.errors)
  if (errors.length > 0 || !config.ok || !retention.success) return { ok: false, errors }
  return {
    ok: true,
    job: {
      name,
      source,
      config: config.config,
      cronExpr: input.cronExpr.trim(),
      retention: retention.data,
      enabled: input.enabled ?? true,
      coreOnly: source.supportsCoreOnly && config.config['core_only'] === true,
      hooks,
      timeoutS,
      drill,
    },
  }
}

function checkDrill(input: JobInput, source: AnySource, errors: FieldError[]): DrillPolicy | null {
  const { drill } = input
  if (!drill) return null
  const known: readonly string[] = ['read', ...source.restore.drills]
  if (!known.includes(drill.depth)) {
    errors.push({ field: 'drill.depth', code: 'unknown_value', facts: { known: known.join(', ') } })
  }
  if (!within(drill.everyDays, 1, DRILL_DAYS_MAX)) {
    errors.push({ field: 'drill.every_days', code: 'out_of_range', facts: { min: 1, max: DRILL_DAYS_MAX } })
  }
  return { depth: drill.depth, everyDays: drill.everyDays }
}

/** `core_only` is a column of the job and a setting of the source: either may be given, both are kept equal. */
function checkConfig(
  input: JobInput,
  source: AnySource,
): { ok: true; config: Record<string, unknown> } | { ok: false; errors: readonly FieldError[] } {
  const given: unknown =
    source.supportsCoreOnly && input.coreOnly !== undefined && isObject(input.config)
      ? { ...input.config, core_only: input.coreOnly }
      : input.config
  const parsed = source.settings.safeParse(given)
  if (!parsed.success) return { ok: false, errors: settingsErrors(parsed.error) }
  return { ok: true, config: parsed.data as Record<string, unknown> }
}

/** Issues of a source's schema as field errors under `config.`; a message that is a code is taken as one. */
export function settingsErrors(error: z.ZodError): FieldError[] {
  return error.issues.flatMap((issue): FieldError[] => {
    const path = ['config', ...issue.path.map(String)]
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ field: [...path, key].join('.'), code: 'unexpected' }))
    }
    return [{ field: path.join('.'), code: codeOf(issue) }]
  })
}

function codeOf(issue: z.core.$ZodIssue): FieldErrorCode {
  const named = fieldErrorCodes.find((code) => code === issue.message)
  if (named) return named
  if (issue.code === 'invalid_type') {
    if (issue.input === undefined && !('received' in issue)) return 'required'
    return issue.expected === 'number'
      ? 'not_number'
      : issue.expected === 'string'
        ? 'not_text'
        : 'unknown_value'
  }
  if (issue.code === 'too_big') return issue.origin === 'string' ? 'too_long' : 'out_of_range'
  if (issue.code === 'too_small') return issue.origin === 'string' ? 'required' : 'out_of_range'
  return 'unknown_value'
}

function nameErrors(name: string): FieldError[] {
  if (name === '') return [{ field: 'name', code: 'required' }]
  if (name.length > NAME_MAX) return [{ field: 'name', code: 'too_long', facts: { max: NAME_MAX } }]
  if (/\p{Cc}/u.test(name)) return [{ field: 'name', code: 'control_characters' }]
  if (/[/\\]/.test(name)) return [{ field: 'name', code: 'has_slash' }]
  return []
}

function checkHooks(given: Partial<JobHooks>, errors: FieldError[]): JobHooks {
  const commands: { preBackup?: string; postBackup?: string } = {}
  for (const [key, field] of [
    ['preBackup', 'hooks.pre_backup'],
    ['postBackup', 'hooks.post_backup'],
  ] as const) {
    const command = given[key]?.trim()
    if (!command) continue
    if (command.length > COMMAND_MAX) errors.push({ field, code: 'too_long', facts: { max: COMMAND_MAX } })
    else if (command.includes('\0')) errors.push({ field, code: 'control_characters' })
    else commands[key] = command
  }
  const timeoutS = given.timeoutS ?? 300
  if (!within(timeoutS, 1, 86_400)) {
    errors.push({ field: 'hooks.timeout_s', code: 'out_of_range', facts: { min: 1, max: 86_400 } })
  }
  return { ...commands, timeoutS }
}

function within(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max
}

/** True for what JSON calls an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
