// Columns that say in codes and facts what happened.
import { z } from 'zod'
import { problems, type Facts, type ProblemCode } from '../domain/problem.ts'
import type { ReadJson } from './json.ts'

/** A column that holds facts. */
export const factsSchema: z.ZodType<Facts> = z.record(z.string(), z.union([z.string(), z.number()]))
const problemCode = z.custom<ProblemCode>(
  (value) => typeof value === 'string' && Object.hasOwn(problems, value),
)

/** Why something ended as it did; `errorCode` is null when nothing went wrong. */
export function errorOf(
  row: { readonly error_code: string | null; readonly error_facts: string },
  json: ReadJson,
): { readonly errorCode: ProblemCode | null; readonly errorFacts: Facts } {
  return {
    errorCode:
      row.error_code === null
        ? null
        : json<ProblemCode>('error_code', JSON.stringify(row.error_code), problemCode, 'internal'),
    errorFacts: json('error_facts', row.error_facts, factsSchema, {}),
  }
}
