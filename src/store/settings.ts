// The table `settings`: one JSON value per key. What an admin may change is in `domain/settings.ts`.
import { z } from 'zod'
import { invalid, Problem, type FieldError } from '../domain/problem.ts'
import { instanceSettingsSchema, type InstanceSettings } from '../domain/settings.ts'
import { readOne } from './json.ts'
import { inTransaction, type Q } from './schema.ts'

const INSTANCE = 'instance'
/** Lenient about keys that another version knows; each value is checked when the whole is put together. */
const storedSettings = z.record(z.string(), z.unknown())

/** Everything that was never changed has its default. Throws `record_damaged` when the row cannot be read. */
export async function getSettings(q: Q): Promise<InstanceSettings> {
  return instanceSettings((await getValue(q, INSTANCE, storedSettings)) ?? {})
}

/** The settings after the change. Throws `validation_failed` with the wrong fields; nothing is written then. */
export function putSettings(q: Q, change: Partial<InstanceSettings>, now: number): Promise<InstanceSettings> {
  return inTransaction(q, async (trx) => {
    const merged = instanceSettingsSchema.safeParse({ ...(await getSettings(trx)), ...change })
    if (!merged.success) throw invalid(...merged.error.issues.map(toFieldError))
    await putValue(trx, INSTANCE, merged.data, now)
    return merged.data
  })
}

async function getValue<T>(q: Q, key: string, schema: z.ZodType<T>): Promise<T | null> {
  const row = await q.selectFrom('settings').select('value_json').where('key', '=', key).executeTakeFirst()
  if (!row) return null
  return readOne('settings', key, row, (r, json) =>
    json<T | null>('value_json', r.value_json, schema.nullable(), null),
  )
}

async function putValue(q: Q, key: string, value: unknown, now: number): Promise<void> {
  const columns = { value_json: JSON.stringify(value), updated_at: now }
  await q
    .insertInto('settings')
    .values({ key, ...columns })
    .onConflict((oc) => oc.column('key').doUpdateSet(columns))
    .execute()
}

function instanceSettings(stored: Readonly<Record<string, unknown>>): InstanceSettings {
  const known = Object.entries(stored).filter(([key]) => Object.hasOwn(instanceSettingsSchema.shape, key))
  const read = instanceSettingsSchema.safeParse(Object.fromEntries(known))
  if (read.success) return read.data
  const where = `settings ${INSTANCE}, value_json`
  throw new Problem('record_damaged', { where, detail: z.prettifyError(read.error) }, { cause: read.error })
}

function toFieldError(issue: z.core.$ZodIssue): FieldError {
  const field = issue.code === 'unrecognized_keys' ? (issue.keys[0] ?? '') : issue.path.join('.')
  if (issue.code === 'unrecognized_keys') return { field, code: 'unexpected' }
  if (issue.code === 'too_small')
    return { field, code: 'out_of_range', facts: { min: Number(issue.minimum) } }
  if (issue.code === 'too_big') return { field, code: 'out_of_range', facts: { max: Number(issue.maximum) } }
  return { field, code: 'not_number' }
}
