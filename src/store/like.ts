// Search by part of a text.
import { sql, type RawBuilder } from 'kysely'

/** True where `column` contains `text` as it is typed: `%` and `_` mean themselves, (ASCII) case does not matter. */
export function contains(column: string, text: string): RawBuilder<boolean> {
  const pattern = `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
  return sql<boolean>`${sql.ref(column)} LIKE ${pattern} ESCAPE '\\'`
}
