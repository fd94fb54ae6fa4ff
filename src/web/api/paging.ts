// Lists a page at a time. A cursor says where the next page begins; what it is made of is nobody's business.
import { z } from '@hono/zod-openapi'
import { invalid } from '../../domain/problem.ts'

export const pageDefault = 100
export const pageMost = 1000

/** The query of every list; extend it with the list's own filters. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(pageMost).default(pageDefault),
  cursor: z.string().max(500).optional(),
})

/** What a cursor holds, as opaque text. */
export function writeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** The position in a cursor; null without one. `validation_failed` for anything that we did not write. */
export function readCursor<S extends z.ZodType>(schema: S, cursor: string | undefined): z.output<S> | null {
  if (cursor === undefined) return null
  const found = schema.safeParse(parsed(cursor))
  if (!found.success) throw invalid({ field: 'cursor', code: 'unknown_value' })
  return found.data
}

function parsed(cursor: string): unknown {
  if (!/^[A-Za-z0-9_-]+$/.test(cursor)) return undefined
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}

/** A page of rows of which one more than `limit` was asked for. `position`: of the last row that is shown. */
export function pageOfRows<R, W>(
  rows: readonly R[],
  limit: number,
  wire: (row: R) => W,
  position: (row: R) => readonly (string | number)[],
): { items: W[]; next_cursor: string | null } {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(wire),
    next_cursor: rows.length > limit && last !== undefined ? writeCursor(position(last)) : null,
  }
}
