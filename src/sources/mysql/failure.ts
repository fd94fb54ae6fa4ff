// What a server or its programs mean by the numbers of their errors. Their texts are shown only with the password taken
// out, and not at all where a statement held secrets.
import type { FieldError } from '../../domain/problem.ts'
import { isProblem, Problem } from '../../domain/problem.ts'
import { CommandError } from '../../sys/process.ts'
import { asProblem } from '../../sys/failure.ts'

const refused = new Set([1045, 1130, 1156, 1251, 1275, 1524, 1698, 2049, 2059, 2061, 4151])
const unreachable = new Set([1040, 1053, 1129, 1203, 2002, 2003, 2005, 2006, 2012, 2013, 2026, 2055])
const procedureDenied = 1370
const denied = new Set([1044, 1142, 1143, 1227, procedureDenied, 1410, 1419, 1558])
const locked = new Set([1205, 1213])
const full = new Set([1021, 1114])
const missing = 1049

/** How a program of MySQL ended badly. `message` is fit for logs. */
export class ServerFailure extends Error {
  override readonly name = 'ServerFailure'
  /** The server's number, 0 when it gave none. */
  readonly number: number

  constructor(number: number, message: string) {
    super(message)
    this.number = number
  }
}

export interface Told {
  readonly user: string
  readonly database: string | null
  readonly password: string | null
  /** The statement held what must not be in any log. */
  readonly secret: boolean
}

/** The problem behind what {@link CommandError} or anything else a call of a program threw. */
export function serverProblem(error: unknown, told: Told): Problem {
  if (!(error instanceof CommandError) || error.ended.how !== 'exit') return asProblem(error)
  const { number, line } = lastWords(error.stderrTail)
  // Who does not get in has not said a statement yet.
  const mayShow = !told.secret || refused.has(number) || unreachable.has(number)
  const shown = mayShow ? withoutSecret(line, told.password) : `error ${number}`
  const cause = new ServerFailure(number, shown)
  const { user } = told
  if (refused.has(number)) return new Problem('database_login_refused', { user }, { cause })
  if (denied.has(number)) return new Problem('database_login_refused', { user, detail: shown }, { cause })
  if (unreachable.has(number)) return new Problem('database_unreachable', { detail: shown }, { cause })
  if (number === missing) return new Problem('database_missing', { database: told.database ?? '' }, { cause })
  if (locked.has(number)) return new Problem('database_in_use', { database: told.database ?? '' }, { cause })
  if (full.has(number)) return new Problem('disk_full', {}, { cause })
  const command = error.file.slice(error.file.lastIndexOf('/') + 1)
  const detail = shown === '' ? `exit ${error.ended.code}` : shown
  return new Problem('command_failed', { command, detail }, { cause })
}

/** The server's number behind a problem, 0 when there is none. */
export function numberOf(problem: unknown): number {
  return isProblem(problem) && problem.cause instanceof ServerFailure ? problem.cause.number : 0
}

/** What the problem says about the settings; null when it says nothing about them. */
export function settingsError(problem: Problem, given: { readonly password?: unknown }): FieldError | null {
  const number = numberOf(problem)
  const detail = String(problem.facts['detail'] ?? '')
  if (problem.code === 'tool_missing') {
    return { field: 'type', code: 'tool_missing', facts: { tool: problem.facts['tool'] } }
  }
  if (problem.code === 'database_unreachable') {
    return { field: 'config.host', code: 'server_unreachable', facts: { detail } }
  }
  if (problem.code === 'database_missing') return { field: 'config.database', code: 'database_missing' }
  if (problem.code !== 'database_login_refused') return null
  if (denied.has(number)) return { field: 'config.user', code: 'permission_denied', facts: { detail } }
  return { field: given.password === undefined ? 'config.user' : 'config.password', code: 'login_refused' }
}

/** True when the server let the account in, but not do this. */
export function isDenied(problem: unknown): boolean {
  return denied.has(numberOf(problem))
}

/**
 * The line in which a program says what was wrong. Newer programs repeat the whole failing statement before it; that is
 * never shown.
 */
function lastWords(stderr: string): { readonly number: number; readonly line: string } {
  const lines = stderr.split('\n').filter((line) => line.startsWith('ERROR ') || /^\S*dump: /.test(line))
  const line = (lines.at(-1) ?? '').slice(0, 300)
  // A refusal before the connection is encrypted comes inside of another error.
  const inner = /cannot be verified: (\d{4}) /.exec(line)?.[1]
  const outer = /^ERROR (\d{4})\b|\berror: (\d{4})\b|\((\d{4})\)\s*$/i
    .exec(line)
    ?.slice(1)
    .find((number) => number !== undefined)
  // The dump program's own words for what it may not read.
  const number = /insuffici?ent privileges/.test(line) ? procedureDenied : Number(inner ?? outer ?? 0)
  return { number, line }
}

/** The text with every trace of the password taken out. */
export function withoutSecret(text: string, password: string | null): string {
  return password === null ? text : text.replaceAll(password, '***')
}
