// The options that describe a job, and the job input they make.
import type { Command } from 'commander'
import { drillDepths } from '../domain/drill.ts'
import type { DrillPolicy, Job, JobInput } from '../domain/job.ts'
import { parsePolicy } from '../domain/policy-text.ts'
import { invalid, type FieldError, type FieldErrorCode } from '../domain/problem.ts'
import type { RetentionPolicy } from '../domain/retention-policy.ts'
import type { CliContext, Instance } from './context.ts'
import { hiddenSettings, readGiven, readPassword, secretsInArguments } from './job-secrets.ts'
import { ExitError, exitCodes } from './output.ts'

const usualDrillDays = 30

export interface JobOptions {
  readonly name?: string
  readonly type?: string
  readonly config?: string
  readonly configFile?: string
  readonly passwordFile?: string
  readonly forgetPassword?: boolean
  readonly cron?: string
  readonly retention?: string
  readonly coreOnly?: boolean
  readonly disabled?: boolean
  readonly preBackup?: string
  readonly postBackup?: string
  readonly hookTimeout?: string
  readonly timeout?: string
  readonly drill?: string
  readonly drillEvery?: string
  readonly json?: boolean
}

/** Adds the options; `adding` makes those required that a new job cannot do without. */
export function withJobOptions(command: Command, adding: boolean): Command {
  const option = (flags: string, text: string) =>
    adding ? command.requiredOption(flags, text) : command.option(flags, text)
  option('--name <name>', 'the name people see')
  option('--type <type>', 'ynh_app, ynh_system, custom_dir, mysql or postgresql')
  option('--cron <expression>', "five fields or @daily and the like, in the instance's time zone")
  option('--retention <policy>', 'count:7, daily:7 or gfs:7,4,3 (days, weeks, months)')
  return command
    .option(
      '--config <json>',
      'settings of the type, e.g. {"source_path":"/srv/photos","excludes":["cache/"]}',
    )
    .option('--config-file <file>', 'the same from a file, or from standard input (-)')
    .option('--password-file <file>', "the database user's password, from a file or from standard input (-)")
    .option('--forget-password', 'forget the stored password')
    .option('--core-only', "leave out the app's data (apps only)")
    .option('--no-core-only', 'back up the app with its data')
    .option('--disabled', 'create it without a schedule')
    .option('--pre-backup <command>', 'run before, as root; a failure fails the run')
    .option('--post-backup <command>', 'run afterwards, whatever happened')
    .option('--hook-timeout <seconds>', 'time each of the two may take')
    .option('--timeout <seconds>', 'time a run may take')
    .option('--drill <depth>', 'prove the newest archive regularly: read, extract, load or none')
    .option('--drill-every <days>', 'how often (30)')
    .option('--json', 'print JSON')
}

/** Options as a job input. What cannot even be read is told together with everything else that is wrong. */
export async function readInput(
  context: CliContext,
  instance: Instance,
  options: JobOptions,
  before?: Job,
): Promise<JobInput> {
  const config = await givenConfig(context, options)
  const password = await givenPassword(context, options)
  const errors: FieldError[] = []
  const kept = before && { ...before, config: withoutSecrets(instance, before) }
  const plain = inputOf(options, config, kept, errors)
  if (options.config !== undefined) {
    const source = instance.sources.find((one) => one.id === plain.type)
    errors.push(...secretsInArguments(source, plain.config))
  }
  const input = password === undefined ? plain : { ...plain, config: withPassword(plain.config, password) }
  if (errors.length === 0) return input
  const unread = errors.map((one) => one.field)
  const others = await instance.engine.checkJob(input, before?.id)
  throw invalid(
    ...errors,
    ...others.filter(({ field }) => !unread.some((one) => field === one || field.startsWith(`${one}.`))),
  )
}

/** The text of the settings, if any were given. */
async function givenConfig(context: CliContext, options: JobOptions): Promise<string | undefined> {
  if (options.configFile === undefined) return options.config
  if (options.config !== undefined) throw usage('--config and --config-file say the same: give one of them')
  if (options.configFile === '-' && options.passwordFile === '-') {
    throw usage('--config-file and --password-file cannot both read standard input')
  }
  return readGiven(context, options.configFile, '--config-file')
}

/** Undefined: the stored one stays. Empty: it is forgotten. */
async function givenPassword(context: CliContext, options: JobOptions): Promise<string | undefined> {
  if (options.passwordFile === undefined) return options.forgetPassword === true ? '' : undefined
  if (options.forgetPassword === true) {
    throw usage('--password-file and --forget-password cannot be given together')
  }
  return readPassword(context, options.passwordFile)
}

function usage(message: string): ExitError {
  return new ExitError(exitCodes.usage, message)
}

/** What is stored encrypted stays where it is: an absent secret is kept. */
function withoutSecrets(instance: Instance, job: Job): Job['config'] {
  const hidden = hiddenSettings(instance.sources, job)
  return Object.fromEntries(Object.entries(job.config).filter(([key]) => !hidden.includes(key)))
}

function withPassword(config: unknown, password: string): unknown {
  return typeof config === 'object' && config !== null && !Array.isArray(config)
    ? { ...config, password }
    : config
}

type Parsed<T> = { readonly value: T } | { readonly code: FieldErrorCode; readonly detail: string }

/** What is left out comes from `before`; what cannot be read is added to `errors` and replaced by something harmless. */
function inputOf(
  options: JobOptions,
  config: string | undefined,
  before: Job | undefined,
  errors: FieldError[],
): JobInput {
  const read = <T>(
    field: string,
    text: string | undefined,
    kept: T,
    parse: (text: string) => Parsed<T>,
  ): T => {
    if (text === undefined) return kept
    const parsed = parse(text)
    if ('value' in parsed) return parsed.value
    // The text itself may hold what nobody should see.
    errors.push({ field, code: parsed.code, facts: { detail: parsed.detail } })
    return kept
  }
  const preBackup = options.preBackup ?? before?.hooks.preBackup
  const postBackup = options.postBackup ?? before?.hooks.postBackup
  const coreOnly = options.coreOnly ?? (config === undefined ? before?.coreOnly : undefined)
  return {
    name: options.name ?? before?.name ?? '',
    type: options.type ?? before?.type ?? '',
    config: read<unknown>('config', config, before?.config ?? {}, parseJson),
    cronExpr: options.cron ?? before?.cronExpr ?? '',
    retention: read<RetentionPolicy>(
      'retention',
      options.retention,
      before?.retention ?? { mode: 'count', count: 1 },
      parseRetention,
    ),
    enabled: options.disabled === true ? false : (before?.enabled ?? true),
    ...(coreOnly === undefined ? {} : { coreOnly }),
    hooks: {
      ...(preBackup === undefined ? {} : { preBackup }),
      ...(postBackup === undefined ? {} : { postBackup }),
      timeoutS: read('hooks.timeout_s', options.hookTimeout, before?.hooks.timeoutS ?? 300, parseSeconds),
    },
    timeoutS: read<number | null>('timeout_s', options.timeout, before?.timeoutS ?? null, parseSeconds),
    drill: drillOf(options, before?.drill ?? null, errors),
  }
}

function drillOf(options: JobOptions, before: DrillPolicy | null, errors: FieldError[]): DrillPolicy | null {
  const { drill, drillEvery } = options
  if (drill === undefined && drillEvery === undefined) return before
  if (drill === 'none') return null
  const depth = drill === undefined ? before?.depth : drillDepths.find((one) => one === drill)
  if (depth === undefined) {
    errors.push({ field: 'drill.depth', code: drill === undefined ? 'required' : 'unknown_value' })
    return null
  }
  const everyDays = drillEvery === undefined ? (before?.everyDays ?? usualDrillDays) : Number(drillEvery)
  if (Number.isInteger(everyDays)) return { depth, everyDays }
  errors.push({ field: 'drill.every_days', code: 'not_number' })
  return null
}

function parseJson(text: string): Parsed<unknown> {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { code: 'json_invalid', detail: error instanceof Error ? error.name : '' }
  }
}

function parseRetention(text: string): Parsed<RetentionPolicy> {
  const value = parsePolicy(text)
  return value ? { value } : { code: 'policy_invalid', detail: 'count:7, daily:7 or gfs:7,4,3' }
}

function parseSeconds(text: string): Parsed<number> {
  const value = Number(text)
  return Number.isInteger(value) ? { value } : { code: 'not_number', detail: 'whole seconds' }
}
