// The dump as a member of the archive: pg_dump writes into a pipe, because into a file it would note where in that file
// its parts lie, and what was written is read back by pg_restore before anybody calls it a backup.
import { read } from 'node:fs'
import { promisify } from 'node:util'
import type { Draft, Streamed } from '../../archive/draft.ts'
import { Problem } from '../../domain/problem.ts'
import { CommandError } from '../../sys/process.ts'
import type { DatabaseFacts } from './catalogue.ts'
import type { Server } from './server.ts'
import { readableBy } from './readable.ts'
import { problemOf, troubleOf, type Trouble } from './trouble.ts'

/** What every dump in custom format begins with. */
const magic = Buffer.from('PGDMP', 'latin1')
const lockWaitMs = 300_000
const chunkSize = 1024 * 1024

/**
 * Appends the dump of what the facts' snapshot sees as the member `name`. Throws `dump_incomplete` when it is not whole,
 * or what is wrong with server, login or disk.
 */
export async function dumpInto(
  draft: Draft,
  server: Server,
  facts: DatabaseFacts,
  member: { readonly name: string; readonly mtime: number },
): Promise<Streamed> {
  const { io } = server
  const database = facts.database.datname
  let begin = Buffer.alloc(0)
  let written = 0
  const streamed = await draft.stream(member.name, { mtime: member.mtime, mode: 0o600 }, async (to) => {
    try {
      await server.tool('pg_dump', dumpArguments(facts.snapshot), {
        database,
        session: facts.server.superuser ? ['lc_messages=C'] : [],
        maxStdout: 0,
        onStdoutChunk: (chunk) => {
          if (begin.length < magic.length) begin = Buffer.concat([begin, chunk.subarray(0, magic.length)])
          to.write(chunk)
          written += chunk.length
          io.progress(written, null)
        },
        onStderrLine: (line) => io.log('err', line),
      })
    } catch (error) {
      throw (await failure(error, server, database)) ?? error
    }
  })
  if (!begin.subarray(0, magic.length).equals(magic)) throw new Problem('dump_incomplete', { database })
  io.log('info', `dumped ${database}: ${streamed.size} bytes; reading them back`)
  await readBack(draft.fd, streamed, server, facts)
  return streamed
}

function dumpArguments(snapshot: string): string[] {
  return [
    '--format=custom',
    `--snapshot=${snapshot}`,
    `--lock-wait-timeout=${lockWaitMs}`,
    // A newer server may take for a keyword what is a name here.
    '--quote-all-identifiers',
  ]
}

/**
 * pg_restore must understand the dump to its very end, and find all the tables. `--list` alone reads only the beginning.
 */
async function readBack(fd: number, region: Streamed, server: Server, facts: DatabaseFacts): Promise<void> {
  const database = facts.database.datname
  let tables = 0
  try {
    await server.tool('pg_restore', ['--list'], {
      stdin: regionOf(fd, region),
      maxStdout: 0,
      onStdoutLine: (line) => {
        if (isTable(line)) tables += 1
      },
    })
    await server.tool('pg_restore', ['--file=/dev/null'], { stdin: regionOf(fd, region) })
  } catch (error) {
    throw (await failure(error, server, database)) ?? error
  }
  if (tables < facts.tables)
    throw new Problem('dump_incomplete', { database, tables, expected: facts.tables })
}

/** A line of the table of contents that is a table: 1259 is the catalogue of relations, the class of data is 0. */
export function isTable(line: string): boolean {
  return /^\d+; 1259 \d+ TABLE /.test(line)
}

/** A program that ended by itself before its time left no dump; what stopped it otherwise is not ours to name. */
async function failure(error: unknown, server: Server, database: string): Promise<Problem | null> {
  if (!(error instanceof CommandError) || (error.ended.how !== 'exit' && error.ended.how !== 'signal'))
    return null
  const trouble = (await troubleOf(error, server, database)) ?? (await refusedTo(server, database))
  return trouble === null
    ? new Problem('dump_incomplete', { database }, { cause: error })
    : problemOf(trouble, server, database, error)
}

/** Asks once more what pg_dump may have said in a language that we don't know. */
async function refusedTo(server: Server, database: string): Promise<Trouble | null> {
  try {
    return (await readableBy(server, database)).refused
  } catch (error) {
    return troubleOf(error, server, database)
  }
}

const readAt = promisify(read)

async function* regionOf(fd: number, { offset, size }: Streamed): AsyncGenerator<Buffer> {
  for (let done = 0; done < size;) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkSize, size - done))
    const { bytesRead } = await readAt(fd, buffer, 0, buffer.length, offset + done)
    if (bytesRead === 0)
      throw new Problem('archive_truncated', { detail: `${size - done} bytes are missing` })
    done += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
