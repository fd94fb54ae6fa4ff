// Creates the roles that a database needs and that are not here, and removes them again. A mark in their comment tells
// them from roles that somebody else made in the same moment.
import { z } from 'zod'
import { identifier, literal } from '../quoting.ts'
import type { ReadRecipe } from '../recipe.ts'
import type { Server } from '../server.ts'
import { sqlState } from '../trouble.ts'

/** Runs the recipe's statements; `missing` are the roles that they will create. */
export async function createRoles(
  server: Server,
  base: string,
  recipe: ReadRecipe,
  missing: readonly string[],
): Promise<void> {
  const marks = missing.map((name) => `COMMENT ON ROLE ${identifier(name)} IS ${literal(markOf(server))};`)
  // The statements hold verifiers of passwords.
  await server.script(base, [recipe['roles.sql'], ...marks].join('\n'), { transaction: true, secret: true })
}

/** Takes the mark off the roles that stay. */
export async function keepRoles(server: Server, base: string, names: readonly string[]): Promise<void> {
  for (const name of await marked(server, base, names)) {
    await server.script(base, `COMMENT ON ROLE ${identifier(name)} IS NULL;`)
  }
}

/** Removes the roles that this operation made; one that has got something to own since then stays. */
export async function dropRoles(server: Server, base: string, names: readonly string[]): Promise<void> {
  for (const name of await marked(server, base, names)) {
    try {
      await server.script(base, `DROP ROLE IF EXISTS ${identifier(name)};`)
    } catch (error) {
      // dependent_objects_still_exist
      if (sqlState(error) !== '2BP01') throw error
      server.io.log('err', `the role ${name} stays: something belongs to it`)
    }
  }
}

async function marked(server: Server, base: string, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return []
  const rows = await server.rows(
    base,
    `SELECT rolname AS name FROM pg_roles WHERE rolname = ANY (ARRAY[${names.map(literal).join(', ')}]::text[])
    AND shobj_description(oid, 'pg_authid') = ${literal(markOf(server))}`,
    z.object({ name: z.string() }),
  )
  return rows.map(({ name }) => name)
}

function markOf({ io }: Server): string {
  return `made by the restore ${io.operation}`
}
