// Puts a loaded database in the place of the live one. The live database's name never goes away, so that all rights on
// it stay. Its tables move aside and the new ones in by one statement, which the server does whole or not at all;
// triggers, views, routines and events are made again around it.
import { z } from 'zod'
import { isProblem } from '../../../domain/problem.ts'
import type { Change } from '../../source.ts'
import { routineGrants } from '../accounts.ts'
import type { Server } from '../connection.ts'
import { databaseFacts, programs, relations, type DatabaseFacts, type Relations } from '../facts.ts'
import { grantScript, parseStatement } from '../grants.ts'
import { formerName, identifier, inDatabase, scratchName } from '../names.ts'
import type { SavedDatabase } from './archive.ts'
import { characterSet, createDatabase, loadPart, taken } from './load.ts'
import {
  dropPrograms,
  dropTriggers,
  followSequences,
  moveTables,
  savedName,
  savedPath,
  savePrograms,
} from './programs.ts'

/** The change `swap` as the journal keeps it. */
export const swapData = z.object({
  database: z.string(),
  /** Made by the first change, dropped when the last one was taken back: says whether there is anything to do. */
  former: z.string(),
  scratch: z.string(),
  /** File with the programs of the former database; null when there was no such database. */
  saved: z.string().nullable(),
  /** Tables and sequences of the former database, and of the new one. */
  tables: z.array(z.string()),
  fresh: z.array(z.string()),
  /** Views of the former database that nobody could make again, because they are broken: they stay until the end. */
  kept: z.array(z.string()),
  /** Triggers of the former database, and of the new one: a server that died while it dropped one may not list it. */
  triggers: z.array(z.string()),
  freshTriggers: z.array(z.string()),
  charset: z.string(),
  collation: z.string(),
})

/** Everything up to the point where the new database stands in its place. Calls `announce` before each change. */
export async function swapIn(
  server: Server,
  saved: SavedDatabase,
  swap: {
    readonly target: string
    /** Rights on single tables and routines. */
    readonly grants: string
    /** What loads the programs: may be an account that has rights on the target alone. */
    readonly programs: Server
    readonly announce: (change: Change) => Promise<void>
  },
): Promise<void> {
  const { target, announce } = swap
  const { io } = server
  const scratch = scratchName(io.operation)
  const former = formerName(io.operation)
  if ((await databaseFacts(server, former)) !== null) throw taken(former)
  const live = await databaseFacts(server, target)
  const found = live === null ? nothing : await relations(server, target)
  const fresh = holders(await relations(server, scratch))
  const kept = found.brokenViews.filter((name) => !fresh.includes(name))
  let routines: string[] = []
  if (live === null) await announce({ kind: 'created', data: { database: target } })
  else {
    await announce({ kind: 'saved', data: { file: savedName(io.operation) } })
    await savePrograms(server, target, found, savedPath(io, savedName(io.operation)))
    routines = await routineGrants(server, target)
    await describeBroken(server, target, found)
    await waitForTables(server, target, found)
  }
  const before: DatabaseFacts = live ?? saved.facts
  const data: z.output<typeof swapData> = {
    database: target,
    former,
    scratch,
    saved: live === null ? null : savedName(io.operation),
    tables: holders(found),
    fresh,
    kept,
    triggers: [...(await programs(server, target)).triggers],
    freshTriggers: [...(await programs(server, scratch)).triggers],
    charset: before.charset,
    collation: before.collation,
  }
  await announce({ kind: 'swap', data })

  // A cancel waits from here on: half a swap is sooner finished and put back than understood.
  const calm = server.calm()
  await calm.change(
    `${live === null ? createDatabase(target, saved.facts) : ''}${createDatabase(former, before)}`,
  )
  const views = [...found.views, ...found.brokenViews.filter((name) => !kept.includes(name))]
  await calm.change(
    [
      'SET SESSION foreign_key_checks = 0;\n',
      await dropPrograms(calm, target, views),
      await dropTriggers(calm, scratch),
      moveTables([
        ...holders(found).map((name) => [name, target, former] as const),
        ...fresh.map((name) => [name, scratch, target] as const),
      ]),
      `ALTER DATABASE ${identifier(target)} ${characterSet(saved.facts)};\n`,
    ].join(''),
  )
  await calm.change(await followSequences(calm, scratch, target))
  const loader = swap.programs.calm()
  const how = { saved, into: target, scratch: false, own: swap.programs !== server }
  await loadPart(loader, { ...how, part: 'routines' })
  await loadPart(loader, { ...how, part: 'views' })
  await calm.change(await grantsThatHold(calm, target, routines))
  await calm.change(swap.grants, { secret: true })
  // Last: they begin to work as soon as they are there.
  await loadPart(loader, { ...how, part: 'events' })
}

const nothing: Relations = { tables: [], sequences: [], views: [], brokenViews: [] }

/** What holds rows, and can be moved. */
export function holders({ tables, sequences }: Relations): string[] {
  return [...tables.map(({ name }) => name), ...sequences]
}

/** For the log: if it has to be replaced, nothing can bring such a view back. */
async function describeBroken(server: Server, database: string, { brokenViews }: Relations): Promise<void> {
  for (const view of brokenViews) {
    const [row] = await server.rows(`SHOW CREATE VIEW ${inDatabase(database, view)};`)
    server.io.log('info', `a broken view of the present database: ${row?.[1] ?? view}`)
  }
}

/** `database_in_use` when somebody does not let go of the tables. Afterwards the exchange takes moments. */
async function waitForTables(server: Server, database: string, { tables }: Relations): Promise<void> {
  if (tables.length === 0) return
  const each = tables.map(({ name }) => `${inDatabase(database, name)} WRITE`)
  try {
    await server.change(`LOCK TABLES ${each.join(', ')};\nUNLOCK TABLES;\n`)
  } catch (error) {
    if (!isProblem(error, 'command_failed')) throw error
    // Locking opens what triggers use, and one of them may be broken. Moving the tables does not need it.
    server.io.log('info', `the tables could not be locked beforehand: ${error.message}`)
  }
}

/** Those of the grants whose routine is there. */
async function grantsThatHold(server: Server, database: string, grants: readonly string[]): Promise<string> {
  const { routines } = await programs(server, database)
  const there = new Set(routines.map(([kind, name]) => `${kind} ${name}`))
  const hold = grants.filter((sql) => {
    const statement = parseStatement(sql)
    return statement?.kind === 'grant' && there.has(`${statement.on} ${statement.name}`)
  })
  return grantScript(hold)
}
