// Proves a dump by loading it: into a scratch database that nobody knows, with the rights of a role that has none. Its rows are
// counted, and both are dropped.
import { z } from 'zod'
import type { DrillDepth, DrillFinding, DrillResult, DrillVerdict } from '../../../domain/drill.ts'
import { isProblem } from '../../../domain/problem.ts'
import { asProblem } from '../../../sys/files.ts'
import { CommandError } from '../../../sys/process.ts'
import { cancelledBy } from '../../cancelled.ts'
import type { RestoreRequest, SourceIo } from '../../source.ts'
import { dumpedTables } from '../catalogue.ts'
import { maintenanceDatabase } from '../maintenance.ts'
import { identifier, literal } from '../quoting.ts'
import { withServer, type Server } from '../server.ts'
import type { Settings } from '../settings.ts'
import { troubleOf, type Trouble } from '../trouble.ts'
import { majorOf, toolVersion } from '../versions.ts'
import { asAccount, createAccount, dropAccount, newAccount, whoLoads, type Account } from './drill-account.ts'
import { contentsOf, createExtensions } from './drill-list.ts'
import { lookHere, type Here } from './here.ts'
import { loadDump } from './load.ts'
import { readSaved, type Saved } from './saved.ts'
import { createScratch, dropDatabase, settle } from './scratch.ts'

const tidyWithinMs = 120_000
const abandonedAfterMs = 24 * 60 * 60 * 1000
/** Room for the loaded database and the server's log of changes. */
const roomFactor = 1.2

/** See {@link Restorer.drill}. Rejects only with `cancelled`. */
export async function drill(
  request: RestoreRequest<Settings>,
  _depth: DrillDepth,
  io: SourceIo,
): Promise<DrillResult> {
  try {
    const found = await readSaved(request.archive, io)
    if ('refusal' in found) {
      const { code, facts = {} } = found.refusal
      return result('failed', {
        code: 'damage',
        facts: { detail: String(facts['detail'] ?? facts['path'] ?? code) },
      })
    }
    return await withServer(request.settings, io, (server) => proven(server, found.saved))
  } catch (error) {
    const cancelled = cancelledBy(io.signal)
    if (cancelled) throw cancelled
    const problem = asProblem(error)
    if (problem.code === 'archive_not_found' || problem.code === 'archive_truncated') {
      return result('failed', { code: 'damage', facts: { detail: problem.message } })
    }
    return result('inconclusive', { code: 'failed_unexpectedly', facts: { detail: problem.message } })
  }
}

async function proven(server: Server, saved: Saved): Promise<DrillResult> {
  const { io } = server
  const scratch = `bm_drill_${io.operation.replaceAll('-', '').slice(0, 8)}`
  let here: Here
  let who: Awaited<ReturnType<typeof whoLoads>>
  try {
    await toolVersion(server, 'pg_restore')
    const base = await maintenanceDatabase(server, null)
    here = await lookHere(server, base, saved.recipe, scratch)
    who = await whoLoads(server, base)
  } catch (error) {
    io.signal.throwIfAborted()
    return unfit(await troubleOf(error, server, null), error)
  }
  const needed = Math.ceil((saved.databaseBytes ?? 0) * roomFactor)
  if (here.freeBytes !== null && needed > here.freeBytes) {
    return result('inconclusive', { code: 'no_space', facts: { needed, free: here.freeBytes } })
  }
  if (here.target !== null) {
    return result('inconclusive', { code: 'failed_unexpectedly', facts: { detail: `${scratch} exists` } })
  }
  if (who === 'none') return result('inconclusive', { code: 'account_refused', facts: {} })
  await removeAbandoned(server, here.base)
  const mark = `${markPrefix}${io.now()}`
  const account = who === 'account' ? newAccount(scratch, mark) : null
  const work: Work = { server, saved, here, scratch, mark, account }
  try {
    return await loaded(work)
  } finally {
    await dropScratch(work)
  }
}

interface Work {
  readonly server: Server
  readonly saved: Saved
  readonly here: Here
  /** Name of the database, and of the role. */
  readonly scratch: string
  readonly mark: string
  /** Null: the login itself has no power over the server. */
  readonly account: Account | null
}

async function loaded(work: Work): Promise<DrillResult> {
  const { server, saved, here, scratch, mark, account } = work
  const { io } = server
  let list: string
  try {
    const contents = await contentsOf(server, saved)
    list = contents.list
    if (account !== null) await createAccount(server, here.base, account, here.superuser)
    const owner = account?.name ?? null
    await createScratch(server, saved, here, scratch, { owner, keepTablespaces: false })
    await server.script(here.base, `COMMENT ON DATABASE ${identifier(scratch)} IS ${literal(mark)};`)
    // From here on the login stays out of it: what is in it may be anybody's program.
    await createExtensions(server, scratch, contents.extensions, owner)
  } catch (error) {
    io.signal.throwIfAborted()
    return refusedOrUnfit(work, error)
  }
  const prove = (loader: Server): Promise<DrillResult> =>
    loader.lend(list, (only) => filled({ ...work, server: loader }, only))
  if (account === null) return prove(server)
  const proof = await asAccount(server, here.base, scratch, account, prove)
  return proof ?? result('inconclusive', { code: 'account_refused', facts: {} })
}

async function filled(work: Work, only: string): Promise<DrillResult> {
  const { server, saved, scratch } = work
  try {
    await loadDump(server, saved, scratch, { superuser: false, keepTablespaces: false, only })
    return await counted(server, saved, scratch)
  } catch (error) {
    server.io.signal.throwIfAborted()
    return refusedOrUnfit(work, error)
  }
}

/** What a program said: about the machine, or about the dump. */
async function refusedOrUnfit({ server, saved, here, scratch }: Work, error: unknown): Promise<DrillResult> {
  const trouble = await troubleOf(error, server, scratch)
  const older = saved.serverVersion !== null && majorOf(saved.serverVersion) > majorOf(here.number)
  const ofDump = error instanceof CommandError && /\bpg_restore: error: /.test(error.stderrTail)
  if (trouble !== null || older || !ofDump) return unfit(trouble, error)
  return result('failed', { code: 'dump_refused', facts: { detail: lastWords(error) } })
}

/** So many tables are counted by one query. */
const atOnce = 100

/** Reads every row of every table. */
async function counted(server: Server, saved: Saved, scratch: string): Promise<DrillResult> {
  const tables = await server.rows(
    scratch,
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM ${dumpedTables}`,
    z.object({ name: z.string() }),
  )
  // Its owner is to see all rows, whatever the policies say.
  const unforced = `SELECT format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', c.oid::regclass) FROM ${dumpedTables} AND c.relforcerowsecurity \\gexec`
  await server.script(scratch, unforced)
  let rows = 0
  for (let i = 0; i < tables.length; i += atOnce) {
    const each = tables.slice(i, i + atOnce).map(({ name }) => `SELECT count(*) AS n FROM ONLY ${name}`)
    const all = `SELECT sum(n)::bigint AS number FROM (${each.join(' UNION ALL ')}) c`
    const [found] = await server.rows(scratch, all, z.object({ number: z.number() }))
    rows += found?.number ?? 0
  }
  const findings: DrillFinding[] = [
    { code: 'tables_loaded', facts: { number: tables.length } },
    { code: 'rows_counted', facts: { number: rows } },
  ]
  const missing = saved.recipe.tables - tables.length
  if (missing <= 0) return { verdict: 'passed', findings }
  return {
    verdict: 'failed',
    findings: [...findings, { code: 'table_missing', facts: { table: String(missing) } }],
  }
}

/** The machine could not make the test. */
function unfit(trouble: Trouble | null, error: unknown): DrillResult {
  if (trouble?.kind === 'tool_missing')
    return result('inconclusive', { code: 'tool_missing', facts: { tool: trouble.detail } })
  if (trouble?.kind === 'no_space') return result('inconclusive', { code: 'no_space', facts: {} })
  if (trouble?.kind === 'unreachable' || trouble?.kind === 'login_refused') {
    return result('inconclusive', { code: 'server_unreachable', facts: { detail: trouble.detail } })
  }
  const detail = trouble?.detail ?? asProblem(error).message
  return result('inconclusive', { code: 'failed_unexpectedly', facts: { detail } })
}

/** Whatever happened, also a cancel. */
async function dropScratch({ server, here, scratch, account }: Work): Promise<void> {
  const { io } = server
  const { base } = here
  const calm: SourceIo = { ...io, signal: AbortSignal.timeout(tidyWithinMs) }
  try {
    await withServer(server.connection, calm, async (again) => {
      await settle(again, base)
      await dropDatabase(again, base, scratch)
      if (account !== null) await dropAccount(again, base, account)
    })
  } catch (error) {
    // The next drill finds it.
    if (!isProblem(error)) throw error
    io.log('err', `the scratch database ${scratch} could not be dropped: ${error.message}`)
  }
}

const markPrefix = 'BackupManager drill '
const named = `~ '^bm_drill_[0-9a-f]{8}$'`

/** What drills left whose machine died: by name, by our comment and its time, and with nobody in it. */
async function removeAbandoned(server: Server, base: string): Promise<void> {
  const marked = z.object({ name: z.string(), mark: z.string() })
  // A database that was not marked yet has an owner that was.
  const left = await server.rows(
    base,
    `SELECT d.datname AS name, coalesce(shobj_description(d.oid, 'pg_database'), shobj_description(d.datdba, 'pg_authid'), '') AS mark
    FROM pg_database d WHERE d.datname ${named} AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)`,
    marked,
  )
  for (const { name, mark } of left) if (isAbandoned(server, mark)) await dropDatabase(server, base, name)
  const roles = await server.rows(
    base,
    `SELECT r.rolname AS name, coalesce(shobj_description(r.oid, 'pg_authid'), '') AS mark FROM pg_roles r
    WHERE r.rolname ${named} AND NOT EXISTS (SELECT FROM pg_database d WHERE d.datdba = r.oid)
    AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.usesysid = r.oid)`,
    marked,
  )
  for (const role of roles) if (isAbandoned(server, role.mark)) await dropAccount(server, base, role)
}

function isAbandoned({ io }: Server, mark: string): boolean {
  const at = mark.startsWith(markPrefix) ? Number(mark.slice(markPrefix.length)) : Number.NaN
  return io.now() - at > abandonedAfterMs
}

function lastWords(error: CommandError): string {
  const lines = error.stderrTail.split('\n').filter((line) => /error:/i.test(line))
  return (lines[0] ?? error.message).slice(0, 500)
}

function result(verdict: DrillVerdict, finding: DrillFinding): DrillResult {
  return { verdict, findings: [finding] }
}
