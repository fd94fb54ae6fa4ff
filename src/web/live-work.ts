// A page that watches one piece of work: its parts and its log are sent as they change, until it has ended.
import { setTimeout as sleep } from 'node:timers/promises'
import { readLogFile } from '../engine/log-file.ts'
import { type Formats, formats } from './i18n.ts'
import { cursorOf, live, type LiveStream } from './live.ts'
import { fragment, type WebContext } from './page.ts'

/** At most so often; a tool that prints a thousand lines a second must not make a thousand events. */
const leastGapMs = 400
/** Looked at anyway after this time: another process may have changed it. */
const lookEveryMs = 1000
const pieceBytes = 64 * 1024

/** How the page looks now. */
export interface WorkLooks {
  readonly title: string
  /** HTML by the id of the element that shows it. */
  readonly parts: Readonly<Record<string, string>>
  /** Said aloud by screen readers when it is another one: a new state, not every second of progress. */
  readonly news: string
  readonly open: boolean
}

export interface Work {
  /** Calls back whenever something changed; gives the way to stop. */
  watch(changed: () => void): () => void
  /** Null: it has none. */
  readonly logPath: string | null
  /** Where the news go. */
  readonly newsId: string
  /** Null: it is gone, nothing more will come. */
  look(f: Formats, now: number): Promise<WorkLooks | null>
}

/** Answers with the stream; the cursor is where the browser's log ends. */
export function liveWork(c: WebContext, work: Work): Response {
  const { clock, config } = c.get('deps')
  return live(c, async (stream) => {
    const bell = doorbell()
    const stop = work.watch(() => bell.ring())
    try {
      let cursor = cursorOf(c)
      let title = ''
      let told = ''
      const shown = new Map<string, string>()
      while (!stream.signal.aborted) {
        bell.reset()
        // The stream may live for hours: relative times count from now, not from its beginning.
        const now = clock.now()
        // The state is read before the log: work seen as ended has nothing more to log.
        const looks = await work.look(formats(c.get('language'), config.timeZone, now), now)
        if (looks === null) return
        if (work.logPath !== null) cursor = await sendLog(work.logPath, stream, cursor)
        for (const [id, html] of Object.entries(looks.parts)) {
          if (shown.get(id) !== html) await stream.fragment(id, html)
          shown.set(id, html)
        }
        if (looks.title !== title) await stream.title(looks.title)
        title = looks.title
        if (looks.news !== told && told !== '')
          await stream.fragment(work.newsId, fragment(c, 'news', { text: looks.news }))
        told = looks.news
        if (!looks.open) return
        await pause(leastGapMs, stream.signal)
        await bell.wait(lookEveryMs, stream.signal)
      }
    } finally {
      stop()
    }
  })
}

async function sendLog(path: string, stream: LiveStream, from: number): Promise<number> {
  let cursor = from
  for (;;) {
    const piece = await readLogFile(path, cursor, pieceBytes)
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
