// Looks at the server: can this database be saved now, what could be, and how much would it be?
import type { Estimate, SourceOffers } from '../../domain/helper-protocol.ts'
import { isProblem, Problem, type FieldError } from '../../domain/problem.ts'
import { asProblem } from '../../sys/files.ts'
import { cancelledBy } from '../cancelled.ts'
import type { SourceIo } from '../source.ts'
import { withServer, type Server } from './connection.ts'
import { settingsError } from './failure.ts'
import { databaseFacts, databaseNames, expectedBytes, relations } from './facts.ts'
import { lacking, parseStatement, rightsOn, type Statement } from './grants.ts'
import { connectionSchema, type Settings } from './settings.ts'
import { findTools } from './tools.ts'

/** Without these the dump program leaves things out, partly without a word. */
const neededRights = ['SELECT', 'SHOW VIEW', 'TRIGGER', 'EVENT']

/** See {@link Source.check}. */
export async function check(settings: Settings, io: SourceIo): Promise<readonly FieldError[]> {
  try {
    return await withServer(settings, io, async (server) => {
      if ((await databaseFacts(server, settings.database)) === null) {
        return [{ field: 'config.database', code: 'database_missing' }]
      }
      return missingRights(server, settings.database)
    })
  } catch (error) {
    const problem = cancelledBy(io.signal) ?? asProblem(error)
    const wrong = settingsError(problem, settings)
    if (wrong === null) throw problem
    return [wrong]
  }
}

/** Rights that the account lacks for a whole dump. */
export async function missingRights(server: Server, database: string): Promise<FieldError[]> {
  const missing = await lackingRights(server, database, neededRights)
  if (missing.length === 0) return []
  return [{ field: 'config.user', code: 'permission_denied', facts: { detail: missing.join(', ') } }]
}

/** Those of the rights that the connected account does not have on a database, or on everything (null). */
export async function lackingRights(
  server: Server,
  database: string | null,
  needed: readonly string[],
): Promise<string[]> {
  const lines = (await server.rows('SHOW GRANTS;', { secret: true })).map(([line = '']) => line)
  const statements = lines.map(parseStatement)
  // Who has rights that we cannot read shall try: the server has the last word.
  if (statements.includes(null)) return []
  const known = statements.filter((one): one is Statement => one !== null)
  return lacking(rightsOn(known, database), needed)
}

/** See {@link Source.offers}. Whatever is wrong is part of the answer. */
export async function offers(given: Readonly<Record<string, unknown>>, io: SourceIo): Promise<SourceOffers> {
  const connection = connectionSchema.safeParse(given)
  try {
    await findTools(io)
    if (!connection.success) return { missingTool: null, databases: null, error: null }
    const databases = await withServer(connection.data, io, databaseNames)
    return { missingTool: null, databases, error: null }
  } catch (error) {
    const problem = cancelledBy(io.signal) ?? asProblem(error)
    if (problem.code === 'cancelled') throw problem
    const missingTool = problem.code === 'tool_missing' ? String(problem.facts['tool']) : null
    const detail =
      isProblem(problem.cause) || problem.cause instanceof Error ? problem.cause.message : problem.message
    return { missingTool, databases: null, error: missingTool === null ? detail : null }
  }
}

/** See {@link Source.estimate}. The server knows it by itself, so there is no slower way. */
export async function estimate(settings: Settings, io: SourceIo): Promise<Estimate> {
  try {
    return await withServer(settings, io, async (server) => {
      const { database } = settings
      if ((await databaseFacts(server, database)) === null)
        throw new Problem('database_missing', { database })
      return { bytes: expectedBytes(await relations(server, database)), files: 1 }
    })
  } catch (error) {
    throw cancelledBy(io.signal) ?? asProblem(error)
  }
}
