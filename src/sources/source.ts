// The contract of a source: one kind of thing a job backs up. A source is one folder and one line in `registry.ts`.
// `settings`, `secrets`, `subject`, `label…`, `restore.recall` are used by the server; the rest runs in the root helper.
import type { z } from 'zod'
import type { DrillDepth, DrillResult } from '../domain/drill.ts'
import type { ArchiveOrder, Estimate, LogStream, Produced, SourceOffers } from '../domain/helper-protocol.ts'
import type { FieldError } from '../domain/problem.ts'
import type {
  PlanRemark,
  RestoreOption,
  RestoreOptions,
  RestorePlan,
  RestoreStepCode,
} from '../domain/restore.ts'
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
  /** Marks everything of this operation: a UUID, for names of scratch places. */
  readonly operation: string
  /** Epoch milliseconds. */
  now(): number
}

/** Where things are on this machine; from the helper's own environment, never from a request. */
export interface Places {
  readonly archivesDir: string
  readonly dataDir: string
  /** Words of the yunohost command, e.g. `['yunohost']`. */
  readonly yunohost: readonly string[]
  /** In front of `/etc/passwd`, `/etc/systemd/system` and the like; empty but in tests. */
  readonly systemRoot: string
  /** What other instances send by rsync arrives below it; absent: nothing does. */
  readonly inboxDir?: string
}

/** @typeParam S the settings, as the schema returns them. */
export interface Source<S> {
  /** Stored in the database and in archives: never renamed. */
  readonly id: string
  /** Checks API and form input and what is stored. Unknown keys are refused by name. */
  readonly settings: z.ZodType<S>
  /** Settings (texts) that are encrypted in the database and never shown again. */
  readonly secrets: readonly string[]
  /** Settings that say how a server is reached: an archive never decides that while its job exists. */
  readonly connection?: readonly string[]
  readonly lane: Lane
  /** Programs it needs; a type whose tool is missing is shown disabled. */
  readonly tools: readonly string[]
  /** The middle part of the archive's name, e.g. `nocodb`, `system`, `mysql_mabase`, or the job's slug. Pure. */
  subject(settings: S, jobName: string): string
  /** Whether `core_only` means something for it. */
  readonly supportsCoreOnly: boolean
  /** Looks at the machine for the job's form. `given` may lack anything: parse what is needed, ignore the rest. */
  offers(given: Readonly<Record<string, unknown>>, io: SourceIo): Promise<SourceOffers>
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
  readonly restore: Restorer<S>
}

/** What is to be restored, and how. */
export interface RestoreRequest<S> {
  /** Name in the archives directory. */
  readonly archive: string
  /** Of the job, or what the archive itself remembers ({@link Restorer.recall}), with the secrets needed now. */
  readonly settings: S
  readonly options: RestoreOptions
  /** The archive of the present state that was made for `plan.safety`; null without one. Not there while planning. */
  readonly safetyArchive?: string | null
}

/** How archives of a source come back. `sources/restore/` has what all of them share. */
export interface Restorer<S> {
  /** Options it understands; any other is refused by its name. */
  readonly options: readonly RestoreOption[]
  /** Depths of drills beyond `read`. */
  readonly drills: readonly DrillDepth[]
  /** Settings that an archive's own descriptions tell, not yet checked; null when they tell too little. Pure. */
  recall(described: Described): Readonly<Record<string, unknown>> | null
  /** Looks at archive and machine and says what would be done; everything that is wrong is a refusal. Changes nothing. */
  plan(request: RestoreRequest<S>, io: SourceIo): Promise<RestorePlan>
  /**
   * Does what the plan says, from its first step after `safety_archive`. Every change that can be seen from outside is
   * announced by `tx.will` before it is made. When it throws, or the machine dies, everything announced is taken back;
   * once `tx.commit` has returned it is finished instead.
   */
  apply(request: RestoreRequest<S>, plan: RestorePlan, tx: RestoreTransaction, io: SourceIo): Promise<void>
  /** How each kind of change that `apply` announces is taken back, or tidied up after success. */
  readonly changes: Changes<S>
  /** Proves an archive in a scratch place that nothing else uses, and leaves nothing of it. Never throws for a bad archive. */
  drill(request: RestoreRequest<S>, depth: DrillDepth, io: SourceIo): Promise<DrillResult>
}

export interface Described {
  readonly info: Readonly<Record<string, unknown>>
  readonly backupInfo: Readonly<Record<string, unknown>> | null
}

/** A change as the journal keeps it: enough to take it back after a crash, and nothing secret. */
export interface Change {
  readonly kind: string
  readonly data: Readonly<Record<string, string | number | boolean | null | readonly string[]>>
}

/**
 * By kind. Both must do no harm when the change was not made, half made, or already taken back: after a crash nobody
 * knows. `io.signal` of these calls is never aborted by a cancel.
 */
export type Changes<S> = Readonly<
  Record<
    string,
    {
      undo(data: Change['data'], request: RestoreRequest<S>, io: SourceIo): Promise<void>
      finish?(data: Change['data'], request: RestoreRequest<S>, io: SourceIo): Promise<void>
    }
  >
>

/** See `sources/restore/transaction.ts`. */
export interface RestoreTransaction {
  /** Does the plan's next step of that code and tells its state; a step of the plan that is never done shows as skipped. */
  step<T>(code: RestoreStepCode, work: () => Promise<T>): Promise<T>
  /** Writes the change to the journal, synced. Make it after this. */
  will(change: Change): Promise<void>
  /** Something to look at although it went well. */
  remark(remark: PlanRemark): void
  /** From here on there is no way back: what remains is tidying up. */
  commit(): Promise<void>
}

/** A source whose settings type has been forgotten; the registry holds these. */
// oxlint-disable-next-line typescript/no-explicit-any -- a list of generic objects needs it in this one place
export type AnySource = Source<any>
