// Loads the dump of an archive into a database that is there and empty.
import { CommandError } from '../../../sys/process.ts'
import type { Server } from '../server.ts'
import { dumpBytes, type Saved } from './saved.ts'

export interface LoadOptions {
  readonly superuser: boolean
  readonly keepTablespaces: boolean
  /** For a drill: only what is in this list, and nothing that is of accounts. Path that the programs may read. */
  readonly only?: string
}

/** What is not loaded when nobody's accounts are used. */
const withoutAccounts: readonly string[] = [
  '--no-owner',
  '--no-privileges',
  // Those of extensions are the superuser's to make.
  '--no-comments',
  '--no-security-labels',
  '--no-subscriptions',
  '--no-publications',
]

/** Only a superuser may say so for his session. */
const superuserSession: readonly string[] = [
  'lc_messages=C',
  // A dump creates its event triggers before it fills its materialized views: they would note that as somebody's doing.
  'session_replication_role=replica',
  // Statements of a dump may hold passwords for other servers.
  'log_statement=none',
  'log_min_error_statement=panic',
]

/** Rejects with what pg_restore says at its first error. */
export async function loadDump(
  server: Server,
  saved: Saved,
  name: string,
  options: LoadOptions,
): Promise<void> {
  const { io } = server
  const total = saved.dump.length
  const without = options.only === undefined ? [] : [...withoutAccounts, `--use-list=${options.only}`]
  let quoting = false
  try {
    await server.tool(
      'pg_restore',
      ['--exit-on-error', ...(options.keepTablespaces ? [] : ['--no-tablespaces']), ...without],
      {
        database: name,
        // What is renamed into place later makes all of this durable.
        session: ['synchronous_commit=off', ...(options.superuser ? superuserSession : [])],
        stdin: counted(dumpBytes(saved, io), (done) => io.progress(done, total)),
        maxStdout: 0,
        onStderrLine: (line) => {
          quoting ||= line.startsWith(statementMark)
          if (!quoting) io.log('err', line)
        },
      },
    )
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const { file, ended, stderrTail, cause } = error
    throw new CommandError(file, ended, withoutStatement(stderrTail), { cause })
  }
}

/** In front of the statement that failed, which comes last. */
const statementMark = 'Command was: '

function withoutStatement(text: string): string {
  const at = `\n${text}`.indexOf(`\n${statementMark}`)
  return at === -1 ? text : text.slice(0, at)
}

async function* counted(
  bytes: AsyncIterable<Buffer>,
  onBytes: (done: number) => void,
): AsyncGenerator<Buffer> {
  let done = 0
  for await (const chunk of bytes) {
    yield chunk
    done += chunk.length
    onBytes(done)
  }
}
