// What is wrong with a job form, in words: beside its fields, and as a list in the order of the page.
import type { FieldError } from '../../../domain/problem.ts'
import type { MessageKey } from '../../../../locales/en.ts'
import type { Formats, T } from '../../i18n.ts'
import { fieldText } from '../../problem-text.ts'

/** Fields of the engine that the form calls by another name. */
const aliases: Readonly<Record<string, string>> = { timeout_s: 'timeout_min' }

/** Texts by form field, in the order they were found. Errors of list items (`config.excludes.2`) are their list's. */
export function errorTexts(
  errors: readonly FieldError[],
  t: T,
  f: Formats,
): ReadonlyMap<string, readonly string[]> {
  const texts = new Map<string, string[]>()
  for (const error of errors) {
    const name = aliases[error.field] ?? error.field.replace(/\.\d+$/, '')
    const text = fieldText({ t, f }, error)
    const known = texts.get(name) ?? []
    if (!known.includes(text)) texts.set(name, [...known, text])
  }
  return texts
}

/** The list at the top of the page: each line leads to its field. */
export function errorSummary(
  errors: ReadonlyMap<string, readonly string[]>,
  t: T,
): readonly { readonly href: string; readonly text: string }[] {
  return inPageOrder([...errors]).map(([field, texts]) => ({
    href: `#${field}`,
    text: t('jobs.form.wrong_field', { label: fieldLabel(field, t), text: texts.join(' ') }),
  }))
}

const pageOrder = [
  /^type$/,
  /^config\.(?!restore)/,
  /^config\./,
  /^name$/,
  /^(time-|minute|weekday|day|cron)/,
  /^retention/,
  /^drill\./,
  /^hooks\./,
]

function inPageOrder<E>(errors: readonly (readonly [string, E])[]): readonly (readonly [string, E])[] {
  const place = ([field]: readonly [string, E]) => {
    const at = pageOrder.findIndex((pattern) => pattern.test(field))
    return at < 0 ? pageOrder.length : at
  }
  return errors.toSorted((a, b) => place(a) - place(b))
}

const fieldLabels: Readonly<Record<string, MessageKey>> = {
  name: 'jobs.field.name',
  type: 'jobs.field.type',
  cron_expr: 'jobs.field.cron',
  'time-daily': 'jobs.field.time',
  'time-weekly': 'jobs.field.time',
  'time-monthly': 'jobs.field.time',
  minute: 'jobs.field.minute',
  day: 'jobs.field.day',
  weekday: 'jobs.field.weekday',
  retention: 'jobs.section.keep',
  'retention.max_bytes': 'jobs.field.max_bytes',
  'drill.depth': 'drills.field.depth',
  'drill.every_days': 'drills.field.every_days',
  timeout_min: 'jobs.field.timeout',
  'hooks.pre_backup': 'jobs.field.pre_hook',
  'hooks.post_backup': 'jobs.field.post_hook',
  'hooks.timeout_s': 'jobs.field.hook_timeout',
  'config.app_id': 'jobs.field.app',
  'config.parts': 'jobs.field.parts',
  'config.source_path': 'jobs.field.path',
  'config.excludes': 'jobs.field.excludes',
  'config.database': 'jobs.field.database',
  'config.user': 'jobs.field.db_user',
  'config.password': 'jobs.field.password',
  'config.host': 'jobs.field.host',
  'config.port': 'jobs.field.port',
  'config.socket': 'jobs.field.socket',
  'config.restore.system_user.name': 'jobs.field.sys_user',
  'config.restore.system_user.home': 'jobs.field.sys_home',
  'config.restore.system_user.shell': 'jobs.field.sys_shell',
  'config.restore.systemd_service.name': 'jobs.field.service',
  'config.restore.systemd_service.service_file': 'jobs.field.service_file',
  'config.restore.permissions.owner': 'jobs.field.owner',
  'config.restore.permissions.mode': 'jobs.field.mode',
  'config.restore.firewall_ports': 'jobs.field.ports',
  'config.restore.post_restore_commands': 'jobs.field.commands',
}

function fieldLabel(field: string, t: T): string {
  const key = fieldLabels[field]
  if (key !== undefined) return t(key)
  const number = modeNumbers.find((one) => `retention.${one}` === field)
  if (number !== undefined) return t('jobs.field.in_keep', { field: t(`jobs.field.${number}`) })
  return field
}

const modeNumbers = ['daily', 'weekly', 'monthly', 'yearly', 'days', 'count'] as const
