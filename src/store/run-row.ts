// Rows of `runs` to and from the domain's Run.
import { sql, type Selectable } from 'kysely'
import { z } from 'zod'
import {
  runWarningCodes,
  type Run,
  type RunStatus,
  type RunWarning,
  type TargetResult,
} from '../domain/run.ts'
import { errorOf, factsSchema } from './error-columns.ts'
import type { ReadJson } from './json.ts'
import type { RunsTable } from './schema.ts'

export const openStatuses = ['queued', 'running'] as const satisfies readonly RunStatus[]
/** Runs that left a usable archive. A warning did: it says what is missing from it. */
export const goodStatuses = ['success', 'warning'] as const satisfies readonly RunStatus[]
/** Runs that say how the job is doing; a cancelled one says nothing. */
export const verdictStatuses = [
  'success',
  'warning',
  'error',
  'interrupted',
] as const satisfies readonly RunStatus[]

const exitCodes = z.record(z.string(), z.number())
const targets: z.ZodType<readonly TargetResult[]> = z.array(
  z.object({
    kind: z.enum(['app', 'system', 'path', 'database']),
    id: z.string(),
    status: z.enum(['success', 'warning', 'error', 'skipped']),
    detail: z.string().exactOptional(),
  }),
)
const warnings: z.ZodType<readonly RunWarning[]> = z.array(
  z.object({
    code: z.enum(runWarningCodes),
    path: z.string().exactOptional(),
    facts: factsSchema.exactOptional(),
  }),
)

/** Every column but the end of the log, which is long and has its own reader. */
export const runColumns = [
  'id',
  'job_id',
  'status',
  'trigger',
  'actor',
  'operation',
  'queued_at',
  'not_before',
  'started_at',
  'finished_at',
  'archive_name',
  'size_bytes',
  'step',
  'progress_done',
  'progress_total',
  'error_code',
  'error_facts',
  'targets_json',
  'warnings_json',
  'warning_count',
  'exit_codes_json',
  'cancel_requested',
] as const satisfies readonly (keyof RunsTable)[]
export type RunRow = Pick<Selectable<RunsTable>, (typeof runColumns)[number]>

/** The same for lists: more than 16 KiB of warnings is left out (`warningCount` still counts them). */
export const listedRunColumns = [
  ...runColumns.filter((column) => column !== 'warnings_json'),
  sql<string>`iif(length(warnings_json) > 16384, '[]', warnings_json)`.as('warnings_json'),
] as const

export function toRun(row: RunRow, json: ReadJson): Run {
  return {
    id: row.id,
    jobId: row.job_id,
    status: row.status,
    trigger: row.trigger,
    actor: row.actor,
    queuedAt: row.queued_at,
    notBefore: row.not_before,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    archiveName: row.archive_name,
    sizeBytes: row.size_bytes,
    step: row.step,
    progressDone: row.progress_done,
    progressTotal: row.progress_total,
    ...errorOf(row, json),
    targets: json('targets_json', row.targets_json, targets, []),
    warnings: json('warnings_json', row.warnings_json, warnings, []),
    warningCount: row.warning_count,
    exitCodes: json('exit_codes_json', row.exit_codes_json, exitCodes, {}),
    cancelRequested: row.cancel_requested === 1,
    operation: row.operation,
  }
}
