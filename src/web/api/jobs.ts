// Jobs: their list, their runs, and starting one.
import { z } from '@hono/zod-openapi'
import { id, pageOf } from '../../domain/api/common.ts'
import { jobSchema, runSchema } from '../../domain/api/summary.ts'
import { Problem } from '../../domain/problem.ts'
import { getJob } from '../../store/jobs.ts'
import { listRunsOfJob } from '../../store/runs.ts'
import type { WebDeps } from '../page.ts'
import type { Api } from './frame.ts'
import { pageOfRows, pageQuery, readCursor } from './paging.ts'
import { idParams } from './params.ts'
import { wireRun } from './wire.ts'

const position = z.tuple([id])

/** Adds `GET /jobs`, `GET /jobs/{id}/runs` and `POST /jobs/{id}/run`. */
export function mountJobs(api: Api, { engine, db, config }: WebDeps): void {
  api.route(
    {
      method: 'get',
      path: '/jobs',
      scope: 'read',
      summary: 'Jobs by id, with their last run and what their archives take. Never their settings.',
      query: pageQuery,
      answers: { 200: pageOf(jobSchema) },
      etag: true,
    },
    async (_c, { query }, reply) => {
      const after = readCursor(position, query.cursor)?.[0] ?? 0
      const jobs = await engine.self.jobs({ after, limit: query.limit + 1 })
      return reply(
        200,
        pageOfRows(
          jobs,
          query.limit,
          (job) => job,
          (job) => [job.id],
        ),
      )
    },
  )

  api.route(
    {
      method: 'get',
      path: '/jobs/{id}/runs',
      scope: 'read',
      summary: 'Runs of a job, newest first.',
      params: idParams,
      query: pageQuery,
      answers: { 200: pageOf(runSchema) },
    },
    async (_c, { params, query }, reply) => {
      if ((await getJob(db, params.id)) === null) throw new Problem('job_not_found', { id: params.id })
      const before = readCursor(position, query.cursor)?.[0]
      const runs = await listRunsOfJob(db, params.id, {
        limit: query.limit + 1,
        ...(before === undefined ? {} : { beforeId: before }),
      })
      return reply(
        200,
        pageOfRows(
          runs,
          query.limit,
          (run) => wireRun(run, config.timeZone),
          (run) => [run.id],
        ),
      )
    },
  )

  api.route(
    {
      method: 'post',
      path: '/jobs/{id}/run',
      scope: 'run',
      summary: 'Queues a run of the job.',
      params: idParams,
      answers: { 202: z.object({ run_id: id, status: z.literal('queued') }) },
    },
    async (c, { params }, reply) => {
      const run = await engine.startRun(params.id, 'api', c.get('caller').actor)
      return reply(202, { run_id: run.id, status: 'queued' })
    },
  )
}
