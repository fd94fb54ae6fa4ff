// The settings as fields of a form: unit, limits, and the way from what is typed to what is stored.
import { z } from 'zod'
import { exactBytes, parseBytes } from '../../../domain/bytes.ts'
import { type InstanceSettings, instanceSettingsSchema } from '../../../domain/settings.ts'
import type { MessageKey } from '../../../../locales/en.ts'
import type { T } from '../../i18n.ts'

type Key = keyof InstanceSettings
/** Written like `50GiB`, empty for null; all others are whole numbers. */
type SizeKey = 'diskReserveBytes'
type WholeKey = Exclude<Key, SizeKey>

/** How many stored units make one of those that are shown, and what these are called. */
const units: Readonly<Record<WholeKey, { readonly by: number; readonly unit: MessageKey }>> = {
  verifyEveryDays: { by: 1, unit: 'settings.unit.days' },
  generalLaneSize: { by: 1, unit: 'settings.unit.runs' },
  defaultTimeoutS: { by: 60, unit: 'settings.unit.minutes' },
  historyDays: { by: 1, unit: 'settings.unit.days' },
  catchUpSpreadMin: { by: 1, unit: 'settings.unit.minutes' },
}
export const settingKeys: readonly Key[] = z.keyof(instanceSettingsSchema).options

const limitsSchema = z.object({ minimum: z.number().default(0), maximum: z.number().default(Infinity) })
const described = z
  .object({ properties: z.record(z.string(), limitsSchema) })
  .parse(z.toJSONSchema(instanceSettingsSchema, { io: 'input' }))

/** The limits of a number in the unit that is shown. */
export function limitsOf(key: WholeKey): { readonly min: number; readonly max: number } {
  const { minimum, maximum } = described.properties[key] ?? { minimum: 0, maximum: Infinity }
  return { min: minimum / units[key].by, max: maximum / units[key].by }
}

/** What the field shows for a stored value. */
export function shownValue(key: Key, settings: InstanceSettings): string {
  if (key !== 'diskReserveBytes') return String(Math.round((settings[key] / units[key].by) * 100) / 100)
  return settings[key] === null ? '' : exactBytes(settings[key])
}

export interface ReadForm {
  /** Fields that are not in the form stay as they are. */
  readonly change: Partial<InstanceSettings>
  readonly errors: Readonly<Record<string, string>>
}

/** Reads the form, with the text of what is wrong for each field. */
export function readForm(form: URLSearchParams, t: T): ReadForm {
  const change: { -readonly [K in Key]?: InstanceSettings[K] } = {}
  const errors: Record<string, string> = {}
  for (const key of settingKeys) {
    const typed = form.get(key)?.trim()
    if (typed === undefined) continue
    if (key === 'diskReserveBytes') {
      const bytes = typed === '' ? null : parseBytes(typed)
      if (bytes === null && typed !== '') errors[key] = t('settings.wrong_size')
      else change[key] = bytes
      continue
    }
    const read = readNumber(key, typed, t)
    if (typeof read === 'string') errors[key] = read
    else change[key] = read
  }
  return { change, errors }
}

/** The number to store, or what is wrong with the typed one. Where units are turned, two decimals are possible. */
function readNumber(key: WholeKey, typed: string, t: T): number | string {
  if (typed === '') return t('field.required')
  const { by } = units[key]
  if (!(by === 1 ? /^\d{1,9}$/ : /^\d{1,9}([.,]\d{1,2})?$/).test(typed)) return t('field.not_number')
  const { min, max } = limitsOf(key)
  const number = Number(typed.replace(',', '.'))
  return number < min || number > max ? t('field.out_of_range', { min, max }) : Math.round(number * by)
}

export interface SettingField {
  readonly name: Key
  readonly label: string
  readonly hint: string
  /** Empty for a size, whose unit is typed. */
  readonly unit: string
  readonly value: string
  readonly error: string
}

/** The fields in their order, with what was typed where something was wrong. */
export function settingFields(
  settings: InstanceSettings,
  t: T,
  wrong?: { readonly typed: URLSearchParams; readonly errors: Readonly<Record<string, string>> },
): readonly SettingField[] {
  return settingKeys.map((name) => ({
    name,
    label: t(`settings.${name}`),
    hint: t(`settings.${name}.hint`),
    unit: name === 'diskReserveBytes' ? '' : t(units[name].unit),
    value: wrong?.typed.get(name) ?? shownValue(name, settings),
    error: wrong?.errors[name] ?? '',
  }))
}
