// The job form's model: fields with what was typed and what is wrong with it, and what this machine can offer.
import type { FieldError } from '../../../domain/problem.ts'
import type { Offers } from '../../../engine/engine.ts'
import type { AnySource } from '../../../sources/source.ts'
import type { MessageKey } from '../../../../locales/en.ts'
import type { Formats, T } from '../../i18n.ts'
import { fieldText } from '../../problem-text.ts'
import { textOf, type FormValues } from './form-values.ts'
import { whenOfForm } from './form.ts'
import type { JobPreview } from './preview.ts'
import { typeHint, typeName } from './what.ts'
import { presets, weekdayKeys } from './when.ts'

export interface TypeChoice {
  readonly id: string
  readonly name: string
  readonly hint: string
  readonly current: boolean
  /** Why it cannot be chosen; empty when it can. */
  readonly missing: string
}

/** A retention mode with its numbers. */
export interface ModeChoice extends Choice {
  readonly hint: string
  readonly fields: readonly {
    readonly name: string
    readonly label: string
    readonly min: number
    readonly max: number
  }[]
}

export interface Choice {
  readonly value: string
  readonly label: string
  readonly chosen: boolean
}

/** `value`, `error` and `has` are functions for the template: a name not used yet is simply empty. */
export interface JobFormView {
  readonly id: number | null
  readonly heading: string
  readonly action: string
  readonly previewAction: string
  /** Where the link beside the button leads. */
  readonly cancel: string
  readonly types: readonly TypeChoice[]
  readonly type: string
  readonly typeName: string
  /** The fields of this type; empty for a type that is not known. */
  readonly configTemplate: string
  readonly supportsCoreOnly: boolean
  readonly value: (name: string) => string
  readonly has: (name: string) => boolean
  readonly error: (name: string) => string
  readonly summary: readonly { readonly href: string; readonly text: string }[]
  readonly apps: readonly Choice[]
  readonly parts: readonly Choice[]
  readonly presets: readonly Choice[]
  readonly modes: readonly ModeChoice[]
  readonly weekdays: readonly Choice[]
  readonly timeZone: string
  /** Folded parts that must be open because something in them is set or wrong. */
  readonly openHooks: boolean
  readonly openMore: boolean
  readonly preview: JobPreview
}

export interface FormFacts {
  readonly values: FormValues
  readonly errors: readonly FieldError[]
  readonly offers: Offers
  readonly sources: readonly AnySource[]
  /** The job being edited; null for a new one. */
  readonly editing: { readonly id: number; readonly name: string } | null
  readonly preview: JobPreview
}

/** Fields of the engine that the form calls by another name. */
const aliases: Readonly<Record<string, string>> = { timeout_s: 'timeout_min' }

/** The form. Errors of list items (`config.excludes.2`) stand beside their list. */
export function jobFormView(facts: FormFacts, t: T, f: Formats): JobFormView {
  const { values, offers, editing } = facts
  const type = textOf(values, 'type')
  const errors = errorTexts(facts.errors, t, f)
  const when = whenOfForm(values)
  const source = facts.sources.find((one) => one.id === type)
  const path = editing === null ? '/jobs' : `/jobs/${editing.id}`
  const has = (name: string) => values.has(name)
  return {
    id: editing?.id ?? null,
    heading: editing === null ? t('jobs.new.title') : t('jobs.edit.title', { name: editing.name }),
    action: path,
    previewAction: `${path}/preview`,
    cancel: editing === null ? '/' : path,
    types: facts.sources.map((one) => ({
      id: one.id,
      name: typeName(one.id, t),
      hint: typeHint(one.id, t),
      current: one.id === type,
      missing: missingText(offers, one.id, t),
    })),
    type,
    typeName: typeName(type, t),
    configTemplate: source === undefined ? '' : `/partials/job-config-${source.id}`,
    supportsCoreOnly: source?.supportsCoreOnly ?? false,
    value: (name) => textOf(values, name),
    has,
    error: (name) => errors.get(name)?.join(' ') ?? '',
    summary: inPageOrder([...errors]).map(([field, texts]) => ({
      href: `#${field}`,
      text: t('jobs.form.wrong_field', { label: fieldLabel(field, t), text: texts.join(' ') }),
    })),
    apps: appChoices(offers, textOf(values, 'config.app_id')),
    parts: partChoices(offers, values.get('config.parts[]') ?? []),
    presets: presets.map((value) => ({
      value,
      label: t(`jobs.preset.${value}`),
      chosen: value === when.preset,
    })),
    modes: modeChoices(textOf(values, 'retention.mode'), t),
    weekdays: [1, 2, 3, 4, 5, 6, 0].map((day) => ({
      value: String(day),
      label: t(weekdayKeys[day] ?? weekdayKeys[0]),
      chosen: day === when.weekday,
    })),
    timeZone: f.timeZone,
    openHooks:
      [...errors.keys()].some((field) => field.startsWith('hooks.')) ||
      hasText(values, 'hooks.pre_backup', 'hooks.post_backup'),
    openMore: errors.has('timeout_min') || hasText(values, 'timeout_min'),
    preview: facts.preview,
  }
}

/** Texts by form field, in the order they were found. */
function errorTexts(errors: readonly FieldError[], t: T, f: Formats): Map<string, string[]> {
  const texts = new Map<string, string[]>()
  for (const error of errors) {
    const name = aliases[error.field] ?? error.field.replace(/\.\d+$/, '')
    const text = fieldText({ t, f }, error)
    const known = texts.get(name) ?? []
    if (!known.includes(text)) texts.set(name, [...known, text])
  }
  return texts
}

const pageOrder = [
  /^type$/,
  /^config\./,
  /^name$/,
  /^(time-|minute|weekday|day|cron)/,
  /^retention/,
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
  timeout_min: 'jobs.field.timeout',
  'hooks.pre_backup': 'jobs.field.pre_hook',
  'hooks.post_backup': 'jobs.field.post_hook',
  'hooks.timeout_s': 'jobs.field.hook_timeout',
  'config.app_id': 'jobs.field.app',
  'config.parts': 'jobs.field.parts',
  'config.source_path': 'jobs.field.path',
  'config.excludes': 'jobs.field.excludes',
}

function fieldLabel(field: string, t: T): string {
  const key = fieldLabels[field]
  if (key !== undefined) return t(key)
  const number = modeNumbers.find((one) => `retention.${one}` === field)
  if (number !== undefined) return t('jobs.field.in_keep', { field: t(`jobs.field.${number}`) })
  return field
}

const modeNumbers = ['daily', 'weekly', 'monthly', 'yearly', 'days', 'count'] as const

function missingText(offers: Offers, type: string, t: T): string {
  const tool = offers.missing[type]
  return tool === undefined ? '' : t('jobs.type.missing', { tool })
}

const modeFields = {
  gfs: [
    ['daily', 36_500],
    ['weekly', 5200],
    ['monthly', 1200],
    ['yearly', 100],
  ],
  daily: [['days', 36_500]],
  count: [['count', 100_000]],
} as const

function modeChoices(chosen: string, t: T): readonly ModeChoice[] {
  const known = Object.hasOwn(modeFields, chosen) ? chosen : 'gfs'
  return (['gfs', 'daily', 'count'] as const).map((mode) => ({
    value: mode,
    label: t(`jobs.mode.${mode}`),
    hint: t(`jobs.mode.${mode}_hint`),
    chosen: mode === known,
    fields: modeFields[mode].map(([name, max]) => ({
      name: `retention.${name}`,
      label: t(`jobs.field.${name}`),
      min: mode === 'gfs' ? 0 : 1,
      max,
    })),
  }))
}

/** The installed apps, and the chosen one even when it is not installed any more. */
function appChoices(offers: Offers, chosen: string): readonly Choice[] {
  const installed = offers.apps.map((app) => ({
    value: app.id,
    label: app.name === app.id ? app.id : `${app.name} (${app.id})`,
    chosen: app.id === chosen,
  }))
  return chosen === '' || installed.some((app) => app.chosen)
    ? installed
    : [...installed, { value: chosen, label: chosen, chosen: true }]
}

function partChoices(offers: Offers, chosen: readonly string[]): readonly Choice[] {
  return [...new Set([...offers.parts, ...chosen.filter(Boolean)])].map((part) => ({
    value: part,
    label: part,
    chosen: chosen.includes(part),
  }))
}

function hasText(values: FormValues, ...names: readonly string[]): boolean {
  return names.some((name) => textOf(values, name) !== '')
}
