// Proves an archive of a database: it is loaded into a database of its own, its rows are counted, and nothing of it stays.
import type { DrillDepth, DrillFinding, DrillResult } from '../../../domain/drill.ts'
import { Problem } from '../../../domain/problem.ts'
import { asProblem } from '../../../sys/files.ts'
import { cancelledBy } from '../../cancelled.ts'
import type { RestoreRequest, SourceIo } from '../../source.ts'
import { lackingRights } from '../check.ts'
import { withServer, type Server } from '../connection.ts'
import { isDenied, ServerFailure } from '../failure.ts'
import { countRows, databaseFacts, relations } from '../facts.ts'
import { identifier, literal, scratchName } from '../names.ts'
import type { Settings } from '../settings.ts'
import { archiveError, readSaved, type SavedDatabase } from './archive.ts'
import { createDatabase, dropDatabase, loadPart, packetLimit, setPacketLimit, taken } from './load.ts'
import { dropAbandonedLoaders, dropLoader, withLoader, type Loader } from './loader.ts'
import { roomFor } from './plan.ts'

/** What a killed drill left is removed by a later one, when surely nobody is at it any more. */
const abandonedAfterMs = 3 * 86_400_000
const mark = 'BackupManager drill of '

/** See {@link Restorer.drill}. */
export async function drill(
  request: RestoreRequest<Settings>,
  depth: DrillDepth,
  io: SourceIo,
): Promise<DrillResult> {
  if (depth !== 'load') throw new Problem('internal', { detail: `no drill of depth ${depth}` })
  let saved: SavedDatabase
  try {
    saved = await readSaved(request.archive, io)
  } catch (error) {
    const problem = cancelledBy(io.signal) ?? asProblem(error)
    if (archiveError(problem) === null) throw problem
    return failed({ code: 'damage', facts: { detail: String(problem.facts['detail'] ?? problem.message) } })
  }
  try {
    return await withServer(request.settings, io, (server) => drillOn(server, saved))
  } catch (error) {
    const problem = cancelledBy(io.signal) ?? asProblem(error)
    if (problem.code === 'cancelled') throw problem
    return inconclusive(problem, saved)
  }
}

async function drillOn(server: Server, saved: SavedDatabase): Promise<DrillResult> {
  const { io } = server
  const scratch = scratchName(io.operation)
  const missing = await lackingRights(server, scratch, ['CREATE', 'DROP', 'INSERT'])
  if (missing.length > 0)
    return unproven({ code: 'failed_unexpectedly', facts: { detail: `no right to ${missing[0]}` } })
  await removeAbandoned(server)
  await dropAbandonedLoaders(server)
  const room = await roomFor(server, saved)
  if (room !== null && room.free < room.needed) return unproven({ code: 'no_space', facts: room })
  if ((await databaseFacts(server, scratch)) !== null) throw taken(scratch)
  let made = ''
  const announce = (name: string): Promise<void> => {
    made = name
    return Promise.resolve()
  }
  try {
    await server.change(`${createDatabase(scratch, saved.facts)}${marking(server, scratch)}`)
    return await withLoader(server, scratch, announce, async (make) => {
      const loader = await make()
      const refused = await withPacketLimit(server, saved, () => loadAll(loader, server, saved, scratch))
      return refused ?? (await count(server, saved, scratch))
    })
  } finally {
    const calm = server.calm()
    try {
      if (made !== '') await dropLoader(calm, made)
    } finally {
      await calm.change(dropDatabase(scratch))
    }
  }
}

/** Raises the server's limit for one statement meanwhile, where the archive needs that. */
async function withPacketLimit<T>(server: Server, saved: SavedDatabase, work: () => Promise<T>): Promise<T> {
  const limit = await packetLimit(server, saved)
  if (limit.needed <= limit.now) return work()
  await setPacketLimit(server, limit.needed)
  try {
    return await work()
  } finally {
    await setPacketLimit(server.calm(), limit.now)
  }
}

/** Null when the server took all of it. Events are left out: they would begin to work. */
async function loadAll(
  loader: Loader,
  server: Server,
  saved: SavedDatabase,
  scratch: string,
): Promise<DrillResult | null> {
  let done = 0
  const onBytes = (bytes: number): void => server.io.progress((done += bytes), saved.bytes)
  try {
    for (const part of ['tables', 'routines', 'views'] as const) {
      const by = part === 'tables' ? loader.rows : loader.programs
      await loadPart(by, { saved, part, into: scratch, scratch: true, own: by !== server, onBytes })
    }
    return null
  } catch (error) {
    const problem = cancelledBy(server.io.signal) ?? asProblem(error)
    if (problem.code === 'archive_truncated') {
      return failed({ code: 'damage', facts: { detail: String(problem.facts['detail'] ?? '') } })
    }
    if (problem.code === 'archive_unsafe') {
      return failed({ code: 'dump_refused', facts: { detail: String(problem.facts['why'] ?? '') } })
    }
    const { cause } = problem
    if (problem.code !== 'command_failed' || !(cause instanceof ServerFailure) || cause.number === 0)
      throw problem
    return failed({ code: 'dump_refused', facts: { detail: cause.message } })
  }
}

async function count(server: Server, saved: SavedDatabase, scratch: string): Promise<DrillResult> {
  const { tables } = await relations(server, scratch)
  const loaded: DrillFinding = { code: 'tables_loaded', facts: { number: tables.length } }
  if (tables.length !== saved.tables) {
    const facts = { table: `${tables.length} / ${saved.tables}` }
    return { verdict: 'failed', findings: [loaded, { code: 'table_missing', facts }] }
  }
  let rows = 0
  for (const { name } of tables) {
    rows += await countRows(server, scratch, name)
  }
  return { verdict: 'passed', findings: [loaded, { code: 'rows_counted', facts: { number: rows } }] }
}

/** Says in the database itself whose it is, where the server has room for that. */
function marking({ tools, io }: Server, scratch: string): string {
  if (!tools.ofMariadb) return ''
  const comment = `/*M!100500 ALTER DATABASE ${identifier(scratch)} COMMENT = '${mark}${io.now()}' */;\n`
  return comment
}

async function removeAbandoned(server: Server): Promise<void> {
  const columns = await server.rows(
    `SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'SCHEMATA' AND COLUMN_NAME = 'SCHEMA_COMMENT';`,
  )
  if (columns.length === 0) return
  const rows = await server.rows(
    `SELECT SCHEMA_NAME, SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE SCHEMA_COMMENT LIKE CONCAT(${literal(mark)}, '%');`,
  )
  for (const [name = '', comment = ''] of rows) {
    const at = Number(comment.slice(mark.length))
    if (!/^bm_new_[0-9a-f]{8}$/.test(name) || server.io.now() - at < abandonedAfterMs) continue
    server.io.log('info', `removing what an earlier drill left: ${name}`)
    await server.change(dropDatabase(name))
  }
}

function failed(finding: DrillFinding): DrillResult {
  return { verdict: 'failed', findings: [finding] }
}

function unproven(finding: DrillFinding): DrillResult {
  return { verdict: 'inconclusive', findings: [finding] }
}

/** What kept the test from being made. */
function inconclusive(problem: Problem, saved: SavedDatabase): DrillResult {
  const { facts } = problem
  const detail = problem.cause instanceof Error ? problem.cause.message : problem.message
  // It is reached, and lets us in.
  if (isDenied(problem)) return unproven({ code: 'failed_unexpectedly', facts: { detail } })
  switch (problem.code) {
    case 'tool_missing':
      return unproven({ code: 'tool_missing', facts: { tool: facts['tool'] } })
    case 'database_unreachable':
    case 'database_login_refused':
      return unproven({ code: 'server_unreachable', facts: { detail } })
    case 'disk_full':
      return unproven({ code: 'no_space', facts: { needed: saved.dataBytes ?? saved.bytes, free: 0 } })
    default:
      return unproven({ code: 'failed_unexpectedly', facts: { detail } })
  }
}
