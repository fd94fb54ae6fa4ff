// Printing and exit codes. People read text, scripts `--json`; errors go to standard error for both.
import type { Writable } from 'node:stream'
import { formatBytes } from '../domain/bytes.ts'
import { format } from '../domain/i18n.ts'
import { isProblem, type Facts, type Problem, type ProblemCode } from '../domain/problem.ts'
import type { RunStatus } from '../domain/run.ts'
import { sentence } from '../domain/sentence.ts'
import { en, type MessageKey } from '../../locales/en.ts'

/** Documented in doc/cli.md. Numbers from 64 up are those of sysexits(3). */
export const exitCodes = {
  ok: 0,
  failed: 1,
  warning: 2,
  usage: 64,
  notFound: 66,
  unavailable: 69,
  internal: 70,
  temporary: 75,
  config: 78,
} as const

/** Ends the command with this exit code after `message` went to standard error. */
export class ExitError extends Error {
  override readonly name = 'ExitError'
  readonly code: number

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** 0 for success, 2 for a run that ended with warnings, 1 for the rest. */
export function exitCodeOf(status: RunStatus): number {
  if (status === 'success') return exitCodes.ok
  return status === 'warning' ? exitCodes.warning : exitCodes.failed
}

export function printJson(out: Writable, value: unknown): void {
  out.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** A table whose columns are as wide as their widest cell; numbers are given as text. */
export function printTable(
  out: Writable,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  )
  for (const row of [head, ...rows]) {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0))
    out.write(`${cells.join('  ').trimEnd()}\n`)
  }
}

/** The English text of a message, for the command line and logs. */
export function text(key: MessageKey, facts: Facts = {}): string {
  return sentence((told) => format(en[key], told, 'en'), facts, {
    size: bytes,
    number: (n) => figures.format(n),
  })
}

const figures = new Intl.NumberFormat('en')

/** The exit code that belongs to an error. */
export function exitCodeFor(error: unknown): number {
  if (error instanceof ExitError) return error.code
  if (!isProblem(error)) return exitCodes.internal
  return byCode[error.code] ?? exitCodes.failed
}

const byCode: Partial<Record<ProblemCode, number>> = {
  validation_failed: exitCodes.usage,
  name_invalid: exitCodes.usage,
  source_unknown: exitCodes.usage,
  job_not_found: exitCodes.notFound,
  run_not_found: exitCodes.notFound,
  restore_not_found: exitCodes.notFound,
  member_not_found: exitCodes.notFound,
  confirmation_missing: exitCodes.usage,
  archive_not_found: exitCodes.notFound,
  token_not_found: exitCodes.notFound,
  peer_not_found: exitCodes.notFound,
  peer_unreachable: exitCodes.unavailable,
  helper_unavailable: exitCodes.unavailable,
  archives_dir_missing: exitCodes.unavailable,
  tool_missing: exitCodes.unavailable,
  database_damaged: exitCodes.config,
  database_newer: exitCodes.config,
  instance_locked: exitCodes.temporary,
  job_already_running: exitCodes.temporary,
  restore_running: exitCodes.temporary,
  drill_running: exitCodes.temporary,
  database_unreachable: exitCodes.unavailable,
  transfer_not_found: exitCodes.notFound,
  destination_not_found: exitCodes.notFound,
  archive_in_use: exitCodes.temporary,
  yunohost_busy: exitCodes.temporary,
  internal: exitCodes.internal,
}

/** The problem document that `--json` prints; the same fields as the API's. */
export function problemDocument(problem: Problem) {
  return {
    code: problem.code,
    title: text(`problem.${problem.code}.title`, problem.facts),
    detail: text(`problem.${problem.code}.hint`, problem.facts),
    errors: fieldMessages(problem),
  }
}

function fieldMessages(problem: Problem) {
  return problem.errors.map(({ field, code, facts }) => ({
    field,
    code,
    message: text(`field.${code}`, facts),
  }))
}

/** What people read of an error: what happened, what to do, then one line per wrong field. */
export function errorLines(error: unknown): readonly string[] {
  return linesOf(error).map((line) => line.replaceAll(harmful, '\ufffd'))
}

/** Other instances and programs word some errors: nothing in them may steer the terminal. */
const harmful = /(?![\n\t])\p{Cc}/gu

function linesOf(error: unknown): readonly string[] {
  if (!isProblem(error)) return [error instanceof Error ? error.message : String(error)]
  const { title, detail } = problemDocument(error)
  return [
    title,
    ...(detail === '' ? [] : [detail]),
    ...fieldMessages(error).map((one) => `  ${one.field}: ${one.message}`),
    // For a search engine and a bug report: the stable code and what it is about.
    ...(error.errors.length === 0 ? [`[${error.message}]`] : []),
  ]
}

/** Bytes as people read them on the command line. */
export function bytes(size: number | null): string {
  return size === null ? '–' : formatBytes(size, 'en').replaceAll('\u00a0', ' ')
}
