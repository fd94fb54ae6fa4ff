// A server as MySQL's own programs reach it. One session per call; what a session needs is said at its beginning.
import { Problem } from '../../domain/problem.ts'
import type { RunOptions } from '../../sys/process.ts'
import type { SourceIo } from '../source.ts'
import { serverProblem, withoutSecret } from './failure.ts'
import { optionFile, wayTo, type Way } from './option-file.ts'
import { literal, lockName } from './names.ts'
import { withPrivateFile } from '../../sys/private-file.ts'
import type { Connection } from './settings.ts'
import { findTools, type Tools } from './tools.ts'

/** How long a change waits for those who use the tables, seconds. */
const lockWaitS = 30
/** How long it waits for a session of the same operation that was left alone, seconds. */
const ownLockWaitS = 600
/** The largest row that client and server can hand each other. */
const largestPacket = 1024 * 1024 * 1024

export interface SqlOptions {
  readonly database?: string
  /** Statements hold what must not be in anybody's log. */
  readonly secret?: boolean
}

/** Everything rejects with a `Problem`, see `failure.ts`. */
export interface Server {
  readonly io: SourceIo
  readonly tools: Tools
  readonly way: Way
  /** Rows of all SELECTs among the statements; NULL comes as the text `NULL`. Stops at the first that fails. */
  rows(sql: string, options?: SqlOptions): Promise<string[][]>
  /** Statements that change something; holds the operation's lock meanwhile. */
  change(sql: string, options?: SqlOptions): Promise<void>
  /** What a dump holds, into a database; like {@link Server.change}. */
  load(dump: AsyncIterable<Uint8Array>, database: string): Promise<void>
  /** The same, but goes on after statements that fail; what the server said of each. */
  salvage(dump: AsyncIterable<Uint8Array>, database: string): Promise<string[]>
  /** Dumps what the arguments say, piece by piece. */
  dump(args: readonly string[], database: string, onChunk: (chunk: Buffer) => void): Promise<void>
  /** The same server for work that a cancel must not stop in the middle. */
  calm(): Server
}

/** Lends a way to the server. Nothing is asked of it yet. `tool_missing` when its programs are not there. */
export async function withServer<T>(
  connection: Connection,
  io: SourceIo,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  const tools = await findTools(io)
  const way = wayTo(connection)
  return withPrivateFile(optionFile(way), (file) => work(serverOf(tools, way, file, io)))
}

/** Lends the same server as another account of it. */
export async function asAccount<T>(
  { tools, way, io }: Server,
  user: string,
  password: string,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  const own: Way = { ...way, user, password }
  return withPrivateFile(optionFile(own), (file) => work(serverOf(tools, own, file, io)))
}

function serverOf(tools: Tools, way: Way, file: string, io: SourceIo): Server {
  const call = async (
    program: string,
    args: readonly string[],
    options: RunOptions,
    about: SqlOptions,
  ): Promise<string> => {
    // Must be the first argument; nothing but this file is read then, not even the home folder's.
    const all = [`--defaults-file=${file}`, '--default-character-set=utf8mb4', ...args]
    try {
      return (await io.run(program, all, { signal: io.signal, cwd: '/', ...options })).stdout
    } catch (error) {
      const { database = null, secret = false } = about
      throw serverProblem(error, { user: way.user, password: way.password, database, secret })
    }
  }
  const client = (
    input: RunOptions['stdin'],
    about: SqlOptions,
    more: readonly string[],
    options: RunOptions = {},
  ) => {
    const into = about.database === undefined ? [] : [`--database=${about.database}`]
    // Binary mode: what the input holds is never taken for a command of the client, and no byte of it is changed.
    const args = ['--batch', '--skip-column-names', '--binary-mode', '--skip-reconnect', '--local-infile=0']
    const size = `--max-allowed-packet=${largestPacket}`
    return call(tools.client, [...args, size, ...more, ...into], { stdin: input ?? '', ...options }, about)
  }
  const opening = `${sessionStart}${holdLock(io.operation)}`

  return {
    io,
    tools,
    way,
    rows: async (sql, about = {}) => rowsOf(await client(`${sessionStart}${sql}`, about, [])),
    change: async (sql, about = {}) => {
      if (sql !== '') await client(`${opening}${sql}`, about, [], { maxStdout: 0 })
    },
    load: async (dump, database) => {
      await client(behind(opening, dump), { database }, [], { maxStdout: 0 })
    },
    salvage: async (dump, database) => {
      const said: string[] = []
      await client(behind(opening, dump), { database }, ['--force'], {
        maxStdout: 0,
        onStderrLine: (line) => {
          if (line.startsWith('ERROR ')) said.push(withoutSecret(line.slice(0, 300), way.password))
        },
      })
      return said
    },
    dump: async (args, database, onChunk) => {
      const all = [...dumpArguments(tools), ...args]
      await call(tools.dump, all, { maxStdout: 0, onStdoutChunk: onChunk }, { database })
    },
    calm: () => {
      const { signal } = new AbortController()
      return serverOf(tools, way, file, { ...io, signal })
    },
  }
}

/**
 * What every dump is made with. Without `LOCK TABLES`: it would keep a table with a sequence's default from being loaded.
 * Without a date: the same data give the same dump.
 */
function dumpArguments(tools: Tools): string[] {
  const both = [
    '--single-transaction',
    '--quick',
    '--hex-blob',
    '--no-tablespaces',
    '--skip-add-locks',
    '--skip-dump-date',
    `--max-allowed-packet=${largestPacket}`,
  ]
  // MySQL's own program asks the server for what MariaDB does not have, and writes what only a replica wants.
  return tools.ofMariadb ? both : [...both, '--loose-column-statistics=0', '--loose-set-gtid-purged=OFF']
}

/** Nobody's `sql_mode` may change what our statements mean; a table in use is waited for, but not for ever. */
const sessionStart = `SET SESSION sql_mode = '', SESSION lock_wait_timeout = ${lockWaitS};\n`

/** A session that lost its client may still be at work: the next one of the operation begins when it is over. */
function holdLock(operation: string): string {
  return `DO GET_LOCK(${literal(lockName(operation))}, ${ownLockWaitS});\n`
}

async function* behind(opening: string, dump: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(opening, 'utf8')
  yield* dump
}

/** The client's batch format: tabs between, and what could be mistaken is escaped. */
function rowsOf(output: string): string[][] {
  if (output === '') return []
  if (!output.endsWith('\n'))
    throw new Problem('internal', { detail: 'the answer of the database client was cut off' })
  return output
    .slice(0, -1)
    .split('\n')
    .map((line) =>
      line
        .split('\t')
        .map((field) => field.replaceAll(/\\([\s\S])/g, (_, char: string) => escapes[char] ?? char)),
    )
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', '0': '\0', '\\': '\\' }
