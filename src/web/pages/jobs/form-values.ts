// The job form as it was typed: names and texts. A wrong form goes back to the page exactly so.
import { exactBytes } from '../../../domain/bytes.ts'
import type { Job } from '../../../domain/job.ts'
import type { RetentionPolicy } from '../../../domain/retention-policy.ts'
import type { EditedJob } from './form.ts'
import { usualWhen, whenOf, type When } from './when.ts'

/**
 * Texts by field name. Settings of the source are `config.<key>`, nested keys with more dots. What follows the name says
 * what the text means, so that no type is known by name here: `[]` a list of values, `:lines` a list with one value a
 * line, `:numbers` numbers with commas or spaces between them, `:number` a number, `:flag` yes (`1`) or no (empty). A ticked
 * `forget.<name>` takes a stored secret away.
 */
export type FormValues = ReadonlyMap<string, readonly string[]>

const usualDrillDays = 30

/** The texts of a submitted form. */
export function readForm(form: URLSearchParams): FormValues {
  const values = new Map<string, string[]>()
  for (const [name, value] of form) {
    // Browsers send line ends as CR LF whatever was typed.
    const text = value.replaceAll('\r\n', '\n')
    values.set(name, [...(values.get(name) ?? []), text])
  }
  return values
}

/** The one text of a field, empty when it was not sent. */
export function textOf(values: FormValues, name: string): string {
  return values.get(name)?.at(-1) ?? ''
}

/** What a new job starts with: every night at three, a week of days, a month of weeks, half a year of months. */
export function newForm(type: string, name = ''): FormValues {
  return entries({
    type,
    name,
    enabled: '1',
    'drill.depth': '',
    'drill.every_days': String(usualDrillDays),
    ...whenFields(usualWhen),
    ...retentionFields({ mode: 'gfs', daily: 7, weekly: 4, monthly: 6, yearly: 0 }),
  })
}

/** The form of a stored job, without its secrets: they never reach a page. */
export function formOfJob({ job, secrets }: EditedJob): FormValues {
  const config = new Map<string, readonly string[]>()
  flatten('config', without(job.config, secrets), config)
  return new Map([
    ...entries({
      type: job.type,
      name: job.name,
      ...(job.enabled ? { enabled: '1' } : {}),
      ...(job.coreOnly ? { core_only: '1' } : {}),
      timeout_min: job.timeoutS === null ? '' : String(job.timeoutS / 60),
      'hooks.pre_backup': job.hooks.preBackup ?? '',
      'hooks.post_backup': job.hooks.postBackup ?? '',
      'hooks.timeout_s': String(job.hooks.timeoutS),
      'drill.depth': job.drill?.depth ?? '',
      'drill.every_days': String(job.drill?.everyDays ?? usualDrillDays),
      ...whenFields(whenOf(job.cronExpr)),
      ...retentionFields(job.retention),
    }),
    ...config,
  ])
}

/** Settings without some of them. */
export function without(config: Job['config'], keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !keys.includes(key)))
}

function whenFields(when: When): Record<string, string> {
  return {
    preset: when.preset,
    minute: String(when.minute),
    // The three presets with a time are shown each with its own field.
    'time-daily': when.time,
    'time-weekly': when.time,
    'time-monthly': when.time,
    weekday: String(when.weekday),
    day: String(when.day),
    cron_expr: when.expr,
  }
}

function retentionFields(policy: RetentionPolicy): Record<string, string> {
  const fields = {
    'retention.mode': policy.mode,
    'retention.count': '14',
    'retention.days': '30',
    'retention.daily': '7',
    'retention.weekly': '4',
    'retention.monthly': '6',
    'retention.yearly': '0',
    'retention.max_bytes': policy.maxBytes === undefined ? '' : exactBytes(policy.maxBytes),
  }
  switch (policy.mode) {
    case 'count':
      return { ...fields, 'retention.count': String(policy.count) }
    case 'daily':
      return { ...fields, 'retention.days': String(policy.days) }
    case 'gfs':
      return {
        ...fields,
        'retention.daily': String(policy.daily),
        'retention.weekly': String(policy.weekly),
        'retention.monthly': String(policy.monthly),
        'retention.yearly': String(policy.yearly),
      }
  }
}

/**
 * Lists are given under all of their names, so that a template may choose checkboxes, lines or numbers; but a list with a
 * value of several lines has no `:lines`, which would tear it apart.
 */
function flatten(name: string, value: unknown, into: Map<string, readonly string[]>): void {
  if (Array.isArray(value)) {
    const texts = value.map(String)
    into.set(`${name}[]`, texts)
    if (texts.every((text) => !text.includes('\n'))) into.set(`${name}:lines`, [texts.join('\n')])
    if (value.every((one) => typeof one === 'number')) into.set(`${name}:numbers`, [texts.join(', ')])
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) flatten(`${name}.${key}`, inner, into)
  } else if (typeof value === 'boolean') {
    into.set(`${name}:flag`, [value ? '1' : ''])
  } else if (typeof value === 'number') {
    into.set(`${name}:number`, [String(value)])
  } else if (typeof value === 'string') {
    into.set(name, [value])
  }
}

function entries(fields: Readonly<Record<string, string>>): FormValues {
  return new Map(Object.entries(fields).map(([name, value]) => [name, [value]]))
}
