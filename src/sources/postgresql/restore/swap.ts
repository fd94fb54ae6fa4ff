// Puts the loaded database in the place of the former one, and back. Databases are known by their numbers, which they
// keep under any name: what is done is decided by what is there.
import { z } from 'zod'
import { Problem } from '../../../domain/problem.ts'
import { identifier } from '../quoting.ts'
import type { Server } from '../server.ts'
import { sqlState } from '../trouble.ts'
import { dropDatabase, endSessions, retried } from './scratch.ts'

/** As the journal keeps it. */
export const swapData = z.object({
  /** Name of the place. */
  target: z.string(),
  /** Name of the loaded database before it takes the place, and its number. */
  fresh: z.string(),
  freshOid: z.number(),
  /** Name under which the former one is kept, and its number; null when the place was empty. */
  former: z.string(),
  formerOid: z.number().nullable(),
  /** Whether the former one let people in. */
  formerAllowed: z.boolean(),
})
export type Swap = z.output<typeof swapData>

/** Names by number. */
export type Standing = ReadonlyMap<number, string>

/** The databases of the server. */
export async function databasesOf(server: Server, base: string): Promise<Standing> {
  const rows = await server.rows(
    base,
    'SELECT oid::bigint AS oid, datname AS name FROM pg_database',
    z.object({ oid: z.number(), name: z.string() }),
  )
  return new Map(rows.map(({ oid, name }) => [oid, name]))
}

/** One rename after the other, in one transaction. */
export type Renames = readonly (readonly [from: string, to: string])[]

/** Takes the place. The former database lets nobody in any more, or its clients would be back before it has moved. */
export async function takePlace(server: Server, base: string, swap: Swap): Promise<void> {
  const { target, fresh, former, formerOid } = swap
  if (formerOid === null) return rename(server, base, [[fresh, target]])
  await server.script(base, allow(target, false))
  await rename(server, base, [
    [target, former],
    [fresh, target],
  ])
}

/** What brings everything to its former names, given the names there are now. `lost`: the former one is gone. Pure. */
export function wayBack(swap: Swap, now: Standing): Renames | 'lost' {
  const { target, fresh, freshOid, former, formerOid } = swap
  const freshNow = now.get(freshOid)
  const freshBack: Renames = freshNow === target ? [[target, fresh]] : []
  if (formerOid === null) return freshBack
  const formerNow = now.get(formerOid)
  if (formerNow === target) return []
  return formerNow === former ? [...freshBack, [former, target]] : 'lost'
}

/** Puts the former database back in its place and lets its clients in again. */
export async function giveBack(server: Server, base: string, swap: Swap): Promise<void> {
  const renames = wayBack(swap, await databasesOf(server, base))
  if (renames === 'lost') throw new Problem('internal', { detail: `the database ${swap.former} is gone` })
  // Who came to the loaded database in the meantime must not keep it from moving.
  if (renames[0]?.[0] === swap.target) await server.script(base, allow(swap.target, false))
  await rename(server, base, renames)
  if (swap.formerOid !== null) await server.script(base, allow(swap.target, swap.formerAllowed))
}

/** Removes the former database, and nothing else that may bear its name. */
export async function dropFormer(server: Server, base: string, swap: Swap): Promise<void> {
  const { former, formerOid } = swap
  if (formerOid === null) return
  if ((await databasesOf(server, base)).get(formerOid) === former) await dropDatabase(server, base, former)
}

async function rename(server: Server, base: string, renames: Renames): Promise<void> {
  if (renames.length === 0) return
  const ends = renames.map(([from]) => endSessions(from)).join('\n')
  const moves = renames
    .map(([from, to]) => `ALTER DATABASE ${identifier(from)} RENAME TO ${identifier(to)};`)
    .join('\n')
  try {
    await retried(server, () => server.script(base, `${ends}\nBEGIN;\n${moves}\nCOMMIT;`))
  } catch (error) {
    if (sqlState(error) !== '55006') throw error
    throw new Problem(
      'command_failed',
      { command: 'ALTER DATABASE', detail: 'the database is in use' },
      { cause: error },
    )
  }
}

function allow(name: string, yes: boolean): string {
  return `ALTER DATABASE ${identifier(name)} WITH ALLOW_CONNECTIONS ${yes};`
}
