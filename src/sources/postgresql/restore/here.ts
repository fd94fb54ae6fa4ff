// What the server says that a restore wants to use: rights, roles, the database that would be replaced.
import { z } from 'zod'
import { diskOf } from '../../../sys/disk.ts'
import { errorCode } from '../../../sys/files.ts'
import { literal } from '../quoting.ts'
import type { ReadRecipe } from '../recipe.ts'
import type { Server } from '../server.ts'

const row = z.object({
  version: z.string(),
  number: z.number(),
  superuser: z.boolean(),
  createdb: z.boolean(),
  createrole: z.boolean(),
  /** Roles of the recipe that exist, and whether they may do anything on the server. */
  roles: z.array(z.object({ name: z.string(), superuser: z.boolean() })),
  /** Whether the login may act as the database's owner. Null: there is no such role. */
  ownerOurs: z.boolean().nullable(),
  tablespaces: z.array(z.string()),
  target: z
    .object({
      oid: z.number(),
      /** Whether the login may rename and drop it. */
      ours: z.boolean(),
      template: z.boolean(),
      allowed: z.boolean(),
      /** Transactions that are prepared for another day; nobody can take the database from them. */
      prepared: z.number(),
      /** Sessions that the login may not end. */
      foreign: z.number(),
    })
    .nullable(),
  dataDirectory: z.string().nullable(),
})

export type Here = z.output<typeof row> & {
  /** Database from which the work is done. */
  readonly base: string
  /** Bytes free where the server keeps its data; null when that cannot be told. */
  readonly freeBytes: number | null
}

/** Looks; changes nothing. */
export async function lookHere(
  server: Server,
  base: string,
  recipe: ReadRecipe,
  target: string,
): Promise<Here> {
  const [found] = await server.rows(base, query(recipe, target), row)
  if (!found) throw new Error('a query without a row')
  return { ...found, base, freeBytes: await freeBytes(server, found.dataDirectory) }
}

function query(recipe: ReadRecipe, target: string): string {
  const names = (values: readonly string[]): string => `ARRAY[${values.map(literal).join(', ')}]::text[]`
  return `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
  me.rolsuper AS superuser, me.rolcreatedb AS createdb, me.rolcreaterole AS createrole,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('name', r.rolname, 'superuser', r.rolsuper) ORDER BY r.rolname), '[]')
    FROM pg_roles r WHERE r.rolname = ANY (${names(recipe.roles)})) AS roles,
  (SELECT pg_has_role(r.oid, 'MEMBER') FROM pg_roles r WHERE r.rolname = ${literal(recipe.owner)}) AS "ownerOurs",
  (SELECT coalesce(jsonb_agg(spcname), '[]') FROM pg_tablespace) AS tablespaces,
  (SELECT jsonb_build_object('oid', d.oid::bigint, 'ours', pg_has_role(d.datdba, 'MEMBER'), 'template', d.datistemplate,
    'allowed', d.datallowconn,
    'prepared', (SELECT count(*) FROM pg_prepared_xacts p WHERE p.database = d.datname),
    'foreign', (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.usesysid IS NOT NULL AND a.usesysid <> me.oid
      AND NOT (me.rolsuper OR pg_has_role(a.usesysid, 'MEMBER'))))
    FROM pg_database d WHERE d.datname = ${literal(target)}) AS target,
  (SELECT s.setting FROM pg_settings s WHERE s.name = 'data_directory') AS "dataDirectory"
  FROM pg_roles me WHERE me.rolname = current_user`
}

/** Only a server that was reached through a socket of this machine surely keeps its data here. */
async function freeBytes({ connection }: Server, directory: string | null): Promise<number | null> {
  const { host, password, socket } = connection
  if (directory === null || host !== undefined || (password !== undefined && socket === undefined))
    return null
  try {
    return (await diskOf(directory)).freeBytes
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return null
  }
}
