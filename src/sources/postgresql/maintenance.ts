// Work on a database is done from another one: every server has one of these.
import type { Server } from './server.ts'
import { maintenanceDatabases, troubleOf } from './trouble.ts'

const elsewhereMaybe: ReadonlySet<string | undefined> = new Set([
  'database_missing',
  'permission_denied',
  'login_refused',
])

/** The first of them that can be entered and is not `about`, the one in question. Rejects with what the last one said. */
export async function maintenanceDatabase(server: Server, about: string | null): Promise<string> {
  let last: unknown = null
  for (const name of maintenanceDatabases.filter((one) => one !== about)) {
    try {
      await server.script(name, '')
      return name
    } catch (error) {
      const trouble = await troubleOf(error, server, name)
      if (!elsewhereMaybe.has(trouble?.kind)) throw error
      last = error
    }
  }
  throw last
}
