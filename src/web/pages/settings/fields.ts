// The settings as fields of a form: unit, limits, and the way from what is typed to what is stored.
import { z } from 'zod'
import { exactBytes, parseBytes } from '../../../domain/bytes.ts'
import { type InstanceSettings, instanceSettingsSchema } from '../../../domain/settings.ts'
import type { MessageKey } from '../../../../locales/en.ts'
import type { T } from '../../i18n.ts'

type Key = keyof InstanceSettings

/** `by`: how many stored units make one of those that are shown. `bytes` is written like `50GiB`, empty for null. */
type Kind = { readonly kind: 'whole'; readonly by: number } | { readonly kind: 'bytes' }

const kinds: Readonly<Record<Key, Kind>> = {
  verifyEveryDays: { kind: 'whole', by: 1 },
  diskReserveBytes: { kind: 'bytes' },
  generalLaneSize: { kind: 'whole', by: 1 },
  defaultTimeoutS: { kind: 'whole', by: 60 },
  historyDays: { kind: 'whole', by: 1 },
  catchUpSpreadMin: { kind: 'whole', by: 1 },
}
export const settingKeys: readonly Key[] = z.keyof(instanceSettingsSchema).options

const limitsSchema = z.object({ minimum: z.number().optional(), maximum: z.number().optional() })
const described = z
  .object({ properties: z.record(z.string(), limitsSchema) })
  .parse(z.toJSONSchema(instanceSettingsSchema, { io: 'input' }))

/** The limits of a field in the unit that is shown. */
export function limitsOf(key: Key): { readonly min: number; readonly max: number } {
  const kind = kinds[key]
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = described.properties[key] ?? {}
  return kind.kind === 'bytes' ? { min: minimum, max: maximum } : { min: minimum / kind.by, max: maximum / kind.by }
}

/** What the field shows for a stored value. */
export function shownValue(key: Key, settings: InstanceSettings): string {
  const kind = kinds[key]
  const value = settings[key]
  if (value === null) return ''
  return kind.kind === 'bytes' ? exactBytes(value) : String(Math.round((value / kind.by) * 100) / 100)
}

export interface ReadForm {
  readonly change: Partial<InstanceSettings>
  readonly errors: Readonly<Record<string, string>>
}

/** Reads the form; fields that are not in it stay as they are. */
export function readForm(form: URLSearchParams, t: T): ReadForm {
  const change: Partial<Record<Key, number | null>> = {}
  const errors: Record<string, string> = {}
  for (const key of settingKeys) {
    const typed = form.get(key)?.trim()
    if (typed === undefined) continue
    const read = kinds[key].kind === 'bytes' ? readBytes(typed, t) : readWhole(key, typed, t)
    if (typeof read === 'string') errors[key] = read
    else change[key] = read
  }
  // Each value has been checked against the limits of its own key; the engine checks them once more.
  const parsed = instanceSettingsSchema.partial().safeParse(change)
  return { change: parsed.success ? parsed.data : {}, errors }
}

/** Bytes, null for "automatic", or the text that says what is wrong. */
function readBytes(typed: string, t: T): number | null | string {
  if (typed === '') return null
  return parseBytes(typed) ?? t('settings.wrong_size')
}

function readWhole(key: Key, typed: string, t: T): number | string {
  const kind = kinds[key]
  if (typed === '') return t('field.required')
  if (!/^\d{1,9}([.,]\d{1,2})?$/.test(typed) || kind.kind !== 'whole') return t('field.not_number')
  const value = Math.round(Number(typed.replace(',', '.')) * kind.by)
  if (kind.by === 1 && !/^\d+$/.test(typed)) return t('field.not_number')
  const { min, max } = limitsOf(key)
  return value < min * kind.by || value > max * kind.by ? t('field.out_of_range', { min, max }) : value
}

export interface SettingField {
  readonly name: Key
  readonly label: string
  readonly hint: string
  /** Empty for a size, whose unit is typed. */
  readonly unit: string
  readonly numeric: boolean
  readonly value: string
  readonly error: string
}

const units: Readonly<Record<Key, MessageKey | null>> = {
  verifyEveryDays: 'settings.unit.days',
  diskReserveBytes: null,
  generalLaneSize: 'settings.unit.runs',
  defaultTimeoutS: 'settings.unit.minutes',
  historyDays: 'settings.unit.days',
  catchUpSpreadMin: 'settings.unit.minutes',
}

/** The fields in their order, with what was typed where something was wrong. */
export function settingFields(
  settings: InstanceSettings,
  t: T,
  wrong?: { readonly typed: URLSearchParams; readonly errors: Readonly<Record<string, string>> },
): readonly SettingField[] {
  return settingKeys.map((name) => {
    const unit = units[name]
    return {
      name,
      label: t(`settings.${name}`),
      hint: t(`settings.${name}.hint`),
      unit: unit === null ? '' : t(unit),
      numeric: kinds[name].kind === 'whole',
      value: wrong?.typed.get(name) ?? shownValue(name, settings),
      error: wrong?.errors[name] ?? '',
    }
  })
}
