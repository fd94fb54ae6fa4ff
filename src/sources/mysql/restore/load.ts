// Brings parts of an archive's dump into a database.
import { tarBytes } from '../../../archive/tar-stream.ts'
import { Problem } from '../../../domain/problem.ts'
import type { Server } from '../connection.ts'
import { endsWhole } from '../dump-scan.ts'
import { nothingHidden } from '../hidden.ts'
import { isDenied } from '../failure.ts'
import type { PartName } from '../dump.ts'
import { relations, type DatabaseFacts } from '../facts.ts'
import { asProblem } from '../../../sys/files.ts'
import { identifier, inDatabase } from '../names.ts'
import type { SavedDatabase } from './archive.ts'
import {
  withOtherCollated,
  withoutDefiners,
  withOtherDatabase,
  withOtherSequences,
  wholeOnly,
} from './rename.ts'

/** What a statement has around its one long row. */
const aroundRow = 64 * 1024
const packetUnit = 1024
const largestPacket = 1024 * 1024 * 1024

export interface Loading {
  readonly saved: SavedDatabase
  readonly part: PartName
  readonly into: string
  /** The programs get another owner: see {@link withoutDefiners}. */
  readonly scratch: boolean
  /** The server is entered by an account that has rights on that database alone. */
  readonly own: boolean
  onBytes?(bytes: number): void
}

/**
 * Loads one part, told by another name where that matters. Rejects with the server's words, `archive_truncated`, or
 * `archive_unsafe` for what hides statements or, by such an account, reaches outside of the database.
 */
export async function loadPart(server: Server, loading: Loading): Promise<void> {
  const { saved, part, into, own } = loading
  const region = saved.region(part)
  if (region === null) return
  const { io } = server
  const { archive, database } = saved
  const raw = counted(tarBytes(io.places.archivesDir, archive, { region, signal: io.signal }), (n) =>
    loading.onBytes?.(n),
  )
  const whole = wholeOnly(raw, endsWhole, () => {
    return new Problem('archive_truncated', { archive, detail: `the dump of its ${part} is cut off` })
  })
  const open = nothingHidden(whole, part === 'tables', (detail) => unsafe(saved, part, detail))
  const named = into === database ? open : renamed(open, part, database, into)
  try {
    await server.load(loading.scratch && part !== 'tables' ? withoutDefiners(named) : named, into)
  } catch (error) {
    const problem = asProblem(error)
    if (!own || !isDenied(problem)) throw problem
    throw unsafe(
      saved,
      part,
      `it reaches outside of the database: ${String(problem.facts['detail'] ?? '')}`,
      problem,
    )
  }
}

function renamed(
  dump: AsyncIterable<Buffer>,
  part: PartName,
  from: string,
  to: string,
): AsyncIterable<Buffer> {
  if (part === 'tables') return withOtherSequences(dump, from, to)
  return part === 'views' ? withOtherDatabase(dump, from, to) : withOtherCollated(dump, from, to)
}

function unsafe(
  { archive, database }: SavedDatabase,
  part: PartName,
  detail: string,
  cause?: unknown,
): Problem {
  const facts = { archive, path: `${database}: ${part}`, why: detail }
  return new Problem('archive_unsafe', facts, cause === undefined ? {} : { cause })
}

async function* counted(
  bytes: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    onBytes(chunk.length)
    yield chunk
  }
}

/** Statement that makes a database; it must not be there yet. */
export function createDatabase(name: string, facts: DatabaseFacts): string {
  return `CREATE DATABASE ${identifier(name)} ${characterSet(facts)};\n`
}

/** A database of a name of ours is somebody else's: it stays. */
export function taken(name: string): Problem {
  return new Problem('restore_failed', { detail: `there is a database ${name} already` })
}

/** For `CREATE DATABASE` and `ALTER DATABASE`. The names were checked: they are plain words. */
export function characterSet({ charset, collation }: DatabaseFacts): string {
  return `CHARACTER SET ${charset} COLLATE ${collation}`
}

/** Statements that remove a database with all that is in it. */
export function dropDatabase(name: string): string {
  return `SET SESSION foreign_key_checks = 0;\nDROP DATABASE IF EXISTS ${identifier(name)};\n`
}

/** Why what was loaded is not what was saved, in English; empty when all of it is there and can be read. */
export async function faultOf(server: Server, saved: SavedDatabase, database: string): Promise<string> {
  const { tables } = await relations(server, database)
  if (tables.length !== saved.tables) return `${tables.length} tables instead of ${saved.tables}`
  const closed = tables.find(({ engine }) => engine === null)
  if (closed) return `the table ${closed.name} cannot be opened`
  const looks = tables.map(({ name }) => `SELECT 1 FROM ${inDatabase(database, name)} LIMIT 1;\n`)
  await server.rows(looks.join(''))
  return ''
}

/** The server's limit for one statement, and the one that this archive needs. */
export interface PacketLimit {
  readonly now: number
  readonly needed: number
}

/** A row that was stored within the limit takes twice the room in a dump, where its bytes are hexadecimal. */
export async function packetLimit(server: Server, saved: SavedDatabase): Promise<PacketLimit> {
  const [row] = await server.rows('SELECT @@GLOBAL.max_allowed_packet;')
  const needed = Math.ceil((saved.longestLine + aroundRow) / packetUnit) * packetUnit
  return { now: Number(row?.[0]), needed: Math.min(needed, largestPacket) }
}

/** Sets the limit, for sessions that begin later. */
export async function setPacketLimit(server: Server, bytes: number): Promise<void> {
  await server.change(`SET GLOBAL max_allowed_packet = ${bytes};\n`)
}
