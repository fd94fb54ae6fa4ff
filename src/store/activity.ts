// The audit log: every change, who made it, and ticks that were skipped.
import type { Facts } from '../domain/problem.ts'
import { factsSchema } from './error-columns.ts'
import { readListed, type Listed, type ReadJson } from './json.ts'
import type { Q } from './schema.ts'

export interface NewActivity {
  /** Epoch milliseconds. */
  readonly at: number
  readonly actor: string
  /** `job.create`, `run.skipped`, …: a key of the dictionaries. */
  readonly action: string
  /** What it was done to, as people know it; kept when the thing itself is gone. */
  readonly subject: string
  readonly jobId: number | null
  readonly facts?: Facts
}
export type Activity = Required<NewActivity> & { readonly id: number }

export async function addActivity(q: Q, entry: NewActivity): Promise<void> {
  const { at, actor, action, subject, jobId, facts = {} } = entry
  await q
    .insertInto('activity')
    .values({ at, actor, action, subject, job_id: jobId, facts_json: JSON.stringify(facts) })
    .execute()
}

/** Newest first, older than `beforeId`, of one job when asked. */
export async function listActivity(
  q: Q,
  page: { readonly limit: number; readonly beforeId?: number; readonly jobId?: number },
): Promise<Listed<Activity>[]> {
  let query = q.selectFrom('activity').selectAll()
  if (page.beforeId !== undefined) query = query.where('id', '<', page.beforeId)
  if (page.jobId !== undefined) query = query.where('job_id', '=', page.jobId)
  const rows = await query.orderBy('id', 'desc').limit(page.limit).execute()
  return rows.map((row) => readListed(row, toActivity))
}

/** Forgets what happened before `at` (epoch ms); the number of entries that went. */
export async function deleteActivityBefore(q: Q, at: number): Promise<number> {
  const { numDeletedRows } = await q.deleteFrom('activity').where('at', '<', at).executeTakeFirst()
  return Number(numDeletedRows)
}

interface ActivityRow {
  readonly id: number
  readonly at: number
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly job_id: number | null
  readonly facts_json: string
}

function toActivity(row: ActivityRow, json: ReadJson): Activity {
  return {
    id: row.id,
    at: row.at,
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    jobId: row.job_id,
    facts: json('facts_json', row.facts_json, factsSchema, {}),
  }
}
