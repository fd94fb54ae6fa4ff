// What a failed program means: the server is away, the login was refused, the database is not there. Told by SQLSTATE
// where there is one; what the server says before a login may be in any language, so that is asked for once more.
import { z } from 'zod'
import type { FieldError, FieldErrorCode, Problem as ProblemType, ProblemCode } from '../../domain/problem.ts'
import { isProblem, Problem } from '../../domain/problem.ts'
import { CommandError } from '../../sys/process.ts'
import type { Server } from './server.ts'

export type TroubleKind =
  | 'tool_missing'
  | 'unreachable'
  | 'login_refused'
  | 'database_missing'
  | 'permission_denied'
  | 'in_use'
  | 'no_space'

export interface Trouble {
  readonly kind: TroubleKind
  /** The first line of what was said, or the name of the tool. */
  readonly detail: string
}

const byState: readonly (readonly [RegExp, TroubleKind])[] = [
  [/^(?:28P01|28000)$/, 'login_refused'],
  [/^3D000$/, 'database_missing'],
  [/^42501$/, 'permission_denied'],
  [/^55006$/, 'in_use'],
  [/^53100$/, 'no_space'],
  [/^(?:08...|57P0[123]|53300)$/, 'unreachable'],
]

/** What libpq says itself is English under LC_ALL=C; what a server says may be. */
const byText: readonly (readonly [RegExp, TroubleKind])[] = [
  [
    /password authentication failed|no password supplied|(?:Peer|Ident) authentication failed|authentication failed for user|pg_hba\.conf|FATAL: +role "/,
    'login_refused',
  ],
  [/FATAL: +database ".*" does not exist/, 'database_missing'],
  [
    /permission denied|must be (?:owner|superuser|member)|[Oo]nly superusers? can|query would be affected by row-level security/,
    'permission_denied',
  ],
  [/No space left on device/, 'no_space'],
  [
    /connection to server .*(?:failed|error): (?:Connection refused|No such file|Connection timed out|timeout expired|Network is unreachable|No route to host)|could not translate host name|server closed the connection unexpectedly|the database system is (?:starting up|shutting down|in recovery|not (?:yet )?accepting)|too many clients|remaining connection slots|terminating connection due to/,
    'unreachable',
  ],
]

/** The SQLSTATE that psql told; null when it told none. */
export function sqlState(error: unknown): string | null {
  const text = error instanceof CommandError ? error.stderrTail : ''
  return /^(?:psql:\S*:\d+: )?\S[^:\n]*:\s+([0-9A-Z]{5})(?::|$)/m.exec(text)?.[1] ?? null
}

/** What the words of a program mean; null when they mean none of these. Pure. */
export function troubleIn(stderr: string, state: string | null = null): Trouble | null {
  const found =
    (state === null ? undefined : byState.find(([pattern]) => pattern.test(state))) ??
    byText.find(([pattern]) => pattern.test(stderr))
  return found === undefined ? null : { kind: found[1], detail: firstLine(stderr) }
}

/** Why something failed; null for what has nothing to do with server, login, rights or tools. Asks the server when in doubt. */
export async function troubleOf(
  error: unknown,
  server: Server,
  database: string | null,
): Promise<Trouble | null> {
  if (isProblem(error, 'tool_missing'))
    return { kind: 'tool_missing', detail: String(error.facts['tool'] ?? '') }
  if (!(error instanceof CommandError) || error.ended.how !== 'exit') return null
  const text = error.stderrTail
  const told = troubleIn(text, sqlState(error))
  if (told !== null) return told
  if (!/connection to server .* failed: /.test(text)) return null
  return { kind: await refusedBy(server, database), detail: firstLine(text) }
}

/** The server could not be entered, and why is said in words we don't know. */
async function refusedBy(server: Server, database: string | null): Promise<TroubleKind> {
  const { code } = await server.tool('pg_isready', [], { okCodes: [0, 1, 2, 3] })
  if (code !== 0) return 'unreachable'
  const name = z.object({ name: z.string() })
  for (const other of maintenanceDatabases.filter((one) => one !== database)) {
    try {
      const all = await server.rows(other, 'SELECT datname AS name FROM pg_catalog.pg_database', name)
      return database === null || all.some((one) => one.name === database)
        ? 'permission_denied'
        : 'database_missing'
    } catch (error) {
      if (!(error instanceof CommandError) || error.ended.how !== 'exit') throw error
    }
  }
  return 'login_refused'
}

/** Databases that every server has, to speak with it when it is about another one. */
export const maintenanceDatabases: readonly string[] = ['postgres', 'template1']

const asProblems: Readonly<Record<TroubleKind, ProblemCode>> = {
  tool_missing: 'tool_missing',
  unreachable: 'database_unreachable',
  login_refused: 'database_login_refused',
  database_missing: 'database_missing',
  permission_denied: 'database_login_refused',
  in_use: 'command_failed',
  no_space: 'disk_full',
}

const asFields: Readonly<Record<TroubleKind, FieldErrorCode>> = {
  tool_missing: 'tool_missing',
  unreachable: 'server_unreachable',
  login_refused: 'login_refused',
  database_missing: 'database_missing',
  permission_denied: 'permission_denied',
  in_use: 'database_in_use',
  no_space: 'no_space',
}

/** The wrong field of a job's settings. */
export function fieldError(trouble: Trouble, server: Server): FieldError {
  const { kind, detail } = trouble
  const field =
    kind === 'unreachable'
      ? 'config.host'
      : kind === 'login_refused'
        ? server.connection.password === undefined
          ? 'config.user'
          : 'config.password'
        : kind === 'permission_denied'
          ? 'config.user'
          : 'config.database'
  return { field, code: asFields[kind], facts: kind === 'tool_missing' ? { tool: detail } : { detail } }
}

/** The problem that a run ends with. Its cause has the program's own words. */
export function problemOf(trouble: Trouble, server: Server, database: string, cause: unknown): ProblemType {
  const facts = trouble.kind === 'tool_missing' ? { tool: trouble.detail } : { database, user: server.user }
  return new Problem(asProblems[trouble.kind], facts, { cause, errors: [fieldError(trouble, server)] })
}

function firstLine(stderr: string): string {
  const lines = stderr.split('\n').filter((one) => one.trim() !== '')
  // Debian's wrapper may have said something before.
  const line = lines.find((one) => /error: |: {2}/.test(one)) ?? lines[0] ?? ''
  return line.replace(/^\S+: error: /, '').slice(0, 300)
}
