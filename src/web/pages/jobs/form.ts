// From the texts of the job form to what the engine takes. What the engine can judge is left to it.
import { parseBytes } from '../../../domain/bytes.ts'
import { parseCron } from '../../../domain/schedule.ts'
import type { Job, JobHooks, JobInput } from '../../../domain/job.ts'
import type { FieldError } from '../../../domain/problem.ts'
import {
  retentionLimits,
  retentionPolicySchema,
  type RetentionPolicy,
} from '../../../domain/retention-policy.ts'
import { textOf, type FormValues } from './form-values.ts'
import { cronOf, presets, usualWhen, type When } from './when.ts'

/** Thirty days. */
const mostMinutes = 43_200

/** A form that could be read, with what is wrong in its numbers; the input then holds stand-ins for those. */
export interface ReadJobForm {
  readonly input: JobInput
  readonly errors: readonly FieldError[]
}

/**
 * Reads the form. `existing` is the job being edited: settings that the form does not show (made by the command
 * line, say) stay as they are.
 */
export function jobInputOf(values: FormValues, existing?: Job): ReadJobForm {
  const errors: FieldError[] = []
  const type = existing?.type ?? textOf(values, 'type')
  const input: JobInput = {
    name: textOf(values, 'name').trim(),
    type,
    config: configOf(values, existing?.config ?? {}),
    cronExpr: cronExprOf(values, errors),
    retention: policyOf(values, errors),
    enabled: values.has('enabled'),
    coreOnly: values.has('core_only'),
    hooks: hooksOf(values, errors),
    timeoutS: minutesOf(values, 'timeout_min', errors),
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
function configOf(values: FormValues, base: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const config = structuredClone(base) as Record<string, unknown>
  for (const [name, texts] of values) {
    if (!name.startsWith('config.')) continue
    const path = name.slice('config.'.length)
    if (path.endsWith('[]')) put(config, path.slice(0, -2), texts.filter(Boolean))
    else if (path.endsWith(':lines')) put(config, path.slice(0, -':lines'.length), lines(texts.at(-1) ?? ''))
    else put(config, path, texts.at(-1) || undefined)
  }
  return config
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
  } else if (value === undefined) delete config[key]
  else config[key] = value
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
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
