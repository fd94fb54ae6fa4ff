// Rows of `jobs` to and from the domain's Job.
import type { Insertable, Selectable } from 'kysely'
import { z } from 'zod'
import type { Job, JobHooks } from '../domain/job.ts'
import { retentionPolicySchema, type RetentionPolicy } from '../domain/retention-policy.ts'
import type { ReadJson } from './json.ts'
import type { JobsTable } from './schema.ts'

const configSchema = z.record(z.string(), z.unknown())
const hooksSchema: z.ZodType<JobHooks> = z.object({
  preBackup: z.string().exactOptional(),
  postBackup: z.string().exactOptional(),
  timeoutS: z.number(),
})
/** Stands in for a policy that cannot be read: keeps everything. */
const keepAll: RetentionPolicy = { mode: 'count', count: 100_000 }

export function toJob(row: Selectable<JobsTable>, json: ReadJson): Job {
  return {
    id: row.id,
    uid: row.uid,
    name: row.name,
    type: row.type,
    config: json('config_json', row.config_json, configSchema, {}),
    cronExpr: row.cron_expr,
    retention: json('retention_config', row.retention_config, retentionPolicySchema, keepAll),
    enabled: row.enabled === 1,
    coreOnly: row.core_only === 1,
    hooks: json('hooks_json', row.hooks_json, hooksSchema, { timeoutS: 0 }),
    timeoutS: row.timeout_s,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    drill: row.drill_depth === null ? null : { depth: row.drill_depth, everyDays: row.drill_every_days },
    nextDrillAt: row.next_drill_at,
    nextRunAt: row.next_run_at,
    retentionHold: row.retention_hold,
  }
}

/** All columns but the id. */
export function toJobColumns(job: Omit<Job, 'id'>): Insertable<JobsTable> {
  return {
    uid: job.uid,
    name: job.name,
    type: job.type,
    config_json: JSON.stringify(job.config),
    cron_expr: job.cronExpr,
    ...retentionColumns(job.retention),
    retention_hold: job.retentionHold,
    enabled: Number(job.enabled),
    core_only: Number(job.coreOnly),
    hooks_json: JSON.stringify(job.hooks),
    timeout_s: job.timeoutS,
    drill_depth: job.drill?.depth ?? null,
    ...(job.drill && { drill_every_days: job.drill.everyDays }),
    next_drill_at: job.nextDrillAt,
    next_run_at: job.nextRunAt,
    created_at: job.createdAt,
    updated_at: job.updatedAt,
  }
}

/** `retention_mode` and `retention_value` are the specification's columns; the JSON holds the whole policy. */
function retentionColumns(policy: RetentionPolicy) {
  return {
    retention_mode: policy.mode,
    retention_value: mainNumber(policy),
    retention_config: JSON.stringify(policy),
  }
}

function mainNumber(policy: RetentionPolicy): number {
  if (policy.mode === 'count') return policy.count
  return policy.mode === 'daily' ? policy.days : policy.daily
}
