// A PostgreSQL server as its own programs reach it: by which user they run, how they find the server, and where they
// read the password, which is never in their arguments or environment.
import { chmod, chown } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { z } from 'zod'
import { Problem } from '../../domain/problem.ts'
import { CommandError, type Done, type RunOptions } from '../../sys/process.ts'
import { asProblem } from '../../sys/files.ts'
import { cancelledBy } from '../cancelled.ts'
import type { SourceIo } from '../source.ts'
import { withPrivateFile } from '../../sys/private-file.ts'
import { conninfo, passwordLine } from './quoting.ts'
import { answer, inputOf, psqlOptions, type ScriptOptions } from './psql.ts'
import type { Connection } from './settings.ts'

/** The user of PostgreSQL's programs on Debian, and the role that it may be without a password. */
export const systemUser = 'postgres'

export type Program = 'psql' | 'pg_dump' | 'pg_restore' | 'pg_isready'

export interface ToolOptions extends RunOptions {
  /** Database to connect to; none for what needs no server. */
  readonly database?: string
  /** `-c name=value` for the session, e.g. `lc_messages=C`, which only superusers may set. */
  readonly session?: readonly string[]
}

/** Everything rejects like `run`, and with `tool_missing`. */
export interface Server {
  readonly connection: Connection
  readonly io: SourceIo
  /** Role that logs in. */
  readonly user: string
  tool(program: Program, args: readonly string[], options?: ToolOptions): Promise<Done>
  /** Lends the path of a file with these contents that the programs may read, and nobody else. */
  lend<T>(contents: string, work: (path: string) => Promise<T>): Promise<T>
  /** Runs statements one by one; stops at the first that fails. */
  script(database: string, sql: string, options?: ScriptOptions): Promise<void>
  /** The rows of one SELECT. */
  rows<T>(database: string, select: string, row: z.ZodType<T>): Promise<T[]>
}

/** Lends a way to the server, of which nothing is asked yet. Rejects with a `Problem`, the signal's reason first. */
export async function withServer<T>(
  connection: Connection,
  io: SourceIo,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  try {
    io.signal.throwIfAborted()
    const user = await toolUser(io)
    const { password } = connection
    if (password === undefined) return await work(serverOf(connection, io, user, '/nonexistent/pgpass'))
    return await lendTo(user, passwordLine(password), (file) => work(serverOf(connection, io, user, file)))
  } catch (error) {
    throw cancelledBy(io.signal) ?? asProblem(error)
  }
}

function serverOf(connection: Connection, io: SourceIo, user: ToolUser | null, passFile: string): Server {
  const words = user?.words ?? []
  const env = environment(connection, io.operation, passFile)
  const server: Server = {
    connection,
    io,
    user: env['PGUSER'] ?? systemUser,
    tool: async (program, args, { database, session = [], ...options } = {}) => {
      const target =
        database === undefined ? [] : ['--no-password', `--dbname=${conninfo('dbname', database)}`]
      const [file, ...before] = [...words, program]
      const more = session.length === 0 ? {} : { PGOPTIONS: session.map((one) => `-c ${one}`).join(' ') }
      try {
        return await io.run(file, [...before, ...args, ...target], {
          signal: io.signal,
          cwd: '/',
          ...options,
          env: { ...env, ...more, ...options.env },
        })
      } catch (error) {
        throw isMissing(error, words.length > 0)
          ? new Problem('tool_missing', { tool: program }, { cause: error })
          : error
      }
    },
    lend: (contents, work) => lendTo(user, contents, work),
    script: async (database, sql, options = {}) => {
      await server.tool('psql', psqlOptions(options), {
        database,
        stdin: inputOf(sql, options),
        maxStdout: 0,
      })
    },
    rows: async (database, select, row) => {
      const { stdout } = await server.tool('psql', psqlOptions({}), {
        database,
        stdin: inputOf(answer(select), {}),
      })
      return row.array().parse(JSON.parse(stdout))
    },
  }
  return server
}

interface ToolUser {
  readonly uid: number
  readonly gid: number
  /** In front of every program. */
  readonly words: readonly string[]
}

/**
 * Who root's programs run as: what a dump makes them do is not done as root, and without a password the server knows them by
 * their system user. Null: as whoever we are.
 */
async function toolUser(io: SourceIo): Promise<ToolUser | null> {
  if (process.getuid?.() !== 0) return null
  const { code, stdout } = await io
    .run('getent', ['passwd', systemUser], { signal: io.signal, okCodes: [0, 2] })
    .catch((error: unknown) => {
      if (error instanceof CommandError && error.ended.how === 'not_found') return { code: 2, stdout: '' }
      throw error
    })
  const [uid, gid] = stdout.split(':').slice(2, 4).map(Number)
  if (code !== 0 || uid === undefined || gid === undefined) return null
  const words = ['setpriv', '--reuid', systemUser, '--regid', String(gid), '--init-groups', '--']
  return { uid, gid, words }
}

function lendTo<T>(user: ToolUser | null, contents: string, work: (path: string) => Promise<T>): Promise<T> {
  return withPrivateFile(contents, async (path) => {
    if (user !== null) {
      await chown(path, user.uid, user.gid)
      await chmod(dirname(path), 0o711)
    }
    return work(path)
  })
}

function environment(
  connection: Connection,
  operation: string,
  passFile: string,
): Readonly<Record<string, string>> {
  const { user = systemUser, password, socket, port } = connection
  const host = connection.host ?? socket ?? (password === undefined ? undefined : 'localhost')
  return {
    // Nobody's home: no .psqlrc, no .pgpass, no certificates, no choice of cluster.
    HOME: '/nonexistent',
    PGSERVICEFILE: '/nonexistent/service',
    PGSYSCONFDIR: '/nonexistent',
    PGPASSFILE: passFile,
    PGUSER: user,
    PGAPPNAME: applicationName(operation),
    PGCONNECT_TIMEOUT: '10',
    // Without a host Debian's programs look for the cluster themselves.
    ...(host !== undefined && { PGHOST: host }),
    ...(port !== undefined && { PGPORT: String(port) }),
  }
}

/** What the server calls the sessions of an operation. */
export function applicationName(operation: string): string {
  return `backupmanager ${operation}`
}

/** 127 is what setpriv says of a program that is not there. */
function isMissing(error: unknown, prefixed: boolean): boolean {
  if (!(error instanceof CommandError)) return false
  if (error.ended.how === 'not_found') return !prefixed
  const text = error.stderrTail
  if (/You must install at least one postgresql-client/.test(text)) return true
  return prefixed && error.ended.how === 'exit' && error.ended.code === 127
}
