// The only place that starts programs. See `run` for how a command ends.
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { lineReader } from './lines.ts'
import { endTree, sendSignal } from './process-tree.ts'

const graceMsDefault = 5000
const lineLimit = 64 * 1024
const stderrTailBytes = 4 * 1024
const maxStdoutDefault = 16 * 1024 * 1024
/** How long the pipes of a command may stay open after everything of it was killed. */
const pipesCloseWithinMs = 1000

/** How a command ended. The first reason wins. */
export type Ended =
  | { readonly how: 'exit'; readonly code: number }
  | { readonly how: 'signal'; readonly signal: string }
  | { readonly how: 'cancelled'; readonly forced: boolean }
  | { readonly how: 'timeout'; readonly forced: boolean }
  | { readonly how: 'not_found' }
  | { readonly how: 'output_limit' }
  /** Its input could not be read to the end, so it was stopped before it could take a part for the whole. */
  | { readonly how: 'input_failed' }

export interface RunOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  /** Time between SIGTERM and SIGKILL of the whole process tree. Default 5000. */
  readonly graceMs?: number
  readonly cwd?: string
  /** The whole environment but PATH, HOME and LC_ALL, which are always set. Nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>
  /** Chunks are read as fast as the program takes them. When reading them fails, the program is stopped. */
  readonly stdin?: string | Uint8Array | AsyncIterable<Uint8Array>
  /** A file descriptor that becomes the child's stdout, instead of being read. */
  readonly stdoutFd?: number
  /** Called for every piece of stdout as it comes; what it throws stops the program with `input_failed`. */
  onStdoutChunk?(chunk: Buffer): void
  /** Called for every line, without its newline; lines are cut at 64 KiB. */
  onStdoutLine?(line: string): void
  onStderrLine?(line: string): void
  /** Bytes of stdout kept in `Done.stdout`; 0 keeps none. Default 16 MiB; more ends the command with `output_limit`. */
  readonly maxStdout?: number
  /** Exit codes that are not a failure. Default `[0]`. */
  readonly okCodes?: readonly number[]
  /** While the promise this gives is pending, the command's output is not read: it has to wait. */
  ready?(): Promise<void> | undefined
}

export interface Done {
  readonly code: number
  readonly stdout: string
  /** The last 4 KiB. */
  readonly stderrTail: string
}

/**
 * Runs a program by argument array, never through a shell. Rejects with {@link CommandError}, or with the system's
 * own error when the machine could not start it (no memory, too many processes, a working directory that is missing).
 */
export interface Run {
  (file: string, args: readonly string[], options?: RunOptions): Promise<Done>
}

/** A command that did not end with an accepted exit code. Arguments are not in the message: they may be secret. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly file: string
  readonly ended: Ended
  readonly stderrTail: string

  constructor(file: string, ended: Ended, stderrTail: string, options?: ErrorOptions) {
    super(`${file}: ${ended.how}${ended.how === 'exit' ? ` ${ended.code}` : ''}`, options)
    this.file = file
    this.ended = ended
    this.stderrTail = stderrTail
  }
}

/**
 * The real {@link Run}. The command gets a session and process group of its own. It has ended when it has exited and
 * nobody holds its output any more. Cancelling, a timeout and too much output end the whole group with SIGTERM, then
 * SIGKILL, and with it every process that carries the command's `BM_OPERATION`, wherever it went.
 */
export const run: Run = async (file, args, options = {}) => {
  const { signal } = options
  if (wasAborted(signal)) throw new CommandError(file, { how: 'cancelled', forced: false }, '')

  const out = options.stdoutFd ?? 'pipe'
  const child = await start(file, args, options, [
    options.stdin === undefined ? 'ignore' : 'pipe',
    out,
    'pipe',
  ])
  const closed = new Promise<Ended>((resolve) => child.once('close', (code, by) => resolve(exited(code, by))))

  let stopping: Promise<Ended> | undefined
  const stop = (how: 'cancelled' | 'timeout' | 'output_limit' | 'input_failed'): void => {
    stopping ??= stopChild(child, closed, options).then((forced) =>
      how === 'output_limit' || how === 'input_failed' ? { how } : { how, forced },
    )
  }
  let broken: unknown
  const fail = (error: unknown): void => {
    broken ??= error
    stop('input_failed')
  }
  const onAbort = (): void => stop('cancelled')
  signal?.addEventListener('abort', onAbort, { once: true })
  // It may have been aborted while the program was being started.
  if (wasAborted(signal)) onAbort()
  const timer =
    options.timeoutMs === undefined ? undefined : setTimeout(() => stop('timeout'), options.timeoutMs)

  feed(child.stdin, options.stdin, fail)
  const reading = { ...options, ready: () => (stopping === undefined ? options.ready?.() : undefined) }
  const stdout = collect(child.stdout, reading, () => stop('output_limit'), fail)
  const stderrTail = tail(child.stderr, reading)

  const naturally = await closed
  signal?.removeEventListener('abort', onAbort)
  clearTimeout(timer)
  const ended = stopping === undefined ? naturally : await stopping
  if (ended.how !== 'exit' || !(options.okCodes ?? [0]).includes(ended.code)) {
    throw new CommandError(file, ended, stderrTail(), broken === undefined ? undefined : { cause: broken })
  }
  return { code: ended.code, stdout: stdout(), stderrTail: stderrTail() }
}

function wasAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

/** A program that lives as long as its starter holds its standard input: see {@link spawnLeashed}. */
export interface Leashed {
  /** The leash: ending it, or dying, tells the program to stop. */
  readonly stdin: Writable
  readonly stdout: Readable
  /** Resolves when it has exited and nobody holds its output. */
  readonly ended: Promise<Ended>
  stderrTail(): string
  /** SIGKILL to its process group. */
  kill(): void
}

/** Starts a program to talk with over its standard input and output. Rejects like {@link run} when it cannot start. */
export async function spawnLeashed(
  file: string,
  args: readonly string[],
  options: Pick<RunOptions, 'env' | 'cwd'> = {},
): Promise<Leashed> {
  const child = await start(file, args, options, ['pipe', 'pipe', 'pipe'])
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null) throw new Error(`${file}: started without pipes`)
  const ended = new Promise<Ended>((resolve) => child.once('close', (code, by) => resolve(exited(code, by))))
  return { stdin, stdout, ended, stderrTail: tail(stderr, {}), kill: () => signalGroup(child, 'SIGKILL') }
}

/**
 * Runs a program that talks over our own standard streams, and resolves with its exit code; 127 when it is missing. Ends when
 * the streams do, or is ended by SIGTERM when `signal` aborts.
 */
export async function runAttached(
  file: string,
  args: readonly string[],
  options: Pick<RunOptions, 'env' | 'cwd' | 'signal'> = {},
): Promise<number> {
  let child: ChildProcess
  try {
    child = await start(file, args, options, ['inherit', 'inherit', 'inherit'])
  } catch (error) {
    if (error instanceof CommandError) return 127
    throw error
  }
  const stop = (): void => signalGroup(child, 'SIGTERM')
  options.signal?.addEventListener('abort', stop, { once: true })
  if (wasAborted(options.signal)) stop()
  const ended = await new Promise<Ended>((resolve) => {
    child.once('close', (code, by) => resolve(exited(code, by)))
  })
  options.signal?.removeEventListener('abort', stop)
  return ended.how === 'exit' ? ended.code : 1
}

/** Resolves once the program runs, so that a missing program is told apart from a failing one. */
function start(
  file: string,
  args: readonly string[],
  options: Pick<RunOptions, 'env' | 'cwd'>,
  stdio: NonNullable<SpawnOptions['stdio']>,
): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const { cwd } = options
    const child = spawn(file, args, {
      stdio,
      detached: true,
      env: environment(options.env),
      ...(cwd && { cwd }),
    })
    child.once('spawn', () => resolve(child))
    child.on('error', (error: NodeJS.ErrnoException) => {
      const noFolder = cwd !== undefined && !existsSync(cwd)
      const noProgram = error.code === 'ENOENT' || error.code === 'EACCES' || error.code === 'ENOTDIR'
      if (!noProgram || noFolder) reject(error)
      else reject(new CommandError(file, { how: 'not_found' }, '', { cause: error }))
    })
  })
}

function environment(own: RunOptions['env']): NodeJS.ProcessEnv {
  const places = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  return {
    // Node's own folder comes last: programs written for it find it, and nothing of the system is replaced.
    PATH: [...places, dirname(process.execPath)].join(':'),
    HOME: process.getuid?.() === 0 ? '/root' : homedir(),
    LC_ALL: 'C.UTF-8',
    ...own,
  }
}

function exited(code: number | null, by: NodeJS.Signals | null): Ended {
  return code === null ? { how: 'signal', signal: by ?? 'unknown' } : { how: 'exit', code }
}

/** Ends everything that belongs to the command; true when SIGKILL was needed. Comes back when its pipes are closed. */
async function stopChild(
  child: ChildProcess,
  closed: Promise<unknown>,
  options: RunOptions,
): Promise<boolean> {
  // What the command still writes is read and thrown away, or it could not end.
  child.stdout?.resume()
  child.stderr?.resume()
  const operation = options.env?.['BM_OPERATION']
  const { forced } = await endTree({ group: child.pid, operation }, options.graceMs ?? graceMsDefault)
  // Somebody outside the tree may have been handed the pipes; nobody waits for them.
  const given = new AbortController()
  const patience = sleep(pipesCloseWithinMs, undefined, { signal: given.signal }).catch(() => undefined)
  await Promise.race([closed, patience])
  given.abort()
  child.stdout?.destroy()
  child.stderr?.destroy()
  child.stdin?.destroy()
  await closed
  return forced
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) sendSignal(-child.pid, signal)
}

function feed(stdin: Writable | null, data: RunOptions['stdin'], failed: (error: unknown) => void): void {
  // A command may end without reading its input: how it ended tells more than this error.
  stdin?.on('error', () => undefined)
  if (stdin === null || data === undefined) return
  if (typeof data === 'string' || data instanceof Uint8Array) stdin.end(data)
  else pour(data, stdin).catch(failed)
}

/** Ends the input only after all of it: a program must never take a part for the whole. */
async function pour(data: AsyncIterable<Uint8Array>, stdin: Writable): Promise<void> {
  for await (const chunk of data) {
    if (stdin.destroyed) return
    if (!stdin.write(chunk)) await drained(stdin)
  }
  stdin.end()
}

function drained(stdin: Writable): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      stdin.off('drain', go).off('close', go)
      resolve()
    }
    if (stdin.destroyed) resolve()
    else stdin.once('drain', go).once('close', go)
  })
}

function collect(
  stdout: Readable | null,
  options: RunOptions,
  tooMuch: () => void,
  failed: (error: unknown) => void,
): () => string {
  const limit = options.maxStdout ?? maxStdoutDefault
  const kept: Buffer[] = []
  let size = 0
  listen(stdout, options, options.onStdoutLine?.bind(options), (chunk) => {
    try {
      options.onStdoutChunk?.(chunk)
    } catch (error) {
      return failed(error)
    }
    if (limit === 0) return
    if (size + chunk.length > limit) return tooMuch()
    kept.push(chunk)
    size += chunk.length
  })
  return () => Buffer.concat(kept).toString('utf8')
}

function tail(stderr: Readable | null, options: RunOptions): () => string {
  let kept = Buffer.alloc(0)
  listen(stderr, options, options.onStderrLine?.bind(options), (chunk) => {
    kept = Buffer.concat([kept, chunk]).subarray(-stderrTailBytes)
  })
  return () => kept.toString('utf8')
}

function listen(
  stream: Readable | null,
  options: RunOptions,
  onLine: ((line: string) => void) | undefined,
  onChunk: (chunk: Buffer) => void,
): void {
  if (stream === null) return
  const lines = onLine === undefined ? undefined : lineReader(lineLimit, onLine)
  stream.on('data', (chunk: Buffer) => {
    onChunk(chunk)
    lines?.push(chunk)
    const wait = options.ready?.()
    if (wait === undefined) return
    stream.pause()
    void wait.then(() => stream.resume())
  })
  // `close`, not `end`: also the last line of a stream that was cut off is handed out.
  stream.once('close', () => lines?.end())
  stream.on('error', () => undefined)
}
