// Makes one archive of a database. Nothing of a failed call stays.
import { backupInfo } from '../../archive/backup-info.ts'
import { openDraft, type Draft } from '../../archive/draft.ts'
import { mysqlPart } from '../../archive/format.ts'
import { info, infoBytes } from '../../archive/info-json.ts'
import { leadMembers, type Recipe } from '../../archive/lead.ts'
import type { ArchiveOrder, Produced } from '../../domain/helper-protocol.ts'
import { invalid, Problem } from '../../domain/problem.ts'
import type { RunWarning } from '../../domain/run.ts'
import { asProblem } from '../../sys/files.ts'
import { cancelledBy } from '../cancelled.ts'
import type { SourceIo } from '../source.ts'
import { provenYunohostVersion, yunohostVersion } from '../yunohost/own-version.ts'
import { savedAccounts, type SavedAccounts } from './accounts.ts'
import { missingRights } from './check.ts'
import { withServer, type Server } from './connection.ts'
import { keepsHistory, TablesChanged, writeDump, type DumpParts } from './dump.ts'
import {
  databaseFacts,
  expectedBytes,
  relations,
  roundedColumns,
  serverVersion,
  type DatabaseFacts,
  type Relations,
  type Version,
} from './facts.ts'
import { grantScript } from './grants.ts'
import { dumpName } from './names.ts'
import type { Settings } from './settings.ts'

/** How often a database may change its tables under us before we give up. */
const attempts = 3

/** See {@link Source.produce}. Throws `database_missing`, `database_unreachable`, `dump_incomplete`, `disk_full`, … */
export async function produce(settings: Settings, order: ArchiveOrder, io: SourceIo): Promise<Produced> {
  try {
    io.signal.throwIfAborted()
    return await withServer(settings, io, async (server) => {
      const errors = await missingRights(server, settings.database)
      if (errors.length > 0) throw invalid(...errors)
      const yunohost = await yunohostVersion(io)
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await attemptOne(server, settings, order, yunohost)
        } catch (error) {
          if (!(error instanceof TablesChanged)) throw error
          io.log('info', 'tables were created or dropped while the database was dumped')
          if (attempt === attempts) {
            const detail = 'tables were created or dropped during every attempt'
            throw new Problem('dump_incomplete', { database: settings.database, detail })
          }
        }
      }
    })
  } catch (error) {
    throw cancelledBy(io.signal) ?? asProblem(error)
  }
}

async function attemptOne(
  server: Server,
  settings: Settings,
  order: ArchiveOrder,
  yunohost: string | null,
): Promise<Produced> {
  const { io } = server
  const { database } = settings
  const facts = await databaseFacts(server, database)
  if (facts === null) throw new Problem('database_missing', { database })
  const found = await relations(server, database)
  const accounts = await savedAccounts(server, database)
  const version = await serverVersion(server)
  const rounded = await roundedColumns(server, database)
  if (rounded.length > 0) {
    // Every dump program gets them as text; who needs all digits chooses DOUBLE.
    io.log('info', `the server writes FLOAT with 6 digits: ${rounded.slice(0, 20).join(', ')}`)
  }
  const draft = await openDraft(io.places.archivesDir, order.name)
  try {
    return await fill(draft, server, settings, order, { facts, found, accounts, version, yunohost })
  } finally {
    await draft.discard()
  }
}

interface Preparation {
  readonly facts: DatabaseFacts
  readonly found: Relations
  /** Null when they could not be read. */
  readonly accounts: SavedAccounts | null
  readonly version: Version
  readonly yunohost: string | null
}

async function fill(
  draft: Draft,
  server: Server,
  settings: Settings,
  order: ArchiveOrder,
  ready: Preparation,
): Promise<Produced> {
  const { io } = server
  const { database } = settings
  const { found } = ready
  const expected = expectedBytes(found)
  const warnings = warningsOf(server, database, ready)
  io.log('info', `${found.tables.length} tables, ${found.views.length} views in ${database}`)
  const mtime = Math.floor(order.createdAt / 1000)
  const member = `${mysqlPart.folder}/${dumpName(database)}`
  const sidecar = info({
    description: order.description,
    createdAt: order.createdAt,
    size: expected,
    part: mysqlPart,
    yunohostVersion: ready.yunohost ?? provenYunohostVersion,
  })
  draft.write(
    leadMembers({
      info: sidecar,
      csv: [[database, member]],
      part: mysqlPart,
      recipe: recipeOf(database, ready),
      mtime,
    }),
  )
  let parts: DumpParts | null = null
  let longestLine = 0
  await draft.stream(member, { mtime, mode: 0o600 }, async (to) => {
    const dumped = await writeDump(server, database, found, to, (done) =>
      io.progress(done, Math.max(done, expected)),
    )
    parts = dumped.parts
    longestLine = dumped.longestLine
  })
  io.signal.throwIfAborted()
  const { host, port, socket, user } = settings
  const sealed = await draft.seal((sha256, sha256Bytes) =>
    backupInfo(order, {
      type: 'mysql',
      yunohostVersion: ready.yunohost,
      sha256,
      sha256Bytes,
      tools: { [server.tools.dump]: server.tools.version },
      extra: {
        database,
        ...(user !== undefined && { user }),
        ...(host !== undefined && { host }),
        ...(port !== undefined && { port }),
        ...(socket !== undefined && { socket }),
        server_version: ready.version.text,
        tables: found.tables.length,
        data_bytes: total(found),
        dump_parts: parts,
        longest_line: longestLine,
      },
    }),
  )
  io.signal.throwIfAborted()
  const { file, fingerprint } = await draft.publish(infoBytes(sidecar))
  const status = warnings.some(({ code }) => code === 'view_broken') ? 'warning' : 'success'
  return {
    file,
    fingerprint,
    sizeBytes: sealed.sizeBytes,
    sha256: sealed.sha256,
    targets: [{ kind: 'database', id: database, status }],
    warnings: warnings.slice(0, 1000),
    warningCount: warnings.length,
    exitCodes: { [server.tools.dump]: 0 },
    info: sidecar,
    backupInfo: sealed.backupInfo,
  }
}

function recipeOf(database: string, { facts, found, accounts }: Preparation): Recipe {
  const line = (value: string): string => `${value}\n`
  const users = accounts !== null && accounts.names.length > 0 ? accounts : null
  return {
    format: line('2'),
    database: line(database),
    dump: line(dumpName(database)),
    charset: line(facts.charset),
    collation: line(facts.collation),
    tables: line(String(found.tables.length)),
    ...(users && { 'users.sql': grantScript(users.statements), users: users.names.map(line).join('') }),
  }
}

/** What an admin should know of this archive. */
function warningsOf(server: Server, database: string, { found, accounts }: Preparation): RunWarning[] {
  const { io } = server
  const plain = found.tables.filter(({ engine }) => engine !== null && unsafeEngines.has(engine))
  const warnings: RunWarning[] = found.brokenViews.map((view) => ({
    code: 'view_broken',
    path: `${database}.${view}`,
  }))
  if (plain.length > 0) {
    const names = plain.map(({ name }) => name).join(', ')
    io.log('info', `not in the same moment as the others, because their engine has no transactions: ${names}`)
    warnings.push({ code: 'tables_not_transactional', facts: { count: plain.length } })
  }
  if (accounts === null) {
    io.log('info', 'this user may not read the accounts of the server: they are not in the archive')
    warnings.push({ code: 'accounts_unread' })
  }
  if (found.tables.some(({ versioned }) => versioned) && !keepsHistory(server)) {
    io.log(
      'err',
      `${server.tools.dump} cannot save the history of versioned tables; only their present rows are saved`,
    )
  }
  for (const account of accounts?.skipped ?? [])
    io.log('err', `the account ${account} was not understood and left out`)
  return warnings
}

/** Engines whose rows can change while others are read. */
const unsafeEngines: ReadonlySet<string> = new Set(['MyISAM', 'Aria', 'MEMORY', 'CSV', 'ARCHIVE'])

function total(found: Relations): number {
  return found.tables.reduce((sum, { dataBytes, indexBytes }) => sum + dataBytes + indexBytes, 0)
}
