// Health, jobs and runs as they go over the wire, and the summary of them that peers poll.
import { z } from 'zod'
import { runStatuses, runTriggers } from '../run.ts'
import { bytes, capability, count, id, instanceId, shortText, text, wireTime } from './common.ts'

export const instanceSchema = z.object({
  id: instanceId,
  name: z.string().min(1).max(60),
  url: z.string().max(500),
})

export const healthSchema = z.object({
  status: z.enum(['ok', 'degraded']),
  instance: instanceSchema,
  version: z.string().max(60),
  api: z.literal(1),
  yunohost_version: z.string().max(60).nullable(),
  time: wireTime,
  uptime_s: z.number().nonnegative(),
  /** Random, another one after each start: two of them in turn are two processes under one key. */
  started: z.string().min(1).max(100).optional(),
  disk: z.object({ total_bytes: bytes, free_bytes: bytes }),
  jobs: z.object({ total: count, enabled: count, failing: count, overdue: count, running: count }),
  capabilities: z.array(capability).max(100),
})
export type WireHealth = z.infer<typeof healthSchema>

export const runSchema = z.object({
  id,
  job_id: id,
  status: z.enum(runStatuses),
  trigger: z.enum(runTriggers),
  started_at: wireTime.nullable(),
  finished_at: wireTime.nullable(),
  archive_name: shortText.nullable(),
  size_bytes: bytes.nullable(),
  /** The code of what went wrong, null when nothing did. */
  error: shortText.nullable(),
})
export type WireRun = z.infer<typeof runSchema>

export const jobSchema = z.object({
  id,
  name: shortText,
  type: z.string().max(60),
  /** The middle of its archives' names: the app, `system`, the job's slug. */
  app: shortText.nullable(),
  enabled: z.boolean(),
  cron_expr: shortText,
  retention_mode: z.enum(['count', 'daily', 'gfs']),
  retention_value: count,
  next_run_at: wireTime.nullable(),
  last_run: z
    .object({
      id,
      status: z.enum(runStatuses),
      started_at: wireTime.nullable(),
      finished_at: wireTime.nullable(),
      archive_name: shortText.nullable(),
      size_bytes: bytes.nullable(),
    })
    .nullable(),
  last_success_at: wireTime.nullable(),
  archive_count: count,
  total_size_bytes: bytes,
  overdue: z.boolean(),
})
export type WireJob = z.infer<typeof jobSchema>

/** What an instance holds that was made by another one, per instance and app. */
export const holdingSchema = z.object({
  instance_name: shortText,
  app: shortText.nullable(),
  type: z.string().max(60).nullable(),
  archive_count: count,
  total_size_bytes: bytes,
  newest_created_at: wireTime,
  newest_name: shortText,
})
export type WireHolding = z.infer<typeof holdingSchema>

export const summarySchema = z.object({
  health: healthSchema,
  jobs: z.array(jobSchema).max(5000),
  archives: z.object({ count, total_size_bytes: bytes, newest_created_at: wireTime.nullable() }),
  /** Of others; the newest first. */
  holdings: z.array(holdingSchema).max(5000).default([]),
  /** Whom it watches, by instance id: so that one of several watchers tells when somebody is gone. */
  watching: z
    .array(z.object({ id: instanceId, gone: z.boolean() }))
    .max(1000)
    .default([]),
  /** What whoever asks has left here, and may leave, and its rights; null from an older version, for a token that belongs to no peer. */
  yours: z
    .object({
      archive_count: count,
      total_size_bytes: bytes,
      quota_bytes: bytes.nullable(),
      quota_count: count.nullable(),
      hold_days: count,
      scopes: z.array(z.string().max(30)).max(30),
    })
    .nullable()
    .default(null),
  note: text.optional(),
})
export type PeerSummary = z.infer<typeof summarySchema>
