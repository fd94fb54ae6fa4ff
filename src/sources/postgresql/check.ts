// Looks at the server: can this database be backed up now, and which ones are there?
import { z } from 'zod'
import type { Estimate, SourceOffers } from '../../domain/helper-protocol.ts'
import { isProblem, type FieldError, type Problem } from '../../domain/problem.ts'
import { asProblem } from '../../sys/files.ts'
import { cancelledBy } from '../cancelled.ts'
import type { SourceIo } from '../source.ts'
import { maintenanceDatabase } from './maintenance.ts'
import { withServer, type Server } from './server.ts'
import { connectionSchema, type Settings } from './settings.ts'
import { fieldError, problemOf, troubleOf } from './trouble.ts'
import { readableBy } from './readable.ts'
import { mustKnow, toolVersion } from './versions.ts'

/** Wrong settings by field; empty when a backup could run now. Rejects with `cancelled` and what nobody foresaw. */
export async function check(settings: Settings, io: SourceIo): Promise<readonly FieldError[]> {
  return withServer(settings, io, async (server) => {
    try {
      const version = await toolVersion(server, 'pg_dump')
      const found = await readableBy(server, settings.database)
      mustKnow('pg_dump', version, found.version)
      return found.refused === null ? [] : [fieldError(found.refused, server)]
    } catch (error) {
      io.signal.throwIfAborted()
      const trouble = await troubleOf(error, server, settings.database)
      if (trouble === null) throw error
      return [fieldError(trouble, server)]
    }
  })
}

/** The databases of the server, for the job's form; what is wrong with what was given so far is told in words. */
export async function offers(given: Readonly<Record<string, unknown>>, io: SourceIo): Promise<SourceOffers> {
  const connection = connectionSchema.safeParse(given)
  if (!connection.success) {
    const fields = connection.error.issues.map(({ path }) => path.join('.'))
    return { missingTool: null, databases: null, error: `not valid: ${[...new Set(fields)].join(', ')}` }
  }
  return withServer(connection.data, io, async (server) => {
    try {
      for (const program of ['pg_dump', 'pg_restore', 'psql'] as const) await toolVersion(server, program)
      const base = await maintenanceDatabase(server, null)
      const databases = await server.rows(base, listed, z.object({ name: z.string() }))
      return { missingTool: null, databases: databases.map(({ name }) => name), error: null }
    } catch (error) {
      io.signal.throwIfAborted()
      const trouble = await troubleOf(error, server, null)
      if (trouble?.kind === 'tool_missing')
        return { missingTool: trouble.detail, databases: null, error: null }
      return { missingTool: null, databases: null, error: trouble?.detail ?? asProblem(error).message }
    }
  })
}

const listed = `SELECT datname AS name FROM pg_database WHERE NOT datistemplate AND datallowconn ORDER BY datname`

/** What the database takes on the server's disk: its dump takes less. */
export async function estimate(settings: Settings, io: SourceIo): Promise<Estimate> {
  return withServer(settings, io, async (server) => {
    try {
      const size = `SELECT pg_database_size(current_database()) AS bytes`
      const [found] = await server.rows(settings.database, size, z.object({ bytes: z.number() }))
      return { bytes: found?.bytes ?? null, files: null }
    } catch (error) {
      throw await asServerProblem(error, server, settings.database)
    }
  })
}

/** What a failure means to a run: the signal's reason, a problem with server or login, or the error's own. */
export async function asServerProblem(error: unknown, server: Server, database: string): Promise<Problem> {
  const cancelled = cancelledBy(server.io.signal)
  if (cancelled) return cancelled
  if (isProblem(error)) return error
  const trouble = await troubleOf(error, server, database)
  return trouble === null ? asProblem(error) : problemOf(trouble, server, database, error)
}
