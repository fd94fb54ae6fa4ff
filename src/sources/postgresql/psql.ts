// What psql is given to read, and how a running session is held open.
import { Problem } from '../../domain/problem.ts'
import type { Server } from './server.ts'

export interface ScriptOptions {
  /** Variables of psql, for `:"name"` in the script. */
  readonly variables?: Readonly<Record<string, string>>
  /** All statements in one transaction. */
  readonly transaction?: boolean
  /** Statements hold what must not be in anybody's log. */
  readonly secret?: boolean
}

/** Arguments of psql for a script on its standard input. */
export function psqlOptions(options: ScriptOptions): string[] {
  return [
    '--no-psqlrc',
    '--quiet',
    '--no-align',
    '--tuples-only',
    '--set=ON_ERROR_STOP=1',
    // The code is the same in every language. A verbose message would quote the statement.
    `--set=VERBOSITY=${options.secret === true ? 'sqlstate' : 'verbose'}`,
    ...Object.entries(options.variables ?? {}).map(([name, value]) => `--set=${name}=${value}`),
  ]
}

/**
 * The script behind what every session begins with: nothing of the role's or the database's own settings may change what
 * our statements mean, or end them early.
 */
export function inputOf(sql: string, options: ScriptOptions): string {
  const body = options.transaction === true ? `BEGIN;\n${sql}\nCOMMIT;` : sql
  const silent = options.secret === true ? quietLog : ''
  return `${preamble}${silent}${body}\n`
}

/** A SELECT as one line of JSON. */
export function answer(select: string): string {
  return `SELECT coalesce(jsonb_agg(to_jsonb(q)), '[]') FROM (${select}) q;`
}

const settings: readonly (readonly [name: string, value: string])[] = [
  ['search_path', ''],
  ['standard_conforming_strings', 'on'],
  ['client_min_messages', 'warning'],
  ['DateStyle', 'ISO'],
  ['lock_timeout', '0'],
  ['transaction_timeout', '0'],
  ['idle_in_transaction_session_timeout', '0'],
  ['idle_session_timeout', '0'],
  ['default_transaction_read_only', 'off'],
  // What is renamed must be on the disk when we say so.
  ['synchronous_commit', 'on'],
]

const superuser = '(SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)'

// The first is by itself, or a short limit would end the statement that lifts it.
const preamble = `SET statement_timeout = 0;
SELECT pg_catalog.set_config(w.name, w.value, false) FROM (
VALUES ${settings.map(([name, value]) => `('${name}', '${value}')`).join(', ')}
UNION ALL SELECT 'lc_messages', 'C' WHERE ${superuser}
UNION ALL SELECT 'client_encoding', CASE pg_catalog.getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END
) w (name, value) JOIN pg_catalog.pg_settings s ON s.name = w.name \\g /dev/null
`

/** Keeps the statements that follow out of the server's own log, as far as the role may. */
const quietLog = `SELECT pg_catalog.set_config(w.name, w.value, false) FROM (
VALUES ('log_statement', 'none'), ('log_min_error_statement', 'panic'), ('log_error_verbosity', 'terse'), ('log_min_duration_statement', '-1')
) w (name, value) WHERE ${superuser} \\g /dev/null
`

/**
 * Opens a transaction that sees one moment of the database, and keeps it open while `work` goes on with the one value
 * that `select` gives (a JSON text). The work's own connection may see the same moment by `pg_export_snapshot()`.
 */
export async function holdSnapshot<T>(
  server: Server,
  database: string,
  select: string,
  work: (value: unknown) => Promise<T>,
): Promise<T> {
  const over = Promise.withResolvers<void>()
  const first = Promise.withResolvers<string>()
  let text = Buffer.alloc(0)
  const session = server.tool('psql', psqlOptions({}), {
    database,
    maxStdout: 0,
    stdin: script(`BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;\n${select};\n`, over.promise),
    onStdoutChunk: (chunk) => {
      text = Buffer.concat([text, chunk])
      if (text.includes(0x0a)) first.resolve(text.toString('utf8'))
    },
  })
  const ended = session.then(() => {
    throw new Problem('internal', { detail: 'psql ended without an answer' })
  })
  try {
    return await work(JSON.parse(await Promise.race([first.promise, ended])))
  } finally {
    over.resolve()
    // Whether it ended well says nothing any more: the moment was seen, and the work has its own connection.
    await session.catch(() => undefined)
  }
}

async function* script(sql: string, until: Promise<void>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(inputOf(sql, {}), 'utf8')
  await until
}
