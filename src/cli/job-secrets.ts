// Secrets of jobs on the command line: read from files or standard input, never from arguments, and never printed.
import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import type { Job } from '../domain/job.ts'
import type { FieldError } from '../domain/problem.ts'
import type { AnySource } from '../sources/source.ts'
import type { CliContext } from './context.ts'
import { ExitError, exitCodes } from './output.ts'

/** Settings of the job that must not be shown: its type's secrets, and all of a type that this version does not know. */
export function hiddenSettings(
  sources: readonly AnySource[],
  job: Pick<Job, 'type' | 'config'>,
): readonly string[] {
  return sources.find((one) => one.id === job.type)?.secrets ?? Object.keys(job.config)
}

/** What a file holds; `-` is standard input. Ends the command when it cannot be read. */
export async function readGiven(context: CliContext, file: string, option: string): Promise<string> {
  try {
    return file === '-' ? await readAll(context.stdin) : await readFile(file, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ExitError(exitCodes.usage, `${option}: ${reason}`, { cause: error })
  }
}

/** A password as people keep it in a file: one line, its line end does not belong to it. */
export async function readPassword(context: CliContext, file: string): Promise<string> {
  const password = (await readGiven(context, file, '--password-file')).replace(/\r?\n$/, '')
  if (password === '') throw new ExitError(exitCodes.usage, `--password-file: ${file} is empty`)
  return password
}

/** Arguments can be read by every user of the machine: a secret among them is refused, whatever else is wrong. */
export function secretsInArguments(source: AnySource | undefined, config: unknown): readonly FieldError[] {
  if (typeof config !== 'object' || config === null) return []
  return (source?.secrets ?? [])
    .filter((key) => Object.hasOwn(config, key))
    .map((key) => ({
      field: `config.${key}`,
      code: 'secret_in_arguments',
      facts: { option: '--password-file' },
    }))
}
