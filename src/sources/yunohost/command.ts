// Calls the `yunohost` command and turns its answers into checked values and its failures into problems.
import type { z } from 'zod'
import { Problem } from '../../domain/problem.ts'
import type { SourceIo } from '../source.ts'
import { failure, messageOf } from './failure.ts'

/** What calling `yunohost` needs of a {@link SourceIo}. */
export type YunohostIo = Pick<SourceIo, 'run' | 'signal' | 'log' | 'places'>

export interface ChangeOptions {
  /** Seconds to wait for YunoHost's global lock; then the call fails with `yunohost_busy`. */
  readonly lockWaitS: number
  readonly env?: Readonly<Record<string, string>>
  /** Called once it has the lock and has checked its arguments: from here on it may have changed something. */
  onStarted?(): void
}

/** What a changing command gave: its answer and the last lines of its stderr. */
export interface Changed<T> {
  readonly answer: T
  readonly complaints: readonly string[]
}

/** A read takes YunoHost about a second, on a slow board several. */
const readTimeoutMs = 120_000
const complaintsKept = 500

/**
 * Asks something that takes no lock. Throws `tool_missing`, `yunohost_failed`, `timed_out` or `cancelled`; with
 * `--quiet` YunoHost says nothing about a failure but its exit code.
 */
export async function readYunohost<T>(
  io: YunohostIo,
  args: readonly string[],
  schema: z.ZodType<T>,
): Promise<T> {
  const [file, words] = commandOf(io)
  try {
    const done = await io.run(file, [...words, '--quiet', '--output-as', 'json', ...args], {
      signal: io.signal,
      timeoutMs: readTimeoutMs,
    })
    return parse(lastLine(done.stdout), schema, told(args))
  } catch (error) {
    throw failure(error, { command: told(args), complaints: [] })
  }
}

/**
 * Runs something that changes the server. Its messages go to the log line by line; waiting for the lock is logged as
 * a state. Throws as {@link readYunohost}, and `yunohost_busy`, `disk_full`, `nothing_backed_up`, `archive_exists`.
 */
export async function changeWithYunohost<T>(
  io: YunohostIo,
  args: readonly string[],
  schema: z.ZodType<T>,
  options: ChangeOptions,
): Promise<Changed<T>> {
  const { last, complaints } = await commandYunohost(io, args, options)
  return { answer: parse(last, schema, told(args)), complaints }
}

/** The same for a command that answers nothing; `last` is the last line it printed. */
export async function commandYunohost(
  io: YunohostIo,
  args: readonly string[],
  options: ChangeOptions,
): Promise<{ readonly last: string; readonly complaints: readonly string[] }> {
  const [file, words] = commandOf(io)
  const complaints: string[] = []
  let last = ''
  let started = false
  const flags = ['--output-as', 'json', '--timeout', String(options.lockWaitS)]
  try {
    await io.run(file, [...words, ...flags, ...args], {
      signal: io.signal,
      maxStdout: 0,
      ...(options.env && { env: options.env }),
      onStdoutLine(line) {
        if (!started) options.onStarted?.()
        started = true
        if (line.trim() !== '') last = line
        if (!line.startsWith('{')) io.log('out', line)
      },
      onStderrLine(line) {
        complaints.push(line)
        if (complaints.length > complaintsKept) complaints.shift()
        io.log('err', line)
        logLockState(io, line, options.lockWaitS)
      },
    })
  } catch (error) {
    throw failure(error, { command: told(args), complaints })
  }
  return { last, complaints }
}

/** What a command is called in messages: `backup create`. Never its arguments. */
function told(args: readonly string[]): string {
  return args.slice(0, 2).join(' ')
}

function commandOf(io: YunohostIo): [file: string, words: readonly string[]] {
  const [file, ...words] = io.places.yunohost
  if (file === undefined) throw new Problem('tool_missing', { tool: 'yunohost' })
  return [file, words]
}

/** YunoHost tells only by these messages (English under LC_ALL=C.UTF-8) that it waits; nothing depends on them. */
function logLockState(io: YunohostIo, line: string, lockWaitS: number): void {
  const text = messageOf(line)
  if (text.startsWith('Another YunoHost command is running')) {
    io.log('info', `waiting for YunoHost: another command holds its lock (at most ${lockWaitS} s)`)
  } else if (text.startsWith('The other command just completed')) {
    io.log('info', 'YunoHost is free again')
  }
}

function lastLine(stdout: string): string {
  return stdout.trimEnd().split('\n').at(-1) ?? ''
}

function parse<T>(line: string, schema: z.ZodType<T>, command: string): T {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new Problem('yunohost_failed', { command, detail: 'its answer is not JSON' }, { cause })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const where = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ')
  throw new Problem(
    'yunohost_failed',
    { command, detail: `its answer is not understood (${where})` },
    { cause: parsed.error },
  )
}
