// Live updates (SSE): `fragment` events replace an element's content, `log` events add lines (see public/live.js).
import { streamSSE } from 'hono/streaming'
import type { WebContext } from './page.ts'

const heartbeatMs = 25_000

export interface LiveStream {
  /** Replaces the content of the element with this id by server-rendered HTML. */
  readonly fragment: (id: string, html: string) => Promise<void>
  /** Adds text to the `[data-log]` of the page; `cursor` is where the next reading starts. */
  readonly log: (cursor: number, text: string) => Promise<void>
  /** Sets the window's title; the instance's name is added. */
  readonly title: (text: string) => Promise<void>
  /** What was going on has ended: messages about it go. */
  readonly settled: () => Promise<void>
  /** Aborted when the browser is gone or the server stops. */
  readonly signal: AbortSignal
}

/** Where the browser's log ends: of a reconnection, else of the page's URL, else 0. */
export function cursorOf(c: WebContext): number {
  const text = c.req.header('last-event-id') ?? c.req.query('cursor') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : 0
}

/** Answers with a stream that stays open until `body` resolves or the browser is gone. */
export function live(c: WebContext, body: (stream: LiveStream) => Promise<void>): Response {
  // nginx would otherwise hold the events back.
  c.header('X-Accel-Buffering', 'no')
  const { log, config } = c.get('deps')
  return streamSSE(
    c,
    async (sse) => {
      const gone = new AbortController()
      sse.onAbort(() => gone.abort())
      // An event, not a comment: scripts cannot see comments, and a silent server must be told from a quiet one.
      const beat = setInterval(
        () => void sse.writeSSE({ event: 'beat', data: '{}' }).catch(() => gone.abort()),
        heartbeatMs,
      )
      try {
        await body({
          signal: gone.signal,
          fragment: (id, html) => sse.writeSSE({ event: 'fragment', data: JSON.stringify({ id, html }) }),
          title: (text) =>
            sse.writeSSE({
              event: 'title',
              data: JSON.stringify({ text: `${text} – ${config.instanceName}` }),
            }),
          settled: () => sse.writeSSE({ event: 'settled', data: '{}' }),
          log: (cursor, text) =>
            sse.writeSSE({ event: 'log', id: String(cursor), data: JSON.stringify({ cursor, text }) }),
        })
        // Without it the browser would take the end for a lost connection and come again.
        await sse.writeSSE({ event: 'end', data: 'done' })
      } finally {
        clearInterval(beat)
      }
    },
    async (err) => log.error({ err, path: c.req.path }, 'a live stream failed'),
  )
}
