// Tells the failures of a `yunohost` call apart. Its exit code is 1 for all of them, so the text decides, and only
// where it changes what somebody should do; an unknown text is `yunohost_failed` with its last error line.
import { Problem } from '../../domain/problem.ts'
import { asProblem } from '../../sys/failure.ts'
import { CommandError } from '../../sys/process.ts'

export interface FailedCall {
  /** E.g. `backup create`; for people. */
  readonly command: string
  /** Lines of stderr. */
  readonly complaints: readonly string[]
}

const level = /^(?:DEBUG|INFO|SUCCESS|WARNING|ERROR|Info:|Success!|Warning:|Error:)\s+/
const longestDetail = 500

/** A line without its level, as a person reads it. */
export function messageOf(line: string): string {
  return line.replace(level, '')
}

/** The problem behind a failed call. */
export function failure(error: unknown, call: FailedCall): Problem {
  if (!(error instanceof CommandError)) return asProblem(error)
  const { ended } = error
  const cause = { cause: error }
  const { command } = call
  if (ended.how === 'exit') return exitFailure(ended.code, call, cause)
  if (ended.how === 'signal') {
    return new Problem('yunohost_failed', { command, detail: `ended by ${ended.signal}` }, cause)
  }
  if (ended.how === 'output_limit') {
    return new Problem('yunohost_failed', { command, detail: 'too much output' }, cause)
  }
  return asProblem(error)
}

function exitFailure(code: number, call: FailedCall, cause: { cause: unknown }): Problem {
  const { command } = call
  const text = call.complaints.join('\n')
  const detail = lastError(call.complaints) ?? `exit code ${code}`
  if (/already a YunoHost operation running/.test(text))
    return new Problem('yunohost_busy', { detail }, cause)
  if (/backup archive with the name '.*' already exists/.test(text)) {
    const name = /with the name '(.*)' already exists/.exec(text)?.[1]
    return new Problem('archive_exists', { name }, cause)
  }
  if (/No space left on device|Not enough (?:free )?space|\[Errno 28\]/.test(text)) {
    return new Problem('disk_full', { detail }, cause)
  }
  if (/Failed to collect files to be backed up|^(?:ERROR )?Nothing to save/m.test(text)) {
    return new Problem('nothing_backed_up', { detail }, cause)
  }
  return new Problem('yunohost_failed', { command, detail }, cause)
}

/** The last line that is marked as an error, else the last one that says anything. */
function lastError(lines: readonly string[]): string | undefined {
  const said = lines.filter((line) => line.trim() !== '')
  const line = said.findLast((one) => /^(?:ERROR|Error:)\s/.test(one)) ?? said.at(-1)
  return line === undefined ? undefined : messageOf(line).slice(0, longestDetail)
}
