// The table `drills`: what was proven of each job's archives, when and how deep.
import { sql } from 'kysely'
import { z } from 'zod'
import { drillFindingCodes, type Drill, type DrillFinding } from '../domain/drill.ts'
import { factsSchema } from './error-columns.ts'
import { readListed, type Listed, type ReadJson } from './json.ts'
import type { DrillsTable, Q } from './schema.ts'
import type { Selectable } from 'kysely'

const findings: z.ZodType<readonly DrillFinding[]> = z.array(
  z.object({ code: z.enum(drillFindingCodes), facts: factsSchema }),
)

export async function insertDrill(q: Q, drill: Omit<Drill, 'id'>): Promise<Drill> {
  const { id } = await q
    .insertInto('drills')
    .values({
      job_id: drill.jobId,
      archive_name: drill.archiveName,
      depth: drill.depth,
      verdict: drill.verdict,
      findings_json: JSON.stringify(drill.findings),
      actor: drill.actor,
      started_at: drill.startedAt,
      finished_at: drill.finishedAt,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { ...drill, id }
}

/** The newest drill of each of these jobs that has one. */
export async function lastDrills(q: Q, jobIds: readonly number[]): Promise<Map<number, Listed<Drill>>> {
  if (jobIds.length === 0) return new Map()
  const rows = await q
    .selectFrom('drills')
    .selectAll()
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('drills')
        .select(sql<number>`max(id)`.as('id'))
        .where('job_id', 'in', jobIds)
        .groupBy('job_id'),
    )
    .execute()
  return new Map(rows.map((row) => [row.job_id, readListed(row, toDrill)]))
}

/** Newest first. */
export async function drillsOfJob(q: Q, jobId: number, limit: number): Promise<readonly Listed<Drill>[]> {
  const rows = await q
    .selectFrom('drills')
    .selectAll()
    .where('job_id', '=', jobId)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => readListed(row, toDrill))
}

/** Forgets drills that ended before `at` (epoch ms) but for the newest `keep` of each job. */
export async function deleteDrillsBefore(q: Q, at: number, keep: number): Promise<void> {
  await sql`
    DELETE FROM drills WHERE finished_at < ${at} AND id NOT IN (
      SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY job_id ORDER BY id DESC) AS n FROM drills) WHERE n <= ${keep}
    )`.execute(q)
}

function toDrill(row: Selectable<DrillsTable>, json: ReadJson): Drill {
  return {
    id: row.id,
    jobId: row.job_id,
    archiveName: row.archive_name,
    depth: row.depth,
    verdict: row.verdict,
    findings: json('findings_json', row.findings_json, findings, []),
    actor: row.actor,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  }
}
