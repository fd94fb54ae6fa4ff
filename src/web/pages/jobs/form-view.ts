// The job form's model: fields with what was typed and what is wrong with it, and what this machine can offer.
import type { SourceOffers } from '../../../domain/helper-protocol.ts'
import type { Job } from '../../../domain/job.ts'
import type { Destination } from '../../../domain/transfer.ts'
import type { FieldError } from '../../../domain/problem.ts'
import type { Offers } from '../../../engine/engine.ts'
import type { AnySource } from '../../../sources/source.ts'
import type { Formats, T } from '../../i18n.ts'
import { visibleName } from '../../visible-name.ts'
import { depthsOfType } from './drills-view.ts'
import { errorSummary, errorTexts } from './form-errors.ts'
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

export interface HintedChoice extends Choice {
  readonly hint: string
}

/** A retention mode with its numbers. */
export interface ModeChoice extends HintedChoice {
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
  /** All texts of a field that may have several. */
  readonly list: (name: string) => readonly string[]
  /** A secret of this name is stored. What it is never comes here. */
  readonly stored: (name: string) => boolean
  /** Something is typed or wrong in a field whose name begins so: folded parts are then open. */
  readonly touched: (...names: readonly string[]) => boolean
  readonly summary: readonly { readonly href: string; readonly text: string }[]
  readonly apps: readonly Choice[]
  readonly parts: readonly Choice[]
  /** Of the server that the form names, as far as it could be asked. */
  readonly databases: readonly string[]
  /** What the server has, or why it could not be asked; may be empty. */
  readonly databaseHint: string
  readonly depths: readonly HintedChoice[]
  /** Where copies may go; `off`: nothing is sent there now. */
  readonly destinations: readonly (Choice & { readonly off: boolean })[]
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
  /** What the type itself found on the machine; null for a type that is not asked. */
  readonly offered: SourceOffers | null
  /** Form names of the secrets that are stored with the job. */
  readonly stored: ReadonlySet<string>
  /** The job being edited; null for a new one. */
  readonly editing: Pick<Job, 'id' | 'name' | 'type'> | null
  readonly preview: JobPreview
  /** All that there are. */
  readonly destinations: readonly Pick<Destination, 'id' | 'name' | 'enabled'>[]
}

/** The form. */
export function jobFormView(facts: FormFacts, t: T, f: Formats): JobFormView {
  const { values, offers, editing } = facts
  const type = editing?.type ?? textOf(values, 'type')
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
    list: (name) => values.get(name) ?? [],
    stored: (name) => facts.stored.has(name),
    touched: (...names) =>
      names.some(
        (name) =>
          [...errors.keys()].some((field) => field.startsWith(name)) ||
          [...values].some(([field, texts]) => field.startsWith(name) && texts.some(Boolean)),
      ),
    summary: errorSummary(errors, t),
    databases: facts.offered?.databases ?? [],
    databaseHint: databaseHint(facts.offered, t),
    depths: depthChoices(source, textOf(values, 'drill.depth'), t),
    destinations: facts.destinations.map(({ id, name, enabled }) => ({
      value: String(id),
      label: visibleName(name),
      chosen: (values.get('destinations') ?? []).includes(String(id)),
      off: !enabled,
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

/** Names that are shown; the rest is a number. All of them are in the field's own list. */
const shownDatabases = 12

function databaseHint(offered: SourceOffers | null, t: T): string {
  if (offered === null) return ''
  const { databases, missingTool, error } = offered
  if (missingTool !== null) return t('jobs.type.missing', { tool: missingTool })
  if (databases === null) return error === null ? '' : t('jobs.field.database_unknown', { reason: error })
  if (databases.length === 0) return t('jobs.field.database_none')
  const more = databases.length - shownDatabases
  const names = databases.slice(0, shownDatabases).join(', ')
  return t('jobs.field.database_offered', {
    names: more > 0 ? `${names} ${t('jobs.field.database_more', { count: more })}` : names,
  })
}

/** None, reading again, and what the type can do beyond that. */
function depthChoices(source: AnySource | undefined, chosen: string, t: T): readonly HintedChoice[] {
  return [
    {
      value: '',
      label: t('drills.field.none'),
      hint: t('drills.field.none_hint'),
      chosen: chosen === '',
    },
    ...depthsOfType(source).map((value) => ({
      value,
      label: t(`drill.depth.${value}`),
      hint: t(`drills.depth_hint.${value}`),
      chosen: value === chosen,
    })),
  ]
}

function hasText(values: FormValues, ...names: readonly string[]): boolean {
  return names.some((name) => textOf(values, name) !== '')
}
