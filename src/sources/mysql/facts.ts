// What a server says about itself and its databases.
import type { Server } from './connection.ts'
import { inDatabase, isSystemSchema, literal } from './names.ts'

export interface Version {
  /** As the server says it, e.g. `10.11.6-MariaDB-0+deb12u1`. */
  readonly text: string
  readonly ofMariadb: boolean
  /** For comparing; empty when the text has no numbers. */
  readonly numbers: readonly number[]
}

export function parseVersion(text: string): Version {
  const numbers = /^(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number) ?? []
  return { text, ofMariadb: /mariadb/i.test(text), numbers }
}

/** True when a server of the first version may not understand everything that one of the second wrote. */
export function isOlder(here: Version, there: Version): boolean {
  if (here.ofMariadb !== there.ofMariadb) return true
  const [major = 0, minor = 0] = here.numbers
  const [otherMajor = 0, otherMinor = 0] = there.numbers
  return major < otherMajor || (major === otherMajor && minor < otherMinor)
}

export async function serverVersion(server: Server): Promise<Version> {
  const [row] = await server.rows('SELECT VERSION();')
  return parseVersion(row?.[0] ?? '')
}

/** Databases that can be saved, in the server's order. */
export async function databaseNames(server: Server): Promise<string[]> {
  const rows = await server.rows('SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY SCHEMA_NAME;')
  return rows.map(([name = '']) => name).filter((name) => !isSystemSchema(name))
}

export interface DatabaseFacts {
  readonly charset: string
  readonly collation: string
}

/** Null when there is none of this name. */
export async function databaseFacts(server: Server, database: string): Promise<DatabaseFacts | null> {
  const [row] = await server.rows(
    `SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE ${is('SCHEMA_NAME', database)};`,
  )
  const [charset, collation] = row ?? []
  return charset === undefined || collation === undefined ? null : { charset, collation }
}

export interface Relations {
  /** Everything that holds rows, in the server's order: tables, also versioned ones. */
  readonly tables: readonly Table[]
  readonly sequences: readonly string[]
  /** Views that can be read. */
  readonly views: readonly string[]
  /** Views that cannot, because what they were made of is not there. */
  readonly brokenViews: readonly string[]
}

export interface Table {
  readonly name: string
  /** Null where the server cannot open it. */
  readonly engine: string | null
  readonly versioned: boolean
  /** Rows as they are stored, estimated by the server; without the indexes. */
  readonly dataBytes: number
  readonly indexBytes: number
}

export async function relations(server: Server, database: string): Promise<Relations> {
  // Asking for TABLE_ROWS makes the server open each one: only then does the comment tell that a view is broken.
  const rows = await server.rows(
    `SELECT TABLE_NAME, TABLE_TYPE, ENGINE, COALESCE(DATA_LENGTH, 0), COALESCE(INDEX_LENGTH, 0), TABLE_COMMENT = 'VIEW', COALESCE(TABLE_ROWS, 0)
FROM information_schema.TABLES WHERE ${is('TABLE_SCHEMA', database)} ORDER BY TABLE_NAME;`,
  )
  const named = (type: string) => rows.filter((row) => row[1] === type)
  const names = (found: readonly string[][]) => found.map(([name = '']) => name)
  const views = named('VIEW')
  return {
    tables: rows
      .filter(([, type]) => type === 'BASE TABLE' || type === 'SYSTEM VERSIONED')
      .map(([name = '', type, engine = 'NULL', data, index]) => ({
        name,
        engine: engine === 'NULL' ? null : engine,
        versioned: type === 'SYSTEM VERSIONED',
        dataBytes: Number(data),
        indexBytes: Number(index),
      })),
    sequences: names(named('SEQUENCE')),
    views: names(views.filter((row) => row[5] === '1')),
    brokenViews: names(views.filter((row) => row[5] !== '1')),
  }
}

/** Columns whose numbers the server writes with fewer digits than it keeps. */
export async function roundedColumns(server: Server, database: string): Promise<string[]> {
  const rows = await server.rows(
    `SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS
WHERE ${is('TABLE_SCHEMA', database)} AND DATA_TYPE = 'float' ORDER BY 1, 2;`,
  )
  return rows.map(([table = '', column = '']) => `${table}.${column}`)
}

/** A dump is about as large as its rows; rounded up for all that is written around them. */
const roundUp = 1.1
const fixedBytes = 64 * 1024

/** Bytes that an archive of it will probably take. */
export function expectedBytes({ tables }: Relations): number {
  const data = tables.reduce((sum, { dataBytes }) => sum + dataBytes, 0)
  return Math.ceil(data * roundUp) + fixedBytes
}

/** Everything of a database that is text: its programs. */
export interface Programs {
  readonly triggers: readonly string[]
  readonly events: readonly string[]
  /** `PROCEDURE`, `FUNCTION`, `PACKAGE` or `PACKAGE BODY`, with its name. */
  readonly routines: readonly (readonly [kind: string, name: string])[]
}

export async function programs(server: Server, database: string): Promise<Programs> {
  const rows =
    await server.rows(`SELECT 'TRIGGER', TRIGGER_NAME FROM information_schema.TRIGGERS WHERE ${is('TRIGGER_SCHEMA', database)} ORDER BY 2;
SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS WHERE ${is('EVENT_SCHEMA', database)} ORDER BY 2;
SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ${is('ROUTINE_SCHEMA', database)} ORDER BY 1, 2;`)
  const of = (kind: string) => rows.filter((row) => row[0] === kind).map(([, name = '']) => name)
  return {
    triggers: of('TRIGGER'),
    events: of('EVENT'),
    routines: rows.flatMap(([kind = '', name = '']) =>
      kind === 'TRIGGER' || kind === 'EVENT' ? [] : [[kind, name] as const],
    ),
  }
}

/** Tables of other databases with foreign keys into this one: `database.table`. */
export async function foreignReferences(server: Server, database: string): Promise<string[]> {
  const rows = await server.rows(
    `SELECT DISTINCT CONSTRAINT_SCHEMA, TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS
WHERE ${is('UNIQUE_CONSTRAINT_SCHEMA', database)} AND NOT (${is('CONSTRAINT_SCHEMA', database)}) ORDER BY 1, 2;`,
  )
  return rows.map(([schema = '', table = '']) => `${schema}.${table}`)
}

/** How many rows a table has, counted. */
export async function countRows(server: Server, database: string, table: string): Promise<number> {
  const [row] = await server.rows(`SELECT COUNT(*) FROM ${inDatabase(database, table)};`)
  return Number(row?.[0])
}

/** Compares as the file system does, not as the server's collation: `Wiki` is not `wiki`. */
function is(column: string, name: string): string {
  return `${column} = ${literal(name)} AND CAST(${column} AS BINARY) = CAST(${literal(name)} AS BINARY)`
}
