// Rows of `restores` to the domain's Restore.
import type { Selectable } from 'kysely'
import { z } from 'zod'
import {
  planRemarkCodes,
  restoreOptionsSchema,
  restoreStepCodes,
  stepStates,
  type PlanRemark,
  type Restore,
  type RestorePlan,
  type RestoreStep,
} from '../domain/restore.ts'
import { errorOf, factsSchema } from './error-columns.ts'
import type { ReadJson } from './json.ts'
import type { RestoresTable } from './schema.ts'

const planned = { code: z.enum(restoreStepCodes), facts: factsSchema }
const remarks: z.ZodType<readonly PlanRemark[]> = z.array(
  z.object({ code: z.enum(planRemarkCodes), facts: factsSchema }),
)
const steps: z.ZodType<readonly RestoreStep[]> = z.array(
  z.object({
    ...planned,
    state: z.enum(stepStates),
    startedAt: z.number().nullable(),
    finishedAt: z.number().nullable(),
    detail: z.string(),
  }),
)
const settings = z.record(z.string(), z.unknown())
const plan: z.ZodType<RestorePlan> = z.object({
  archive: z.string(),
  type: z.string(),
  target: z.string(),
  steps: z.array(z.object(planned)),
  warnings: remarks,
  // A plan with refusals is never carried out, and so never stored.
  refusals: z.tuple([]),
  replaces: z.boolean(),
  safety: z.object({ type: z.string(), settings }).nullable(),
  bytes: z.number().nullable(),
  files: z.number().nullable(),
})

/** Every column but the settings, which hold encrypted secrets and have their own reader. */
export const restoreColumns = [
  'id',
  'archive_name',
  'type',
  'target',
  'job_id',
  'status',
  'actor',
  'operation',
  'options_json',
  'plan_json',
  'steps_json',
  'remarks_json',
  'safety_archive',
  'requested_at',
  'started_at',
  'finished_at',
  'progress_done',
  'progress_total',
  'error_code',
  'error_facts',
  'log_text',
  'cancel_requested',
] as const satisfies readonly (keyof RestoresTable)[]
export type RestoreRow = Pick<Selectable<RestoresTable>, (typeof restoreColumns)[number]>

export function toRestore(row: RestoreRow, json: ReadJson): Restore {
  const noPlan: RestorePlan = {
    archive: row.archive_name,
    type: row.type,
    target: row.target,
    steps: [],
    warnings: [],
    refusals: [],
    replaces: true,
    safety: null,
    bytes: null,
    files: null,
  }
  return {
    id: row.id,
    archiveName: row.archive_name,
    type: row.type,
    target: row.target,
    jobId: row.job_id,
    status: row.status,
    actor: row.actor,
    options: json('options_json', row.options_json, restoreOptionsSchema, {}),
    plan: json('plan_json', row.plan_json, plan, noPlan),
    steps: json('steps_json', row.steps_json, steps, []),
    safetyArchive: row.safety_archive,
    requestedAt: row.requested_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    progressDone: row.progress_done,
    progressTotal: row.progress_total,
    ...errorOf(row, json),
    remarks: json('remarks_json', row.remarks_json, remarks, []),
    cancelRequested: row.cancel_requested === 1,
    operation: row.operation,
    logTail: row.log_text,
  }
}
