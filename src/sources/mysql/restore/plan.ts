// Looks at an archive and the server, and says what a restore would do. Changes nothing.
import type { Facts, FieldError } from '../../../domain/problem.ts'
import { fieldErrorCodes } from '../../../domain/problem.ts'
import type { PlannedStep, PlanRemark, RestorePlan } from '../../../domain/restore.ts'
import { diskOf } from '../../../sys/disk.ts'
import { asProblem, errorCode } from '../../../sys/files.ts'
import { cancelledBy } from '../../cancelled.ts'
import type { RestoreRequest, SourceIo } from '../../source.ts'
import { existingAccounts } from '../accounts.ts'
import { lackingRights } from '../check.ts'
import { withServer, type Server } from '../connection.ts'
import { isDenied, settingsError } from '../failure.ts'
import { databaseFacts, foreignReferences, isOlder, serverVersion } from '../facts.ts'
import { quotedAccount } from '../grants.ts'
import { scratchName } from '../names.ts'
import { databaseName, type Settings } from '../settings.ts'
import { archiveError, readSaved, type SavedDatabase } from './archive.ts'
import { accountsIn, shownAccounts } from './users.ts'

/** What the account must be allowed for databases that do not exist yet. */
const neededRights = [
  'CREATE',
  'DROP',
  'ALTER',
  'INSERT',
  'CREATE VIEW',
  'CREATE ROUTINE',
  'TRIGGER',
  'EVENT',
]

/** See {@link Restorer.plan}. */
export async function plan(request: RestoreRequest<Settings>, io: SourceIo): Promise<RestorePlan> {
  const asked = request.options.target_database
  const wrongName = asked === undefined ? null : nameError(asked)
  const saved = await archiveOrError(request.archive, io)
  if ('field' in saved) return refused(request, [saved, ...(wrongName ? [wrongName] : [])])
  if (wrongName) return refused(request, [wrongName])
  try {
    return await withServer(request.settings, io, (server) => planOn(server, request, saved))
  } catch (error) {
    const problem = cancelledBy(io.signal) ?? asProblem(error)
    const wrong = settingsError(problem, request.settings)
    if (wrong === null) throw problem
    return refused(request, [wrong])
  }
}

async function archiveOrError(archive: string, io: SourceIo): Promise<SavedDatabase | FieldError> {
  try {
    return await readSaved(archive, io)
  } catch (error) {
    const problem = cancelledBy(io.signal) ?? asProblem(error)
    const wrong = archiveError(problem)
    if (wrong === null) throw problem
    return wrong
  }
}

function nameError(name: string): FieldError | null {
  const parsed = databaseName.safeParse(name)
  if (parsed.success) return null
  const said = parsed.error.issues[0]?.message
  const code = fieldErrorCodes.find((known) => known === said) ?? 'database_name_invalid'
  return { field: 'target_database', code }
}

function refused(request: RestoreRequest<Settings>, refusals: readonly FieldError[]): RestorePlan {
  return {
    archive: request.archive,
    type: 'mysql',
    target: request.options.target_database ?? request.settings.database,
    steps: [],
    warnings: [],
    refusals,
    replaces: false,
    safety: null,
    bytes: null,
    files: null,
  }
}

async function planOn(
  server: Server,
  request: RestoreRequest<Settings>,
  saved: SavedDatabase,
): Promise<RestorePlan> {
  const target = request.options.target_database ?? saved.database
  const here = await databaseFacts(server, target)
  const refusals: FieldError[] = []
  const missing = await lackingRights(server, scratchName(server.io.operation), neededRights)
  if (missing.length > 0) {
    refusals.push({ field: 'config.user', code: 'permission_denied', facts: { detail: missing.join(', ') } })
  }
  const references = here === null ? [] : await foreignReferences(server, target)
  if (references.length > 0) {
    const facts = { tables: references.slice(0, 20).join(', ') }
    refusals.push({ field: 'target_database', code: 'database_referenced', facts })
  }
  const space = await spaceError(server, saved)
  if (space) refusals.push(space)

  const accounts = await accountsOf(server, saved)
  const { password: _, ...withoutSecret } = request.settings
  return {
    archive: request.archive,
    type: 'mysql',
    target,
    steps: stepsOf(target, accounts.create, here !== null),
    warnings: [
      ...(await versionRemarks(server, saved)),
      ...accounts.remarks,
      here === null ? nothingThere : ({ code: 'clients_cut_off', facts: { database: target } } as const),
    ],
    refusals,
    replaces: here !== null,
    safety: here === null ? null : { type: 'mysql', settings: { ...withoutSecret, database: target } },
    bytes: saved.bytes,
    files: null,
  }
}

const nothingThere: PlanRemark = { code: 'nothing_to_replace', facts: {} }

function stepsOf(target: string, create: string, replaces: boolean): PlannedStep[] {
  const facts: Facts = { database: target }
  return [
    { code: 'load_database', facts },
    { code: 'check_database', facts },
    ...(create === '' ? [] : [{ code: 'create_role', facts: { roles: create } } as const]),
    { code: 'swap_database', facts },
    ...(replaces ? [{ code: 'remove_former', facts: { path: target } } as const] : []),
  ]
}

async function versionRemarks(server: Server, saved: SavedDatabase): Promise<PlanRemark[]> {
  const here = await serverVersion(server)
  if (saved.version === null || !isOlder(here, saved.version)) return []
  return [{ code: 'server_older', facts: { archived: saved.version.text, installed: here.text } }]
}

/** Which accounts would be made, for people; empty for none. */
async function accountsOf(
  server: Server,
  saved: SavedDatabase,
): Promise<{ readonly create: string; readonly remarks: readonly PlanRemark[] }> {
  const all = accountsIn(saved.statements)
  if (all.length === 0) return { create: '', remarks: [] }
  try {
    const there = await existingAccounts(server, all)
    const known = new Set(there.map(quotedAccount))
    const create = shownAccounts(all.filter((account) => !known.has(quotedAccount(account))))
    return {
      create,
      remarks: there.length === 0 ? [] : [{ code: 'role_exists', facts: { roles: shownAccounts(there) } }],
    }
  } catch (error) {
    if (!isDenied(error)) throw error
    return { create: '', remarks: [{ code: 'permission_lost', facts: { permission: shownAccounts(all) } }] }
  }
}

/** Only where the server keeps its files on this machine can its room be seen. */
async function spaceError(server: Server, saved: SavedDatabase): Promise<FieldError | null> {
  const room = await roomFor(server, saved)
  if (room === null || room.free >= room.needed) return null
  return { field: 'archive', code: 'no_space', facts: { needed: room.needed, free: room.free } }
}

/** Bytes that loading takes on the server's disk, and that are free there; null when nobody can tell. */
export async function roomFor(
  server: Server,
  saved: SavedDatabase,
): Promise<{ readonly needed: number; readonly free: number } | null> {
  if ('host' in server.way.by) return null
  const [row] = await server.rows('SELECT @@datadir;')
  try {
    const { freeBytes } = await diskOf(row?.[0] ?? '')
    return { needed: saved.dataBytes ?? saved.bytes, free: freeBytes }
  } catch (error) {
    if (errorCode(error) !== undefined) return null
    throw error
  }
}
