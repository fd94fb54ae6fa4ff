// Jobs and runs for tests of the dashboard: jobs through the engine, runs straight into the table.
import type { Insertable, Kysely } from 'kysely'
import type { Job, JobInput } from '../../src/domain/job.ts'
import type { Engine } from '../../src/engine/engine.ts'
import type { RunsTable, Schema } from '../../src/store/schema.ts'
import { testNow } from './web.ts'

/** A job for nextcloud, every night at three, that keeps seven; other values as the test says. */
export async function seedJob(engine: Engine, change: Partial<JobInput> = {}): Promise<Job> {
  const input: JobInput = {
    name: 'nextcloud',
    type: 'ynh_app',
    config: { app_id: 'nextcloud' },
    cronExpr: '0 3 * * *',
    retention: { mode: 'count', count: 7 },
    ...change,
  }
  return engine.createJob(input, 'test')
}

let operations = 0

/** A run that ended well an hour ago, with a 412 MiB archive, unless the seed says otherwise; its id. */
export async function seedRun(
  db: Kysely<Schema>,
  jobId: number,
  change: Partial<Insertable<RunsTable>> = {},
): Promise<number> {
  operations += 1
  const row = await db
    .insertInto('runs')
    .values({
      job_id: jobId,
      status: 'success',
      trigger: 'schedule',
      actor: 'scheduler',
      operation: `operation-${operations}`,
      queued_at: testNow - 3_700_000,
      not_before: testNow - 3_700_000,
      started_at: testNow - 3_690_000,
      finished_at: testNow - 3_600_000,
      log_text: null,
      archive_name: 'jerry_nextcloud_20261121',
      size_bytes: 412 * 2 ** 20,
      step: 'retention',
      progress_done: 412 * 2 ** 20,
      progress_total: 412 * 2 ** 20,
      error_code: null,
      ...change,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return row.id
}

/** The columns of a run that is working now. */
export const running = {
  status: 'running',
  step: 'backup',
  started_at: testNow - 180_000,
  finished_at: null,
  archive_name: null,
  size_bytes: null,
  progress_done: 16 * 2 ** 30,
  progress_total: 38 * 2 ** 30,
} as const

/** The columns of a run that failed for want of space. */
export const failed = {
  status: 'error',
  step: 'check_space',
  archive_name: null,
  size_bytes: null,
  error_code: 'insufficient_storage',
  error_facts: JSON.stringify({ needed: 40 * 2 ** 30, free: 2 ** 30, reserve: 2 ** 30, short: 40 * 2 ** 30 }),
} as const
