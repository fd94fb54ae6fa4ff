// JSON columns are checked on the way out. One row that cannot be read must not hide the others, nor pass for a good one.
import type { z } from 'zod'
import { Problem } from '../domain/problem.ts'

/** Reads one column; `instead` stands in for it where a list must not break. */
export type ReadJson = <T>(column: string, text: string, schema: z.ZodType<T>, instead: T) => T

/**
 * What lists return: rows with a column that could not be read are not left out. The column has a harmless stand-in
 * and is named in `unreadable`. Whoever acts on such a row reads it alone first, which throws.
 */
export type Listed<T> = T & { readonly unreadable?: readonly string[] }

/** One row for somebody who will act on it. Throws `record_damaged` naming table, row and column. */
export function readOne<Row, T>(
  table: string,
  id: string | number,
  row: Row,
  map: (row: Row, json: ReadJson) => T,
): T {
  return map(row, (column, text, schema) => {
    const read = parse(text, schema)
    if (read.ok) return read.value
    const where = `${table} ${id}, ${column}`
    throw new Problem('record_damaged', { where, detail: 'unreadable JSON' }, { cause: read.error })
  })
}

/** One row of a list: see {@link Listed}. */
export function readListed<Row, T extends object>(row: Row, map: (row: Row, json: ReadJson) => T): Listed<T> {
  const unreadable: string[] = []
  const value = map(row, (column, text, schema, instead) => {
    const read = parse(text, schema)
    if (read.ok) return read.value
    unreadable.push(column)
    return instead
  })
  return unreadable.length === 0 ? value : { ...value, unreadable }
}

type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }

function parse<T>(text: string, schema: z.ZodType<T>): Read<T> {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (error) {
    return { ok: false, error }
  }
  const checked = schema.safeParse(raw)
  return checked.success ? { ok: true, value: checked.data } : { ok: false, error: checked.error }
}
