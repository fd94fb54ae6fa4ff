// What a login may not read: a dump would fail at it, in whatever language the server speaks.
import { z } from 'zod'
import type { Server } from './server.ts'
import type { Trouble } from './trouble.ts'

const row = z.object({ version: z.number(), refused: z.array(z.string()) })

/** Some of the tables and sequences; what belongs to an extension is not dumped. */
const readable = `SELECT current_setting('server_version_num')::int AS version, ARRAY(
  SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
  AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) ORDER BY 1 LIMIT 3) AS refused`

/** The server's version number, and what stands in the way of a dump; null when nothing does. */
export async function readableBy(
  server: Server,
  database: string,
): Promise<{ readonly version: number; readonly refused: Trouble | null }> {
  const [found] = await server.rows(database, readable, row)
  if (!found) throw new Error('a query without a row')
  const { version, refused } = found
  return {
    version,
    refused: refused.length === 0 ? null : { kind: 'permission_denied', detail: refused.join(', ') },
  }
}
