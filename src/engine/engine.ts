// What the dashboard and the command line may ask for. Every change goes through here; reads go to `src/store`.
import type { Archive } from '../domain/archive.ts'
import type { Drill, DrillDepth } from '../domain/drill.ts'
import type { CatalogueScan, InstalledApp, SourceOffers } from '../domain/helper-protocol.ts'
import type { Job, JobInput } from '../domain/job.ts'
import type { FieldError } from '../domain/problem.ts'
import type { RetentionPlan } from '../domain/retention.ts'
import type { RetentionPolicy } from '../domain/retention-policy.ts'
import type { Restore, RestoreOptions, RestorePlan } from '../domain/restore.ts'
import type { Run, RunTrigger } from '../domain/run.ts'
import type { InstanceSettings } from '../domain/settings.ts'
import type { Contents } from './contents.ts'
import type { Ownership, Peers, Remote, SelfDescription, Tokens, Transfers, Uploads } from './federation.ts'

/** Who asks, for the activity log: a user name, `cli` or `scheduler`. */
export type Actor = string

/** A retention plan together with the archives it speaks of. */
export interface RetentionPreview {
  readonly plan: RetentionPlan
  readonly archives: readonly Archive[]
  readonly freedBytes: number
}

/** What the job form can offer on this machine. */
export interface Offers {
  readonly apps: readonly InstalledApp[]
  readonly parts: readonly string[]
  /** Types that cannot run here, with the missing tool. */
  readonly missing: Readonly<Record<string, string>>
}

/** What an admin asks of a restore. */
export interface RestoreInput {
  readonly options: RestoreOptions
  /** How to reach the database server, when it is not as the job or the archive says. Encrypted where it is stored. */
  readonly connection?: Readonly<Record<string, unknown>>
}
/** `digest` stands for the plan that was looked at ({@link planDigest}); `force` replaces without that look. */
export interface RestoreOrder extends RestoreInput {
  readonly digest?: string
  readonly force?: boolean
}

export interface DiskState {
  readonly totalBytes: number
  readonly freeBytes: number
  /** Epoch milliseconds of the measurement. */
  readonly at: number
}

/** Rejections are `Problem`s; `validation_failed` carries the wrong fields. */
export interface Engine {
  /** Wrong fields of an input, by looking at the machine too; writes nothing. Empty: it would be accepted. */
  checkJob(input: JobInput, editing?: number): Promise<readonly FieldError[]>
  createJob(input: JobInput, actor: Actor): Promise<Job>
  updateJob(id: number, input: JobInput, actor: Actor): Promise<Job>
  /** The job and its history go; its archives stay, as archives of no job. */
  removeJob(id: number, actor: Actor): Promise<void>
  setJobEnabled(id: number, enabled: boolean, actor: Actor): Promise<Job>
  /** An admin has looked at the anomaly: retention may remove again. */
  releaseRetention(id: number, actor: Actor): Promise<Job>
  /** Queues a run; `job_already_running` when one is queued or running. */
  startRun(jobId: number, trigger: RunTrigger, actor: Actor): Promise<Run>
  /** Asks a run to stop; a queued one is cancelled at once. `run_finished` when there is nothing to stop. */
  cancelRun(runId: number, actor: Actor): Promise<Run>
  /** Resolves when the run has ended. */
  waitForRun(runId: number, signal?: AbortSignal): Promise<Run>
  /** What retention would do now, with the job's policy or another one. Touches nothing. */
  previewRetention(jobId: number, policy?: RetentionPolicy): Promise<RetentionPreview>
  /** Applies the job's policy now; the plan that was carried out. */
  applyRetention(jobId: number, actor: Actor): Promise<RetentionPreview>
  /** Brings the catalogue up to date with the directory. */
  rescan(): Promise<CatalogueScan>
  /** Reads the archive again from the disk; the row as it is afterwards. */
  verifyArchive(name: string, actor: Actor, signal?: AbortSignal): Promise<Archive>
  /** Names of archives being verified now. */
  verifying(): readonly string[]
  setPinned(name: string, pinned: boolean, actor: Actor): Promise<Archive>
  /** `archive_pinned`, `archive_in_use`; deletes through YunoHost where it knows the archive. */
  deleteArchive(name: string, actor: Actor): Promise<void>
  /** What a restore would do. Changes nothing. Wrong options are `validation_failed`, what forbids it is in the plan. */
  planRestore(name: string, input: RestoreInput): Promise<RestorePlan>
  /**
   * Queues a restore. `restore_refused` with the plan's refusals; `confirmation_missing` when something would be replaced
   * and neither the plan's digest nor `force` is given; `restore_plan_changed`; `restore_running`.
   */
  startRestore(name: string, order: RestoreOrder, actor: Actor): Promise<Restore>
  /** Asks a restore to stop and put everything back; a queued one is cancelled at once. `restore_finished`. */
  cancelRestore(id: number, actor: Actor): Promise<Restore>
  /** Resolves when the restore has ended. */
  waitForRestore(id: number, signal?: AbortSignal): Promise<Restore>
  /** Calls back whenever something about that restore changed. Returns the way to stop. */
  watchRestore(id: number, changed: () => void): () => void
  /** What is in an archive; see {@link Contents}. */
  readonly contents: Contents
  /** Proves the job's newest archive at its depth, or at the one given. Resolves when it is done. `drill_running`. */
  startDrill(jobId: number, depth: DrillDepth | null, actor: Actor): Promise<Drill>
  /** Jobs whose drill is going on. */
  drilling(): readonly number[]
  /** What the job's form can offer for a type; `given`: settings as far as they are filled in. `jobId`: its stored secrets are used. */
  sourceOffers(type: string, given: Readonly<Record<string, unknown>>, jobId?: number): Promise<SourceOffers>
  offers(): Promise<Offers>
  disk(): Promise<DiskState>
  /** YunoHost's version as last asked; null without YunoHost. */
  yunohostVersion(): Promise<string | null>
  readonly tokens: Tokens
  readonly peers: Peers
  /** Receiving archives. */
  readonly uploads: Uploads
  readonly ownership: Ownership
  /** Sending and fetching archives. */
  readonly transfers: Transfers
  /** What is asked of other instances. */
  readonly remote: Remote
  /** What other instances are told. */
  readonly self: SelfDescription
  settings(): InstanceSettings
  updateSettings(change: Partial<InstanceSettings>, actor: Actor): Promise<InstanceSettings>
  /** Calls back whenever something about that run changed (state, progress, log). Returns the way to stop. */
  watchRun(runId: number, changed: () => void): () => void
}
