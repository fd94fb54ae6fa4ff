// The contract of a source: one kind of thing a job backs up. A source is one folder and one line in `registry.ts`.
// `settings`, `subject`, `label…` are used by the server; `check`, `estimate` and `produce` run in the root helper.
import type { z } from 'zod'
import type { ArchiveOrder, Estimate, LogStream, Produced } from '../domain/helper-protocol.ts'
import type { FieldError } from '../domain/problem.ts'
import type { Run } from '../sys/process.ts'

/** Runs of one lane execute one after the other; everything that calls `yunohost` shares its global lock. */
export type Lane = 'yunohost' | 'general'

/** What a source is given by the helper. */
export interface SourceIo {
  readonly run: Run
  /** Aborted when the run is cancelled, times out or its client is gone. Must end everything promptly. */
  readonly signal: AbortSignal
  log(stream: LogStream, text: string): void
  /** Bytes done so far of the total, null when unknown. Cheap to call often: the helper thins it out. */
  progress(done: number, total: number | null): void
  readonly places: Places
  /** Epoch milliseconds. */
  now(): number
}

/** Where things are on this machine; from the helper's own environment, never from a request. */
export interface Places {
  readonly archivesDir: string
  readonly dataDir: string
  /** Words of the yunohost command, e.g. `['yunohost']`. */
  readonly yunohost: readonly string[]
}

/** @typeParam S the settings, as the schema returns them. */
export interface Source<S> {
  /** Stored in the database and in archives: never renamed. */
  readonly id: string
  /** Checks API and form input and what is stored. Unknown keys are refused by name. */
  readonly settings: z.ZodType<S>
  readonly lane: Lane
  /** Programs it needs; a type whose tool is missing is shown disabled. */
  readonly tools: readonly string[]
  /** The middle part of the archive's name, e.g. `nocodb`, `system`, `mysql_mabase`, or the job's slug. Pure. */
  subject(settings: S, jobName: string): string
  /** Whether `core_only` means something for it. */
  readonly supportsCoreOnly: boolean
  /** Looks at the machine: wrong settings by field (`config.<key>`). Empty when it could run now. */
  check(settings: S, io: SourceIo): Promise<readonly FieldError[]>
  /** Bytes the archive will take. `thorough` allows slow ways (`--dry-run`). */
  estimate(settings: S, io: SourceIo, thorough: boolean): Promise<Estimate>
  /**
   * Makes the archive: complete, synced and hashed under its final name, or not there at all.
   * Obligations: nothing of a failed, cancelled or crashed call is ever taken for an archive; an existing name
   * is refused with `archive_exists`; throws a `Problem`; honours `io.signal`.
   */
  produce(settings: S, archive: ArchiveOrder, io: SourceIo): Promise<Produced>
}

/** A source whose settings type has been forgotten; the registry holds these. */
// oxlint-disable-next-line typescript/no-explicit-any -- a list of generic objects needs it in this one place
export type AnySource = Source<any>
