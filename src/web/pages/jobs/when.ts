// The schedule as people say it (every day at 03:00) and as cron says it; anything else stays an expression.
import type { T } from '../../i18n.ts'

export const presets = ['hourly', 'daily', 'weekly', 'monthly', 'custom'] as const
export type Preset = (typeof presets)[number]

/** What the form's "When" section holds. `time` is `HH:MM`, `weekday` 0 (Sunday) to 6. */
export interface When {
  readonly preset: Preset
  readonly minute: number
  readonly time: string
  readonly weekday: number
  readonly day: number
  readonly expr: string
}

/** What the form shows before anything was chosen: every night at three. */
export const usualWhen: When = {
  preset: 'daily',
  minute: 0,
  time: '03:00',
  weekday: 0,
  day: 1,
  expr: '0 3 * * *',
}

const nicknames: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
}

/** The cron expression of a choice. */
export function cronOf(when: When): string {
  const [hour, minute] = when.time.split(':').map(Number)
  switch (when.preset) {
    case 'hourly':
      return `${when.minute} * * * *`
    case 'daily':
      return `${minute ?? 0} ${hour ?? 0} * * *`
    case 'weekly':
      return `${minute ?? 0} ${hour ?? 0} * * ${when.weekday}`
    case 'monthly':
      return `${minute ?? 0} ${hour ?? 0} ${when.day} * *`
    case 'custom':
      return when.expr.trim()
  }
}

/** The choice that stands for an expression; `custom` when no preset says exactly the same. */
export function whenOf(expr: string): When {
  const custom: When = { ...usualWhen, preset: 'custom', expr }
  const fields = (nicknames[expr.trim().toLowerCase()] ?? expr).trim().split(/\s+/)
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields
  if (fields.length !== 5 || month !== '*' || !isNumber(minute, 59)) return custom
  if (hour === '*') {
    return day === '*' && weekday === '*' ? { ...custom, preset: 'hourly', minute: Number(minute) } : custom
  }
  if (!isNumber(hour, 23)) return custom
  const time = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`
  if (day === '*' && weekday === '*') return { ...custom, preset: 'daily', time }
  if (day === '*' && isNumber(weekday, 7)) {
    return { ...custom, preset: 'weekly', time, weekday: Number(weekday) % 7 }
  }
  if (weekday === '*' && isNumber(day, 31) && day !== '0') {
    return { ...custom, preset: 'monthly', time, day: Number(day) }
  }
  return custom
}

/** The schedule in words, e.g. `every day at 03:00`; an expression that no preset covers is shown as it is. */
export function whenInWords(expr: string, t: T): string {
  const when = whenOf(expr)
  switch (when.preset) {
    case 'hourly':
      return t('jobs.when.hourly', { minute: String(when.minute).padStart(2, '0') })
    case 'daily':
      return t('jobs.when.daily', { time: when.time })
    case 'weekly':
      return t('jobs.when.weekly', {
        time: when.time,
        weekday: t(weekdayKeys[when.weekday] ?? weekdayKeys[0]),
      })
    case 'monthly':
      return t('jobs.when.monthly', { time: when.time, day: when.day })
    case 'custom':
      return t('jobs.when.custom', { expr })
  }
}

export const weekdayKeys = [
  'jobs.weekday.0',
  'jobs.weekday.1',
  'jobs.weekday.2',
  'jobs.weekday.3',
  'jobs.weekday.4',
  'jobs.weekday.5',
  'jobs.weekday.6',
] as const

function isNumber(text: string, most: number): boolean {
  return /^\d{1,2}$/.test(text) && Number(text) <= most
}
