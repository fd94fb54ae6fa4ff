// Makes one archive of a database: the steps of product.md §4 in their order. Nothing of a failed call stays.
import { backupInfo } from '../../archive/backup-info.ts'
import { openDraft, type Draft } from '../../archive/draft.ts'
import { postgresqlPart } from '../../archive/format.ts'
import { info, infoBytes } from '../../archive/info-json.ts'
import { leadMembers } from '../../archive/lead.ts'
import type { ArchiveOrder, Produced } from '../../domain/helper-protocol.ts'
import { Problem } from '../../domain/problem.ts'
import type { RunWarning } from '../../domain/run.ts'
import type { SourceIo } from '../source.ts'
import { provenYunohostVersion, yunohostVersion } from '../yunohost/own-version.ts'
import { withoutPassword, type Passwords } from './account-sql.ts'
import {
  databaseFacts,
  databaseFactsQuery,
  passwordRow,
  passwordsQuery,
  type DatabaseFacts,
} from './catalogue.ts'
import { asServerProblem } from './check.ts'
import { dumpInto } from './dump.ts'
import { holdSnapshot } from './psql.ts'
import { dumpName } from './quoting.ts'
import { recipeFor } from './recipe.ts'
import { withServer, type Server } from './server.ts'
import type { Settings } from './settings.ts'
import { mustKnow, toolVersion } from './versions.ts'

/** See {@link Source.produce}. Throws `database_unreachable`, `dump_incomplete`, `disk_full`, `archive_exists`, … */
export async function produce(settings: Settings, order: ArchiveOrder, io: SourceIo): Promise<Produced> {
  const { database } = settings
  return withServer(settings, io, async (server) => {
    let draft: Draft | null = null
    try {
      const tool = await toolVersion(server, 'pg_dump')
      const yunohost = await yunohostVersion(io)
      draft = await openDraft(io.places.archivesDir, order.name)
      const opened = draft
      return await holdSnapshot(server, database, databaseFactsQuery, async (value) => {
        const facts = calmNames(databaseFacts.parse(value))
        mustKnow('pg_dump', tool, facts.server.number)
        const passwords = await passwordsOf(server, facts)
        return fill(opened, { settings, order, server, facts, passwords, tool, yunohost })
      })
    } catch (error) {
      throw await asServerProblem(error, server, database)
    } finally {
      await draft?.discard()
    }
  })
}

interface Preparation {
  readonly settings: Settings
  readonly order: ArchiveOrder
  readonly server: Server
  readonly facts: DatabaseFacts
  readonly passwords: Passwords
  readonly tool: string
  readonly yunohost: string | null
}

async function fill(draft: Draft, ready: Preparation): Promise<Produced> {
  const { settings, order, server, facts, passwords } = ready
  const { io } = server
  const { database } = settings
  const part = postgresqlPart
  const mtime = Math.floor(order.createdAt / 1000)
  const member = `${part.folder}/${dumpName(database)}`
  const sidecar = info({
    description: order.description,
    createdAt: order.createdAt,
    // The dump's own size is known only behind it; a restore needs this much for the database itself.
    size: facts.bytes,
    part,
    yunohostVersion: ready.yunohost ?? provenYunohostVersion,
  })
  io.log(
    'info',
    `${facts.tables} tables, ${facts.bytes} bytes in ${database} (PostgreSQL ${facts.server.version})`,
  )
  draft.write(
    leadMembers({
      info: sidecar,
      csv: [[`postgresql:${database}`, member]],
      part,
      recipe: recipeFor(facts, passwords),
      mtime,
    }),
  )
  await dumpInto(draft, server, facts, { name: member, mtime })
  io.signal.throwIfAborted()
  const sealed = await draft.seal((sha256, sha256Bytes) =>
    backupInfo(order, {
      type: 'postgresql',
      yunohostVersion: ready.yunohost,
      sha256,
      sha256Bytes,
      tools: { pg_dump: ready.tool },
      extra: remembered(settings, facts),
    }),
  )
  io.signal.throwIfAborted()
  const { file, fingerprint } = await draft.publish(infoBytes(sidecar))
  const warnings = warningsFor(facts, passwords)
  return {
    file,
    fingerprint,
    sizeBytes: sealed.sizeBytes,
    sha256: sealed.sha256,
    targets: [{ kind: 'database', id: database, status: 'success' }],
    warnings,
    warningCount: warnings.length,
    exitCodes: { pg_dump: 0 },
    info: sidecar,
    backupInfo: sealed.backupInfo,
  }
}

/** What `recall` and a plan need; no secret. */
function remembered(settings: Settings, facts: DatabaseFacts): Readonly<Record<string, unknown>> {
  const { user, host, port, socket } = settings
  return {
    database: settings.database,
    ...(user !== undefined && { user }),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(socket !== undefined && { socket }),
    server_version: facts.server.version,
    tables: facts.tables,
    database_bytes: facts.bytes,
  }
}

/** Recipes have one name per line. */
function calmNames(facts: DatabaseFacts): DatabaseFacts {
  const odd = [facts.owner, ...facts.roles.map(({ name }) => name), ...facts.tablespaces].find((name) =>
    /\p{Cc}/u.test(name),
  )
  if (odd !== undefined) throw new Problem('name_invalid', { name: odd.replaceAll(/\p{Cc}/gu, '?') })
  return facts
}

/** Only superusers may read them; null for everybody else. */
async function passwordsOf(server: Server, facts: DatabaseFacts): Promise<Passwords> {
  if (!facts.server.superuser) return null
  const rows = await server.rows(facts.database.datname, passwordsQuery, passwordRow)
  return new Map(rows.map(({ name, verifier }) => [name, verifier]))
}

function warningsFor(facts: DatabaseFacts, passwords: Passwords): RunWarning[] {
  const roles = withoutPassword(facts, passwords)
  return roles.length === 0 ? [] : [{ code: 'passwords_unknown', facts: { roles: roles.join(', ') } }]
}
