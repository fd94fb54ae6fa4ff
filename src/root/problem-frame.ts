// How a failure is told to the server: its code and facts, and for the log what the command complained last.
import type { HelperFrame } from '../domain/helper-protocol.ts'
import type { Facts, Problem } from '../domain/problem.ts'
import { asProblem } from '../sys/failure.ts'
import { CommandError } from '../sys/process.ts'

/** The last frame for an error. Arguments of commands and contents of requests are never in it. */
export function problemFrame(error: unknown): Extract<HelperFrame, { t: 'problem' }> {
  const problem = asProblem(error)
  return {
    t: 'problem',
    code: problem.code,
    facts: known(problem.facts),
    errors: problem.errors.map(({ field, code, facts }) => ({
      field,
      code,
      ...(facts && { facts: known(facts) }),
    })),
    detail: detail(problem),
  }
}

function detail(problem: Problem): string {
  const { cause } = problem
  if (cause instanceof CommandError)
    return [cause.message, cause.stderrTail.trim()].filter(Boolean).join('\n')
  return cause instanceof Error ? cause.message : problem.message
}

function known(facts: Facts): Record<string, string | number> {
  const told: Record<string, string | number> = {}
  for (const [key, value] of Object.entries(facts)) if (value !== undefined) told[key] = value
  return told
}
