// Triggers, routines, views and events: text that belongs to a database and cannot be moved into another one. They are
// dropped and made again; what was there is kept in a file until nobody can want it back.
import { basename, join } from 'node:path'
import { Problem } from '../../../domain/problem.ts'
import { removeIfExists, writeFileAtomic } from '../../../sys/files.ts'
import type { SourceIo } from '../../source.ts'
import { routineGrants } from '../accounts.ts'
import type { Server } from '../connection.ts'
import { endsWhole } from '../dump-scan.ts'
import { partArguments, type PartName } from '../dump.ts'
import { programs, type Relations } from '../facts.ts'
import { hiddenScan } from '../hidden.ts'
import { grantScript, oracleMode, plainMode } from '../grants.ts'
import { identifier, inDatabase, literal } from '../names.ts'

/** Name of the file beside the journal. */
export function savedName(operation: string): string {
  return `.restore-${operation}.mysql.sql`
}

/** Where it is. Takes no path from a journal. */
export function savedPath(io: SourceIo, name: string): string {
  return join(io.places.archivesDir, basename(name))
}

/** Writes everything that brings the programs of `database` back, and the rights on its routines. */
export async function savePrograms(
  server: Server,
  database: string,
  found: Relations,
  path: string,
): Promise<void> {
  const pieces: Buffer[] = []
  const add = async (part: PartName): Promise<void> => {
    const args = partArguments(part, server, database, found)
    if (args === null) return
    const chunks: Buffer[] = []
    await server.dump(args, database, (chunk) => void chunks.push(chunk))
    const text = Buffer.concat(chunks)
    if (!endsWhole(text.subarray(-256).toString('latin1'))) {
      throw new Problem('dump_incomplete', { database, detail: `its present ${part}` })
    }
    const fault = hiddenScan(false).push(text)
    if (fault !== '') throw new Problem('dump_incomplete', { database, detail: fault })
    pieces.push(text)
  }
  await add('routines')
  await add('views')
  pieces.push(Buffer.from(grantScript(await routineGrants(server, database)), 'utf8'))
  // Last: they begin to work as soon as they are there.
  await add('events')
  await writeFileAtomic(path, Buffer.concat(pieces), { mode: 0o600 })
}

export async function removeSaved(io: SourceIo, name: string): Promise<void> {
  await removeIfExists(savedPath(io, name))
}

/** Statements that drop events, triggers, views and routines. `views`: those that go. */
export async function dropPrograms(
  server: Server,
  database: string,
  views: readonly string[],
): Promise<string> {
  const { events, triggers, routines } = await programs(server, database)
  const drop = (kind: string, name: string): string =>
    `DROP ${kind} IF EXISTS ${inDatabase(database, name)};\n`
  const packages = routines.filter(([kind]) => kind.startsWith('PACKAGE'))
  return [
    ...events.map((name) => drop('EVENT', name)),
    ...triggers.map((name) => drop('TRIGGER', name)),
    ...views.map((name) => drop('VIEW', name)),
    ...routines.filter((one) => !packages.includes(one)).map(([kind, name]) => drop(kind, name)),
    // The server understands these words in one mode alone. A package takes its body along.
    ...(packages.length === 0 ? [] : [`${oracleMode}\n`]),
    ...packages.filter(([kind]) => kind === 'PACKAGE').map(([kind, name]) => drop(kind, name)),
    ...(packages.length === 0 ? [] : [`${plainMode}\n`]),
  ].join('')
}

/** Statements that drop the triggers alone: tables with triggers cannot be moved. */
export async function dropTriggers(server: Server, database: string): Promise<string> {
  const { triggers } = await programs(server, database)
  return triggers.map((name) => dropTrigger(database, name)).join('')
}

/** Also for a trigger of which a crash has left nothing but its file. */
export function dropTrigger(database: string, name: string): string {
  return `DROP TRIGGER IF EXISTS ${inDatabase(database, name)};\n`
}

/** One statement that moves tables from a database into another each; empty for none. */
export function moveTables(moves: readonly (readonly [name: string, from: string, to: string])[]): string {
  if (moves.length === 0) return ''
  const each = moves.map(([name, from, to]) => `${inDatabase(from, name)} TO ${inDatabase(to, name)}`)
  return `RENAME TABLE ${each.join(',\n')};\n`
}

/** Statements that let columns of moved tables use the sequences of the database that they are in now. */
export async function followSequences(server: Server, scratch: string, target: string): Promise<string> {
  const rows = await server.rows(
    `SELECT TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = ${literal(target)} AND COLUMN_DEFAULT LIKE '%val(%';`,
  )
  const [old, fresh] = [`val(${identifier(scratch)}.`, `val(${identifier(target)}.`]
  return rows
    .filter(([, , expression = '']) => expression.includes(old))
    .map(([table = '', column = '', expression = '']) => {
      const value = expression.replaceAll(old, fresh)
      return `ALTER TABLE ${inDatabase(target, table)} ALTER COLUMN ${identifier(column)} SET DEFAULT (${value});\n`
    })
    .join('')
}
