// The options that describe a job, and the job input they make.
import type { Command } from 'commander'
import type { Job, JobInput } from '../domain/job.ts'
import { parsePolicy } from '../domain/policy-text.ts'
import { invalid, type FieldError, type FieldErrorCode } from '../domain/problem.ts'
import type { RetentionPolicy } from '../domain/retention-policy.ts'
import type { Instance } from './context.ts'

export interface JobOptions {
  readonly name?: string
  readonly type?: string
  readonly config?: string
  readonly cron?: string
  readonly retention?: string
  readonly coreOnly?: boolean
  readonly disabled?: boolean
  readonly preBackup?: string
  readonly postBackup?: string
  readonly hookTimeout?: string
  readonly timeout?: string
  readonly json?: boolean
}

/** Adds the options; `adding` makes those required that a new job cannot do without. */
export function withJobOptions(command: Command, adding: boolean): Command {
  const option = (flags: string, text: string) =>
    adding ? command.requiredOption(flags, text) : command.option(flags, text)
  option('--name <name>', 'the name people see')
  option('--type <type>', 'ynh_app, ynh_system or custom_dir')
  option('--config <json>', 'settings of the type, e.g. {"source_path":"/srv/photos","excludes":["cache/"]}')
  option('--cron <expression>', "five fields or @daily and the like, in the instance's time zone")
  option('--retention <policy>', 'count:7, daily:7 or gfs:7,4,3 (days, weeks, months)')
  return command
    .option('--core-only', "leave out the app's data (apps only)")
    .option('--no-core-only', 'back up the app with its data')
    .option('--disabled', 'create it without a schedule')
    .option('--pre-backup <command>', 'run before, as root; a failure fails the run')
    .option('--post-backup <command>', 'run afterwards, whatever happened')
    .option('--hook-timeout <seconds>', 'time each of the two may take')
    .option('--timeout <seconds>', 'time a run may take')
    .option('--json', 'print JSON')
}

/** Options as a job input. What cannot even be read is told together with everything else that is wrong. */
export async function readInput(instance: Instance, options: JobOptions, before?: Job): Promise<JobInput> {
  const errors: FieldError[] = []
  const input = inputOf(options, before, errors)
  if (errors.length === 0) return input
  const unread = errors.map((one) => one.field)
  const others = await instance.engine.checkJob(input, before?.id)
  throw invalid(
    ...errors,
    ...others.filter(({ field }) => !unread.some((one) => field === one || field.startsWith(`${one}.`))),
  )
}

type Parsed<T> = { readonly value: T } | { readonly code: FieldErrorCode; readonly detail: string }

/** What is left out comes from `before`; what cannot be read is added to `errors` and replaced by something harmless. */
function inputOf(options: JobOptions, before: Job | undefined, errors: FieldError[]): JobInput {
  const read = <T>(
    field: string,
    text: string | undefined,
    kept: T,
    parse: (text: string) => Parsed<T>,
  ): T => {
    if (text === undefined) return kept
    const parsed = parse(text)
    if ('value' in parsed) return parsed.value
    errors.push({ field, code: parsed.code, facts: { value: text, detail: parsed.detail } })
    return kept
  }
  const preBackup = options.preBackup ?? before?.hooks.preBackup
  const postBackup = options.postBackup ?? before?.hooks.postBackup
  const coreOnly = options.coreOnly ?? (options.config === undefined ? before?.coreOnly : undefined)
  return {
    name: options.name ?? before?.name ?? '',
    type: options.type ?? before?.type ?? '',
    config: read<unknown>('config', options.config, before?.config ?? {}, parseJson),
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
  }
}

function parseJson(text: string): Parsed<unknown> {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { code: 'json_invalid', detail: String(error) }
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
