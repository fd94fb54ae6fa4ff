// What a run is. Which state may follow which is in `run-state.ts`.
import type { Facts, ProblemCode } from './problem.ts'

export const runStatuses = [
  'queued',
  'running',
  'success',
  'warning',
  'error',
  'cancelled',
  'interrupted',
] as const
export type RunStatus = (typeof runStatuses)[number]

export const runTriggers = ['schedule', 'manual', 'api', 'catch_up'] as const
export type RunTrigger = (typeof runTriggers)[number]

/** One target of a run (an app, a system part, a path, a database) and how it went. */
export interface TargetResult {
  readonly kind: 'app' | 'system' | 'path' | 'database'
  readonly id: string
  readonly status: 'success' | 'warning' | 'error' | 'skipped'
  readonly detail?: string
}

/** Texts: `warning.<code>`. */
export const runWarningCodes = [
  'file_changed',
  'file_vanished',
  'file_shrank',
  'file_unreadable',
  'sockets_skipped',
  'mounts_skipped',
  'post_hook_failed',
  'retention_failed',
  'target_failed',
  'sidecar_only',
  'leftovers',
  'passwords_unknown',
  'recipe_user_missing',
  'recipe_service_missing',
  'tables_not_transactional',
  'accounts_unread',
  'view_broken',
] as const

/** Something that did not stop the run but must be seen. `path` may be long; shown, never executed. */
export interface RunWarning {
  readonly code: (typeof runWarningCodes)[number]
  readonly path?: string
  readonly facts?: Facts
}

/** Codes that say what an archive cannot hold, not that anything went wrong: they do not turn a run yellow. */
export const notes: ReadonlySet<RunWarning['code']> = new Set([
  'sockets_skipped',
  'mounts_skipped',
  'passwords_unknown',
  'tables_not_transactional',
  'accounts_unread',
])

/** A stored run. Times are epoch milliseconds, sizes bytes. */
export interface Run {
  readonly id: number
  readonly jobId: number
  readonly status: RunStatus
  readonly trigger: RunTrigger
  /** Who asked: a user name, `scheduler`, `cli`. */
  readonly actor: string
  readonly queuedAt: number
  /** Not started before this (spread of catch-up runs). */
  readonly notBefore: number
  readonly startedAt: number | null
  readonly finishedAt: number | null
  readonly archiveName: string | null
  readonly sizeBytes: number | null
  /** What the run is doing: see `runSteps`. */
  readonly step: RunStep | null
  readonly progressDone: number | null
  readonly progressTotal: number | null
  readonly errorCode: ProblemCode | null
  readonly errorFacts: Facts
  readonly targets: readonly TargetResult[]
  readonly warnings: readonly RunWarning[]
  /** Number of warnings, also of those beyond what is stored. */
  readonly warningCount: number
  readonly exitCodes: Readonly<Record<string, number>>
  readonly cancelRequested: boolean
  /** Marks every process of this run in its environment (`BM_OPERATION`). */
  readonly operation: string
}

/** Steps in their order; the run page shows them. */
export const runSteps = ['check_space', 'pre_hook', 'backup', 'record', 'post_hook', 'retention'] as const
export type RunStep = (typeof runSteps)[number]
