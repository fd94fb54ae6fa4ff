// Checks what came with a request against a schema, and says what is wrong field by field.
import type { z } from '@hono/zod-openapi'
import { invalid, type FieldError } from '../../domain/problem.ts'

/** More than that says nothing more. */
const errorsMost = 50

/** The checked value; without a schema it is dropped. Throws `validation_failed`. */
export function checked<S extends z.ZodType = z.ZodUndefined>(
  schema: S | undefined,
  value: unknown,
): z.output<S> {
  // A handler whose route declares none is typed to get `undefined`.
  if (schema === undefined) return undefined as z.output<S>
  const found = schema.safeParse(value)
  if (found.success) return found.data
  throw invalid(...found.error.issues.slice(0, errorsMost).map(wrong))
}

function wrong(issue: z.core.$ZodIssue): FieldError {
  const field = issue.path.map(String).join('.').slice(0, 200)
  switch (issue.code) {
    case 'invalid_type':
      if (issue.message.endsWith('received undefined')) return { field, code: 'required' }
      if (issue.expected === 'string') return { field, code: 'not_text' }
      if (issue.expected === 'number' || issue.expected === 'int') return { field, code: 'not_number' }
      return { field, code: 'unknown_value' }
    case 'too_big':
      if (issue.origin === 'string' || issue.origin === 'array') {
        return { field, code: 'too_long', facts: { max: Number(issue.maximum) } }
      }
      return { field, code: 'out_of_range', facts: { min: '…', max: Number(issue.maximum) } }
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1) return { field, code: 'required' }
      return { field, code: 'out_of_range', facts: { min: Number(issue.minimum), max: '…' } }
    case 'invalid_value':
    case 'invalid_format':
    case 'invalid_union':
      return { field, code: 'unknown_value' }
    default:
      return { field, code: 'unexpected' }
  }
}
