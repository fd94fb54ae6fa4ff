// A database beside the others into which a dump is loaded: made with the properties of the one that was saved, checked,
// and dropped again when nobody wants it.
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { Problem } from '../../../domain/problem.ts'
import { dumpedTables } from '../catalogue.ts'
import { identifier, literal } from '../quoting.ts'
import { applicationName, type Server } from '../server.ts'
import { sqlState } from '../trouble.ts'
import { majorOf } from '../versions.ts'
import type { Here } from './here.ts'
import type { Saved } from './saved.ts'

export interface ScratchOptions {
  /** Null: the login's own. */
  readonly owner: string | null
  readonly keepTablespaces: boolean
}

/**
 * Creates an empty database named `name`. Null when it is like the saved one; the language settings that this server
 * does not have when others had to stand in.
 */
export async function createScratch(
  server: Server,
  saved: Saved,
  here: Here,
  name: string,
  options: ScratchOptions,
): Promise<string | null> {
  const { recipe } = saved
  const wanted = localeClause(saved, majorOf(here.number))
  // What the server itself speaks comes next; C goes with every encoding.
  const plain = `${majorOf(here.number) >= 15 ? 'LOCALE_PROVIDER libc ' : ''}LC_COLLATE 'C' LC_CTYPE 'C'`
  const owner = options.owner === null ? '' : ` OWNER ${identifier(options.owner)}`
  const space =
    options.keepTablespaces && recipe.tablespace !== undefined
      ? ` TABLESPACE ${identifier(recipe.tablespace)}`
      : ''
  let first: unknown = null
  for (const clause of wanted === null ? ['', plain] : [wanted, '', plain]) {
    try {
      const what = `TEMPLATE template0 ENCODING ${literal(recipe.encoding)} ${clause}`
      await server.script(here.base, `CREATE DATABASE ${identifier(name)} WITH ${what}${owner}${space};`)
      return clause === wanted ? null : (recipe.locale ?? recipe.collate ?? recipe.encoding)
    } catch (error) {
      first ??= error
      // Only what is wrong with locale or encoding can be helped by another one.
      if (!['42809', '22023', '0A000'].includes(sqlState(error) ?? '')) throw error
    }
  }
  throw first
}

/** Null when the archive does not say, or this server cannot be told. */
function localeClause({ recipe }: Saved, major: number): string | null {
  const { collate, ctype, locale } = recipe
  const provider = recipe['locale-provider']
  if (collate === undefined || ctype === undefined) return null
  const libc = `LC_COLLATE ${literal(collate)} LC_CTYPE ${literal(ctype)}`
  if (provider === undefined || locale === undefined)
    return major >= 15 ? `LOCALE_PROVIDER libc ${libc}` : libc
  return `LOCALE_PROVIDER ${provider} ${provider === 'icu' ? 'ICU_LOCALE' : 'BUILTIN_LOCALE'} ${literal(locale)} ${libc}`
}

/** How many tables are there. */
export async function countTables(server: Server, name: string): Promise<number> {
  const [found] = await server.rows(
    name,
    `SELECT count(*) AS number FROM ${dumpedTables}`,
    z.object({ number: z.number() }),
  )
  return found?.number ?? 0
}

/** Throws `dump_incomplete` when tables are missing, and what the server says when one cannot be read. */
export async function checkLoaded(server: Server, saved: Saved, name: string): Promise<void> {
  const tables = await countTables(server, name)
  const expected = saved.recipe.tables
  if (tables < expected)
    throw new Problem('dump_incomplete', { database: saved.recipe.database, tables, expected })
  const each = `SELECT pg_catalog.format('SELECT 1 FROM ONLY %I.%I LIMIT 1', n.nspname, c.relname) FROM ${dumpedTables} ORDER BY c.oid`
  await server.script(name, `\\o /dev/null\n${each} \\gexec\nANALYZE;`)
}

/** Drops the database if it is there, whoever is connected to it. */
export async function dropDatabase(server: Server, base: string, name: string): Promise<void> {
  const there = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = ${literal(name)}) AS there`
  const [found] = await server.rows(base, there, z.object({ there: z.boolean() }))
  if (found?.there !== true) return
  await server.script(base, `ALTER DATABASE ${identifier(name)} WITH ALLOW_CONNECTIONS false;`)
  await retried(server, async () => {
    await server.script(base, `${endSessions(name)}\nDROP DATABASE IF EXISTS ${identifier(name)};`)
  })
}

/** Ends the sessions of a database; its clients come back unless it lets nobody in. */
export function endSessions(name: string): string {
  return `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE datname = ${literal(name)} AND usesysid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid() \\g /dev/null`
}

const tries = 10

/** Does it again while somebody is still connected: a session that was told to end needs a moment. */
export async function retried(server: Server, work: () => Promise<void>): Promise<void> {
  for (let i = 1; ; i += 1) {
    try {
      return await work()
    } catch (error) {
      if (sqlState(error) !== '55006' || i === tries) throw error
      await sleep(100 * i, undefined, { signal: server.io.signal })
    }
  }
}

/**
 * Ends what this operation's killed programs left working in the server, and waits for it: what they were doing must not
 * appear after somebody has looked.
 */
export async function settle(server: Server, base: string): Promise<void> {
  const mine = `FROM pg_catalog.pg_stat_activity WHERE application_name = ${literal(applicationName(server.io.operation))} AND pid <> pg_catalog.pg_backend_pid()`
  for (let i = 1; ; i += 1) {
    const [left] = await server.rows(
      base,
      `SELECT count(pg_catalog.pg_terminate_backend(pid)) AS number ${mine}`,
      z.object({ number: z.number() }),
    )
    if ((left?.number ?? 0) === 0) return
    if (i === tries * 10) throw new Problem('timed_out', { command: 'pg_terminate_backend' })
    await sleep(100, undefined, { signal: server.io.signal })
  }
}
