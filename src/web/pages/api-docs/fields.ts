// The fields of a schema as flat lines: what is read on the page of the API comes from the schemas that check requests. Pure.
import { z } from '@hono/zod-openapi'

export interface Field {
  /** `items[].last_run.status` */
  readonly name: string
  /** In words of JSON: `integer`, `string | null`, `"ok" | "degraded"`. */
  readonly type: string
  readonly required: boolean
}

/** What is below that is told only as `object`. */
const deepest = 3

/** `io`: as it is sent to us, or as we answer. */
export function fieldsOf(schema: z.ZodType, io: 'input' | 'output'): readonly Field[] {
  return below(z.toJSONSchema(schema, { io, unrepresentable: 'any' }), '', 0)
}

type Schema = z.core.JSONSchema._JSONSchema

function below(schema: Schema, prefix: string, depth: number): Field[] {
  if (typeof schema === 'boolean') return []
  const inner = variants(schema).filter((one) => typeof one === 'object' && one.type !== 'null')
  if (inner.length > 1) return unique(inner.flatMap((one) => below(one, prefix, depth)))
  const [one] = inner
  if (one === undefined || typeof one === 'boolean') return []
  if (one.type === 'array' && one.items !== undefined && !Array.isArray(one.items)) {
    return below(one.items, `${prefix}[]`, depth)
  }
  if (one.properties === undefined) return []
  return Object.entries(one.properties).flatMap(([key, value]) => {
    const name = prefix === '' ? key : `${prefix}.${key}`
    const field = { name, type: typeOf(value), required: one.required?.includes(key) ?? false }
    return depth >= deepest ? [field] : [field, ...below(value, name, depth + 1)]
  })
}

function variants(schema: z.core.JSONSchema.BaseSchema): readonly Schema[] {
  return schema.anyOf ?? schema.oneOf ?? [schema]
}

/** Of several forms of an answer each field once; one that only some have is not required. */
function unique(fields: readonly Field[]): Field[] {
  const byName = Map.groupBy(fields, (field) => field.name)
  return [...byName.values()].flatMap(([field]) => (field ? [{ ...field, required: false }] : []))
}

function typeOf(schema: Schema): string {
  if (typeof schema === 'boolean') return 'any'
  const forms = schema.anyOf ?? schema.oneOf
  if (forms !== undefined) return forms.map(typeOf).join(' | ')
  const { const: constant, enum: values, default: fallback } = schema
  const one =
    constant !== undefined
      ? JSON.stringify(constant)
      : values !== undefined
        ? values.map((value) => JSON.stringify(value)).join(' | ')
        : plainType(schema)
  return fallback === undefined ? one : `${one} = ${JSON.stringify(fallback)}`
}

function plainType(schema: z.core.JSONSchema.BaseSchema): string {
  if (schema.format === 'date-time') return 'time'
  if (schema.type !== 'array') return [schema.type ?? 'any'].flat().join(' | ')
  const { items } = schema
  return items === undefined || Array.isArray(items) ? 'array' : `${typeOf(items)}[]`
}
