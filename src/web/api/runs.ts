// Single runs: how they stand, their log, and stopping one.
import { z } from '@hono/zod-openapi'
import { count } from '../../domain/api/common.ts'
import { runSchema } from '../../domain/api/summary.ts'
import { Problem } from '../../domain/problem.ts'
import { readRunLog, type LogPiece } from '../../engine/run-log.ts'
import { getRun, runLogTail } from '../../store/runs.ts'
import type { WebDeps } from '../page.ts'
import type { Api } from './frame.ts'
import { idParams } from './params.ts'
import { wireRun } from './wire.ts'

/** Bytes of a log in one answer. */
const logMost = 64 * 1024

const runWithLog = runSchema.extend({
  /** At most 64 KiB from the byte that was asked for. */
  log: z.object({ text: z.string(), from: count, next: count, end: z.boolean() }),
})

/** Adds `GET /runs/{id}` and `POST /runs/{id}/cancel`. */
export function mountRuns(api: Api, { engine, db, config }: WebDeps): void {
  api.route(
    {
      method: 'get',
      path: '/runs/{id}',
      scope: 'read',
      summary:
        'A run with a piece of its log. Ask again with `from` = `log.next` for what comes after it; `log.end`: there was no more just now.',
      params: idParams,
      query: z.object({ from: z.coerce.number().int().min(0).max(1_000_000_000).default(0) }),
      answers: { 200: runWithLog },
    },
    async (_c, { params, query }, reply) => {
      const run = await getRun(db, params.id)
      if (run === null) throw new Problem('run_not_found', { id: params.id })
      const log = await logOf(params.id, query.from)
      return reply(200, { ...wireRun(run, config.timeZone), log: { ...log, from: query.from } })
    },
  )

  api.route(
    {
      method: 'post',
      path: '/runs/{id}/cancel',
      scope: 'run',
      summary: 'Asks a run to stop; one that still waits is cancelled at once.',
      params: idParams,
      answers: { 202: runSchema },
    },
    async (c, { params }, reply) => {
      const run = await engine.cancelRun(params.id, c.get('caller').actor)
      return reply(202, wireRun(run, config.timeZone))
    },
  )

  /** The file, or the end of it that the database keeps when it is gone. */
  async function logOf(id: number, from: number): Promise<LogPiece> {
    const piece = await readRunLog(config.dataDir, id, from, logMost)
    if (from > 0 || piece.text !== '') return piece
    const tail = (await runLogTail(db, id)) ?? ''
    return { text: tail, next: 0, end: true }
  }
}
