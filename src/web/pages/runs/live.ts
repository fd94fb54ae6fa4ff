// The live run page: state and log are sent as they change, until the run has ended.
import { runLogPath } from '../../../engine/run-log.ts'
import { getJob } from '../../../store/jobs.ts'
import { getRun } from '../../../store/runs.ts'
import { liveWork } from '../../live-work.ts'
import { fragment, type WebContext } from '../../page.ts'
import { laneOf } from './list-view.ts'
import { runStatusView, runTitle } from './view.ts'

/** Answers `GET /runs/:id/events`; the cursor is where the browser's log ends. */
export function liveRun(c: WebContext, runId: number): Response {
  const { db, engine, config, sources } = c.get('deps')
  return liveWork(c, {
    watch: (changed) => engine.watchRun(runId, changed),
    logPath: runLogPath(config.dataDir, runId),
    newsId: 'run-news',
    async look(f, now) {
      const run = await getRun(db, runId)
      const job = run === null ? null : await getJob(db, run.jobId)
      // Its job was deleted meanwhile.
      if (run === null || job === null) return null
      const status = runStatusView(run, job, now, c.get('t'), f, laneOf(job, sources))
      return {
        parts: {
          'run-status': fragment(c, 'run-status', { status }),
          // Apart from what changes every second: a button must stay while it is pressed.
          'run-actions': fragment(c, 'run-actions', { status, jobId: job.id }),
        },
        title: runTitle(run, job, c.get('t')),
        news: status.news,
        open: status.open,
      }
    },
  })
}
