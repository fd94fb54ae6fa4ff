// From the texts of the job form to what the engine takes. What the engine can judge is left to it.
import { parseBytes } from '../../../domain/bytes.ts'
import { parseCron } from '../../../domain/schedule.ts'
import { drillDepths } from '../../../domain/drill.ts'
import type { DrillPolicy, Job, JobHooks, JobInput } from '../../../domain/job.ts'
import type { FieldError } from '../../../domain/problem.ts'
import {
  retentionLimits,
  retentionPolicySchema,
  type RetentionPolicy,
} from '../../../domain/retention-policy.ts'
import { textOf, without, type FormValues } from './form-values.ts'
import { cronOf, presets, usualWhen, type When } from './when.ts'

/** Thirty days. */
const mostMinutes = 43_200

/** A form that could be read, with what is wrong in its numbers; the input then holds stand-ins for those. */
export interface ReadJobForm {
  readonly input: JobInput
  readonly errors: readonly FieldError[]
}

/** A stored job that is being edited; `secrets` names those of its settings that are secret. */
export interface EditedJob {
  readonly job: Job
  readonly secrets: readonly string[]
}

/**
 * Reads the form. Settings of an edited job that the form does not show (made by the command line, say) stay as they are.
 * A secret that nobody typed is absent from the input, which keeps the stored one; one to be forgotten is an empty text.
 */
export function jobInputOf(values: FormValues, edited: EditedJob | null = null): ReadJobForm {
  const errors: FieldError[] = []
  const type = edited?.job.type ?? textOf(values, 'type')
  const input: JobInput = {
    name: textOf(values, 'name').trim(),
    type,
    config: configOf(values, edited),
    cronExpr: cronExprOf(values, errors),
    retention: policyOf(values, errors),
    enabled: values.has('enabled'),
    coreOnly: values.has('core_only'),
    hooks: hooksOf(values, errors),
    timeoutS: minutesOf(values, 'timeout_min', errors),
    drill: values.has('drill.depth') ? drillOf(values, errors) : (edited?.job.drill ?? null),
  }
  return { input, errors }
}

/** The schedule that the form says. */
export function whenOfForm(values: FormValues): When {
  const preset = presets.find((p) => p === textOf(values, 'preset')) ?? 'custom'
  return {
    preset,
    minute: Number(textOf(values, 'minute') || usualWhen.minute),
    time: textOf(values, `time-${preset}`) || usualWhen.time,
    weekday: Number(textOf(values, 'weekday') || usualWhen.weekday),
    day: Number(textOf(values, 'day') || usualWhen.day),
    expr: textOf(values, 'cron_expr'),
  }
}

function cronExprOf(values: FormValues, errors: FieldError[]): string {
  const when = whenOfForm(values)
  const expr = cronOf(when)
  // Only the expression itself is typed freely; a preset with an impossible minute or time says so beside itself.
  if (when.preset !== 'custom') {
    if (when.preset !== 'hourly' && !/^([01]?\d|2[0-3]):[0-5]\d$/.test(when.time)) {
      errors.push({ field: `time-${when.preset}`, code: 'unknown_value', facts: { value: when.time } })
      return cronOf({ ...when, time: usualWhen.time })
    }
    if (!parseCron(expr, 'UTC').ok) {
      const field = when.preset === 'hourly' ? 'minute' : when.preset === 'weekly' ? 'weekday' : 'day'
      errors.push({ field, code: 'unknown_value', facts: { value: textOf(values, field) } })
      return cronOf(usualWhen)
    }
  }
  return expr
}

/** The retention policy of the form, with errors on the numbers that are wrong. */
export function policyOf(values: FormValues, errors: FieldError[]): RetentionPolicy {
  const text = textOf(values, 'retention.max_bytes').trim()
  // A number alone is meant in GiB: nobody limits a job to 50 bytes.
  const maxBytes = text === '' ? undefined : parseBytes(/^[\d.,]+$/.test(text) ? `${text}GiB` : text)
  if (maxBytes === null)
    errors.push({ field: 'retention.max_bytes', code: 'not_number', facts: { value: text } })
  const number = (field: string) => numberOf(values, `retention.${field}`, errors)
  const mode = textOf(values, 'retention.mode')
  const raw =
    mode === 'count'
      ? { mode, count: number('count') }
      : mode === 'daily'
        ? { mode, days: number('days') }
        : {
            mode: 'gfs',
            daily: number('daily'),
            weekly: number('weekly'),
            monthly: number('monthly'),
            yearly: number('yearly'),
          }
  const checked = retentionPolicySchema.safeParse(maxBytes ? { ...raw, maxBytes } : raw)
  if (checked.success) return checked.data
  for (const issue of checked.error.issues) {
    const [name] = issue.path
    if (name === 'maxBytes') {
      errors.push({ field: 'retention.max_bytes', code: 'not_number', facts: { value: text } })
      continue
    }
    // Without a field: four periods of 0, which is told at the first of them.
    const [at, limits] = isLimited(name)
      ? [name, retentionLimits[name]]
      : ['daily', { ...retentionLimits.daily, min: 1 }]
    const field = `retention.${at}`
    if (!errors.some((e) => e.field === field)) errors.push({ field, code: 'out_of_range', facts: limits })
  }
  return { mode: 'count', count: 1 }
}

/** Settings of the source from the `config.` fields; a blank one is left out. */
function configOf(values: FormValues, edited: EditedJob | null): Record<string, unknown> {
  const secrets = edited?.secrets ?? []
  const config = structuredClone(without(edited?.job.config ?? {}, secrets))
  for (const key of secrets) if (values.has(`forget.config.${key}`)) config[key] = ''
  for (const [name, texts] of values) {
    if (!name.startsWith('config.')) continue
    const [path, kind] = splitKind(name.slice('config.'.length))
    const text = texts.at(-1) ?? ''
    // Nothing typed: what is stored stays, or goes if that was ticked.
    if (secrets.includes(path) && text === '') continue
    put(config, path, valueOf(kind, text, texts))
  }
  return config
}

/** A name and what its text means: see {@link FormValues}. */
function splitKind(name: string): readonly [string, string] {
  const at = name.search(/(?::[a-z]+|\[\])$/)
  return at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at)]
}

/** What cannot be read is left as it was typed: the source's own rules refuse it, beside its field. */
function valueOf(kind: string, text: string, texts: readonly string[]): unknown {
  switch (kind) {
    case '[]':
      return texts.filter(Boolean)
    case ':lines':
      return nonEmpty(text.split('\n').filter((line) => line.trim() !== ''))
    case ':numbers':
      return nonEmpty(
        text
          .split(/[\s,;]+/)
          .filter(Boolean)
          .map(numberOrText),
      )
    case ':number':
      return text.trim() === '' ? undefined : numberOrText(text.trim())
    case ':flag':
      return text !== ''
    default:
      return text || undefined
  }
}

function numberOrText(text: string): number | string {
  return /^\d{1,15}$/.test(text) ? Number(text) : text
}

function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list
}

function put(config: Record<string, unknown>, path: string, value: unknown): void {
  const [key = '', ...rest] = path.split('.')
  // A form is free to invent field names: never into an object's prototype.
  if (key === '' || key === '__proto__') return
  if (rest.length > 0) {
    const inner = config[key]
    const next = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
    put(next, rest.join('.'), value)
    if (Object.keys(next).length > 0) config[key] = next
    else delete config[key]
  } else if (value === undefined) delete config[key]
  else config[key] = value
}

function drillOf(values: FormValues, errors: FieldError[]): DrillPolicy | null {
  const text = textOf(values, 'drill.depth')
  if (text === '') return null
  const depth = drillDepths.find((one) => one === text)
  if (depth === undefined) {
    errors.push({ field: 'drill.depth', code: 'unknown_value', facts: { value: text } })
    return null
  }
  return { depth, everyDays: numberOf(values, 'drill.every_days', errors) }
}

function hooksOf(values: FormValues, errors: FieldError[]): Partial<JobHooks> {
  const preBackup = textOf(values, 'hooks.pre_backup').trim()
  const postBackup = textOf(values, 'hooks.post_backup').trim()
  const seconds = textOf(values, 'hooks.timeout_s').trim()
  return {
    ...(preBackup === '' ? {} : { preBackup }),
    ...(postBackup === '' ? {} : { postBackup }),
    ...(seconds === '' ? {} : { timeoutS: numberOf(values, 'hooks.timeout_s', errors) }),
  }
}

function minutesOf(values: FormValues, field: string, errors: FieldError[]): number | null {
  if (textOf(values, field).trim() === '') return null
  const minutes = numberOf(values, field, errors)
  if (minutes >= 1 && minutes <= mostMinutes) return minutes * 60
  errors.push({ field, code: 'out_of_range', facts: { min: 1, max: mostMinutes } })
  return null
}

function numberOf(values: FormValues, field: string, errors: FieldError[]): number {
  const text = textOf(values, field).trim()
  if (/^\d{1,9}$/.test(text)) return Number(text)
  errors.push({ field, code: text === '' ? 'required' : 'not_number', facts: { value: text } })
  return 1
}

function isLimited(name: PropertyKey | undefined): name is keyof typeof retentionLimits {
  return name !== undefined && Object.hasOwn(retentionLimits, name)
}
