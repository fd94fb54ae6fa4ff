// The run page with its live log, and the list of runs with the queue.
import { isProblem, Problem } from '../../../domain/problem.ts'
import { runLogPath } from '../../../engine/run-log.ts'
import { getJob, listJobs } from '../../../store/jobs.ts'
import { getRun, listRuns, openRuns, runLogTail } from '../../../store/runs.ts'
import { redirectWith } from '../../flash.ts'
import type { Formats } from '../../i18n.ts'
import { liveParts } from '../../live-parts.ts'
import { fragment, render, type MountPage, type WebContext } from '../../page.ts'
import { copiesOfArchive } from '../copies/section.ts'
import { laneOf, runsListView } from './list-view.ts'
import { liveRun } from './live.ts'
import { endOfLog, logView, shownLogBytes, streamLog } from './log.ts'
import { runStatusView, runTitle } from './view.ts'
import { isTerminal } from '../../../domain/run-state.ts'

const pageSize = 50

export const mountRuns: MountPage = (app, { db, engine, config, clock, sources }) => {
  app.get('/runs', async (c) => {
    const before = c.req.query('before') ?? ''
    const page = await listOf(c, clock.now(), c.get('f'))
    const model = {
      page,
      live: `/runs/events?${new URLSearchParams({ before }).toString()}`,
      refresh: page.lanes.length > 0 ? 10 : 0,
    }
    return render(c, 'runs/list', model, { title: c.get('t')('runs.list.title') })
  })

  app.get('/runs/events', (c) =>
    liveParts(c, async (f, now) => {
      const page = await listOf(c, now, f)
      return {
        title: c.get('t')('runs.list.title'),
        parts: {
          'runs-queue': fragment(c, 'runs-queue', { page }),
          'runs-table': fragment(c, 'runs-table', { page }),
        },
        busy: page.lanes.length > 0,
      }
    }),
  )

  app.get('/runs/:id', async (c) => {
    const { run, job } = await runOf(c)
    const t = c.get('t')
    const status = runStatusView(run, job, clock.now(), t, c.get('f'), laneOf(job, sources))
    const log = await endOfLog(runLogPath(config.dataDir, run.id), shownLogBytes)
    // Old log files go before the rows do, whose last lines then stand in.
    const tail = log.next === 0 && !status.open ? await runLogTail(db, run.id) : null
    const made = run.sizeBytes === null ? null : run.archiveName
    const page = {
      status,
      copies: made === null ? null : await copiesOfArchive(c, made, c.get('f'), clock.now()),
      jobId: job.id,
      jobName: job.name,
      log: logView(log, tail, t, c.get('f')),
      refresh: !isTerminal(run.status) ? 5 : 0,
    }
    return render(c, 'runs/run', page, { title: runTitle(run, job, t) })
  })

  app.get('/runs/:id/log', async (c) => {
    const { run } = await runOf(c)
    const from = numberOf(c.req.query('from') ?? '') ?? 0
    if (c.req.query('download') !== undefined) {
      c.header('Content-Disposition', `attachment; filename="backupmanager-run-${run.id}.log"`)
    }
    c.header('Content-Type', 'text/plain; charset=utf-8')
    return c.body(streamLog(runLogPath(config.dataDir, run.id), from))
  })

  app.get('/runs/:id/events', async (c) => liveRun(c, (await runOf(c)).run.id))

  app.post('/runs/:id/cancel', async (c) => {
    const { run } = await runOf(c)
    try {
      await engine.cancelRun(run.id, c.get('user'))
    } catch (error) {
      // It ended by itself a moment before: the page says how.
      if (!isProblem(error, 'run_finished')) throw error
      return redirectWith(c, `/runs/${run.id}`, 'runs.flash.finished', {}, 'warning')
    }
    return redirectWith(c, `/runs/${run.id}`, 'runs.flash.cancelled')
  })

  async function listOf(c: WebContext, now: number, f: Formats) {
    const before = numberOf(c.req.query('before') ?? '')
    const [open, recent, jobs] = await Promise.all([
      openRuns(db),
      listRuns(db, { limit: pageSize + 1, ...(before === null ? {} : { beforeId: before }) }),
      listJobs(db),
    ])
    const { generalLaneSize: laneSize } = engine.settings()
    return runsListView({ open, recent, jobs, sources, before, pageSize, laneSize }, now, c.get('t'), f)
  }

  async function runOf(c: WebContext) {
    const id = numberOf(c.req.param('id') ?? '')
    const run = id === null ? null : await getRun(db, id)
    const job = run === null ? null : await getJob(db, run.jobId)
    if (run === null || job === null) throw new Problem('run_not_found', { id: c.req.param('id') })
    return { run, job }
  }
}

function numberOf(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}
