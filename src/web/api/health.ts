// How this instance is, and the summary that peers poll.
import { healthSchema, summarySchema } from '../../domain/api/summary.ts'
import type { WebDeps } from '../page.ts'
import type { Api } from './frame.ts'

/** Adds `GET /health` and `GET /summary`. */
export function mountHealth(api: Api, { engine }: WebDeps): void {
  api.route(
    {
      method: 'get',
      path: '/health',
      scope: 'read',
      summary:
        'How the instance is: its name and version, room on its disk, how many jobs fail or are overdue.',
      answers: { 200: healthSchema },
      etag: true,
    },
    async (_c, _input, reply) => reply(200, await engine.self.health()),
  )

  api.route(
    {
      method: 'get',
      path: '/summary',
      scope: 'read',
      summary: 'Health, all jobs with their last run, and totals of archives, in one answer for pollers.',
      answers: { 200: summarySchema },
      etag: true,
    },
    async (c, _input, reply) => reply(200, await engine.self.summary(c.get('caller'))),
  )
}
