// Runs a command that an admin wrote for a job. The only place where a shell reads what somebody typed.
import { constants } from 'node:os'
import { CommandError } from '../../sys/process.ts'
import type { Handle } from '../context.ts'

/** The exit code; what a shell would say (128 + n) when a signal ended the command. Its output goes to the log. */
export const hook: Handle<'hook'> = async (args, { io }) => {
  try {
    const { code } = await io.run('/bin/sh', ['-c', args.command], {
      env: args.env,
      cwd: '/',
      maxStdout: 0,
      onStdoutLine: (line) => io.log('out', line),
      onStderrLine: (line) => io.log('err', line),
    })
    return { exitCode: code }
  } catch (error) {
    if (error instanceof CommandError && error.ended.how === 'exit') return { exitCode: error.ended.code }
    if (error instanceof CommandError && error.ended.how === 'signal') {
      return { exitCode: 128 + (constants.signals[error.ended.signal as NodeJS.Signals] ?? 0) }
    }
    throw error
  }
}
