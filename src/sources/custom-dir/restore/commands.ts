// Runs the commands that an admin wrote into the recipe: the only place of a restore where a shell reads them.
import { Problem } from '../../../domain/problem.ts'
import { CommandError } from '../../../sys/process.ts'
import type { SourceIo } from '../../source.ts'

const limitMs = 10 * 60_000

/** One after the other, as root, in `/`. Throws `command_failed` for the first that fails, `timed_out` after ten minutes. */
export async function runCommands(commands: readonly string[], io: SourceIo): Promise<void> {
  for (const [i, command] of commands.entries()) {
    io.log('info', `command ${i + 1} of ${commands.length}: ${command}`)
    try {
      await io.run('/bin/sh', ['-c', command], {
        signal: io.signal,
        timeoutMs: limitMs,
        cwd: '/',
        maxStdout: 0,
        onStdoutLine: (line) => io.log('out', line),
        onStderrLine: (line) => io.log('err', line),
      })
    } catch (error) {
      if (!(error instanceof CommandError) || error.ended.how !== 'exit') throw error
      const facts = { command: `recipe command ${i + 1}`, detail: `exit ${error.ended.code}` }
      throw new Problem('command_failed', facts, { cause: error })
    }
  }
}
