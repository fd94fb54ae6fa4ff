// The live run page: state and log are sent as they change, until the run has ended.
import { setTimeout as sleep } from 'node:timers/promises'
import { readRunLog } from '../../../engine/run-log.ts'
import { getJob } from '../../../store/jobs.ts'
import { getRun } from '../../../store/runs.ts'
import { formats } from '../../i18n.ts'
import { cursorOf, live, type LiveStream } from '../../live.ts'
import { fragment, type WebContext } from '../../page.ts'
import { laneOf } from './list-view.ts'
import { runStatusView, runTitle } from './view.ts'

/** At most so often; a tool that prints a thousand lines a second must not make a thousand events. */
const leastGapMs = 400
/** Looked at anyway after this time: another process may have changed the run. */
const lookEveryMs = 1000
const pieceBytes = 64 * 1024

/** Answers `GET /runs/:id/events`; the cursor is where the browser's log ends. */
export function liveRun(c: WebContext, runId: number): Response {
  const { engine } = c.get('deps')
  return live(c, async (stream) => {
    const bell = doorbell()
    const stop = engine.watchRun(runId, () => bell.ring())
    try {
      let cursor = cursorOf(c)
      let shown = ''
      let actions = ''
      let title = ''
      let told = ''
      while (!stream.signal.aborted) {
        bell.reset()
        // The state is read before the log: a run seen as ended has nothing more to log.
        const status = await statusHtml(c, runId)
        // Its job was deleted meanwhile: nothing more will come.
        if (status === null) return
        cursor = await sendLog(c, runId, stream, cursor)
        if (status.html !== shown) await stream.fragment('run-status', status.html)
        shown = status.html
        if (status.actions !== actions) await stream.fragment('run-actions', status.actions)
        actions = status.actions
        if (status.title !== title) await stream.title(status.title)
        title = status.title
        // Said aloud by screen readers: a new state, not every second of progress.
        if (status.news !== told && told !== '') await stream.fragment('run-news', status.news)
        told = status.news
        if (!status.open) return
        await pause(leastGapMs, stream.signal)
        await bell.wait(lookEveryMs, stream.signal)
      }
    } finally {
      stop()
    }
  })
}

interface Shown {
  readonly html: string
  /** Apart from what changes every second: a button must stay while it is pressed. */
  readonly actions: string
  readonly title: string
  readonly news: string
  readonly open: boolean
}

async function statusHtml(c: WebContext, runId: number): Promise<Shown | null> {
  const { db, clock, config, sources } = c.get('deps')
  const run = await getRun(db, runId)
  const job = run === null ? null : await getJob(db, run.jobId)
  if (run === null || job === null) return null
  // The stream may live for hours: relative times count from now, not from its beginning.
  const now = clock.now()
  const f = formats(c.get('language'), config.timeZone, now)
  const status = runStatusView(run, job, now, c.get('t'), f, laneOf(job, sources))
  return {
    html: fragment(c, 'run-status', { status }),
    actions: fragment(c, 'run-actions', { status, jobId: job.id }),
    title: runTitle(run, job, c.get('t')),
    news: status.news,
    open: status.open,
  }
}

async function sendLog(c: WebContext, runId: number, stream: LiveStream, from: number): Promise<number> {
  const { config } = c.get('deps')
  let cursor = from
  for (;;) {
    const piece = await readRunLog(config.dataDir, runId, cursor, pieceBytes)
    if (piece.next === cursor) return cursor
    await stream.log(piece.next, piece.text)
    cursor = piece.next
    if (piece.end || stream.signal.aborted) return cursor
  }
}

/** Remembers a ring that comes while nobody waits. */
function doorbell() {
  let rung = false
  let wake: (() => void) | null = null
  return {
    ring() {
      rung = true
      wake?.()
    },
    reset() {
      rung = false
    },
    async wait(ms: number, signal: AbortSignal): Promise<void> {
      if (rung || signal.aborted) return
      const done = new AbortController()
      wake = () => done.abort()
      await pause(ms, AbortSignal.any([signal, done.signal]))
    },
  }
}

/** Waits, less long when the signal says so. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch {
    // Woken early: the only way this timer fails.
  }
}
