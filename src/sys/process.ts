// The only place that starts programs. See `run` for how a command ends.

/** How a command ended. The first reason wins. */
export type Ended =
  | { readonly how: 'exit'; readonly code: number }
  | { readonly how: 'signal'; readonly signal: string }
  | { readonly how: 'cancelled'; readonly forced: boolean }
  | { readonly how: 'timeout'; readonly forced: boolean }
  | { readonly how: 'not_found' }
  | { readonly how: 'output_limit' }

export interface RunOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  /** Time between SIGTERM and SIGKILL of the whole process tree. Default 5000. */
  readonly graceMs?: number
  readonly cwd?: string
  /** The whole environment but PATH, HOME and LC_ALL, which are always set. Nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string | Uint8Array
  /** A file descriptor that becomes the child's stdout, instead of being read. */
  readonly stdoutFd?: number
  /** Called for every line, without its newline; lines are cut at 64 KiB. */
  onStdoutLine?(line: string): void
  onStderrLine?(line: string): void
  /** Bytes of stdout kept in `Done.stdout`; 0 keeps none. Default 16 MiB; more ends the command with `output_limit`. */
  readonly maxStdout?: number
  /** Exit codes that are not a failure. Default `[0]`. */
  readonly okCodes?: readonly number[]
}

export interface Done {
  readonly code: number
  readonly stdout: string
  /** The last 4 KiB. */
  readonly stderrTail: string
}

/** Runs a program by argument array, never through a shell. Rejects with {@link CommandError}. */
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
