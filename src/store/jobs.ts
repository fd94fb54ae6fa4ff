// The table `jobs`. Lists follow `Listed` (json.ts); whoever executes a job reads it alone with `getJob`.
import type { Job } from '../domain/job.ts'
import { invalid } from '../domain/problem.ts'
import { toJob, toJobColumns } from './job-row.ts'
import { readListed, readOne, type Listed } from './json.ts'
import { inTransaction, type Q } from './schema.ts'
import { sqliteCode } from './sqlite-errors.ts'

/** All jobs by name. */
export async function listJobs(q: Q): Promise<Listed<Job>[]> {
  const rows = await q.selectFrom('jobs').selectAll().orderBy('name').execute()
  return rows.map((row) => readListed(row, toJob))
}

/** The given jobs by id, as lists show them. */
export async function listedJobsByIds(
  q: Q,
  ids: readonly number[],
): Promise<ReadonlyMap<number, Listed<Job>>> {
  if (ids.length === 0) return new Map()
  const rows = await q.selectFrom('jobs').selectAll().where('id', 'in', ids).execute()
  return new Map(rows.map((row) => [row.id, readListed(row, toJob)]))
}

/** Jobs whose tick has come, the longest waiting first. */
export async function dueJobs(q: Q, now: number): Promise<Listed<Job>[]> {
  const rows = await q
    .selectFrom('jobs')
    .selectAll()
    .where('enabled', '=', 1)
    .where('next_run_at', '<=', now)
    .orderBy('next_run_at')
    .orderBy('id')
    .execute()
  return rows.map((row) => readListed(row, toJob))
}

/** Throws `record_damaged` when the row's JSON cannot be read. */
export async function getJob(q: Q, id: number): Promise<Job | null> {
  const row = await q.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? readOne('jobs', row.id, row, toJob) : null
}

/** Digits are an id first, then a name; names are compared without regard to (ASCII) case. */
export async function findJob(q: Q, idOrName: string): Promise<Job | null> {
  const byId = /^\d{1,15}$/.test(idOrName) ? await getJob(q, Number(idOrName)) : null
  if (byId) return byId
  const row = await q.selectFrom('jobs').selectAll().where('name', '=', idOrName).executeTakeFirst()
  return row ? readOne('jobs', row.id, row, toJob) : null
}

export async function countJobs(q: Q): Promise<number> {
  const { n } = await q
    .selectFrom('jobs')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  return n
}

/** The stored job with its id. Throws `validation_failed` (`name`: `name_taken`) for a second job of one name. */
export async function insertJob(q: Q, job: Omit<Job, 'id'>): Promise<Job> {
  const row = await named(
    q.insertInto('jobs').values(toJobColumns(job)).returningAll().executeTakeFirstOrThrow(),
  )
  return readOne('jobs', row.id, row, toJob)
}

/** The job with the given fields changed, null when there is none. Name clashes as in {@link insertJob}. */
export function updateJob(
  q: Q,
  id: number,
  change: Partial<Omit<Job, 'id' | 'uid' | 'createdAt'>>,
): Promise<Job | null> {
  return inTransaction(q, async (trx) => {
    const before = await getJob(trx, id)
    if (!before) return null
    const columns = toJobColumns({ ...before, ...change })
    const row = await named(
      trx.updateTable('jobs').set(columns).where('id', '=', id).returningAll().executeTakeFirstOrThrow(),
    )
    return readOne('jobs', row.id, row, toJob)
  })
}

/** The job and its runs go, its archives become archives of no job. False when there is none. */
export async function deleteJob(q: Q, id: number): Promise<boolean> {
  const { numDeletedRows } = await q.deleteFrom('jobs').where('id', '=', id).executeTakeFirst()
  return numDeletedRows > 0n
}

/** `at` in epoch milliseconds, null for never. `updatedAt` stays: nobody edited the job. */
export async function setNextRun(q: Q, id: number, at: number | null): Promise<void> {
  await q.updateTable('jobs').set({ next_run_at: at }).where('id', '=', id).execute()
}

/** Jobs whose archives are due to be proven again, the longest waiting first. */
export async function jobsDueForDrill(q: Q, now: number): Promise<Listed<Job>[]> {
  const rows = await q
    .selectFrom('jobs')
    .selectAll()
    .where('drill_depth', 'is not', null)
    .where('next_drill_at', '<=', now)
    .orderBy('next_drill_at')
    .execute()
  return rows.map((row) => readListed(row, toJob))
}

/** `at` in epoch milliseconds. */
export async function setNextDrill(q: Q, id: number, at: number | null): Promise<void> {
  await q.updateTable('jobs').set({ next_drill_at: at }).where('id', '=', id).execute()
}

/** Suspends removal of old archives for a reason, or allows it again (null). */
export async function setRetentionHold(q: Q, id: number, reason: string | null): Promise<void> {
  await q.updateTable('jobs').set({ retention_hold: reason }).where('id', '=', id).execute()
}

async function named<T>(write: Promise<T>): Promise<T> {
  try {
    return await write
  } catch (error) {
    if (
      sqliteCode(error) === 'SQLITE_CONSTRAINT_UNIQUE' &&
      error instanceof Error &&
      error.message.includes('jobs.name')
    ) {
      throw invalid({ field: 'name', code: 'name_taken' })
    }
    throw error
  }
}
