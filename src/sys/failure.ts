// Turns what the machine throws at us into the problems that people and retry loops know.
import { basename } from 'node:path'
import { isProblem, Problem } from '../domain/problem.ts'
import { CommandError } from './process.ts'

/**
 * The {@link Problem} behind any error: itself, `disk_full`, `cancelled`, what a command's end means, or `internal` with
 * the error as its cause. Facts never hold arguments or output of a command.
 */
export function asProblem(error: unknown): Problem {
  if (isProblem(error)) return error
  if (error instanceof CommandError) return commandProblem(error)
  const cause = { cause: error }
  if (!(error instanceof Error)) return new Problem('internal', { detail: String(error) }, cause)
  const code = 'code' in error ? error.code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Problem('disk_full', {}, cause)
  if (code === 'ABORT_ERR' || error.name === 'AbortError') return new Problem('cancelled', {}, cause)
  return new Problem('internal', { detail: error.message }, cause)
}

function commandProblem(error: CommandError): Problem {
  const { ended } = error
  const command = basename(error.file)
  const cause = { cause: error }
  switch (ended.how) {
    case 'not_found':
      return new Problem('tool_missing', { tool: command }, cause)
    case 'cancelled':
      return new Problem('cancelled', {}, cause)
    case 'timeout':
      return new Problem('timed_out', { command }, cause)
    case 'output_limit':
      return new Problem('command_failed', { command, detail: 'too much output' }, cause)
    case 'input_failed':
      return error.cause === undefined
        ? new Problem('command_failed', { command, detail: 'its input' }, cause)
        : asProblem(error.cause)
    case 'signal':
      return new Problem('command_failed', { command, detail: ended.signal }, cause)
    case 'exit':
      break
  }
  return new Problem('command_failed', { command, detail: `exit ${ended.code}` }, cause)
}
