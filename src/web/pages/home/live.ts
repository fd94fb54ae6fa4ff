// Keeps an open home page true: its parts are sent again when they would look different.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { formats } from '../../i18n.ts'
import { live } from '../../live.ts'
import { fragment, type WebContext } from '../../page.ts'
import type { HomeQuery, HomeReader } from './facts.ts'
import { homeTitle, homeView, type HomeView } from './view.ts'

/** Often while something runs, seldom otherwise: nobody looks all day. */
const busyMs = 2000
const idleMs = 10_000

const parts = ['home-attention', 'home-summary', 'home-table'] as const

/** Tells one state of the page from another. */
export function stampOf(view: HomeView): string {
  return createHash('sha256').update(JSON.stringify(view)).digest('base64url').slice(0, 16)
}

/** Answers `GET /home/events` until the browser is gone. */
export function liveHome(c: WebContext, reader: HomeReader, query: HomeQuery): Response {
  const { clock, config } = c.get('deps')
  return live(c, async (stream) => {
    const shown = new Map<string, string>()
    const seen = c.req.query('seen')
    let title = ''
    let news: string | null = null
    while (!stream.signal.aborted) {
      const f = formats(c.get('language'), config.timeZone, clock.now())
      const facts = await reader.read(query, c.get('language'), c.get('t'), f)
      const v = homeView(facts, c.get('t'), f)
      // The browser has just been given this very page: nothing to send until it changes.
      const known = shown.size === 0 && stampOf(v) === seen
      for (const part of parts) {
        const html = fragment(c, part, { v })
        if (shown.get(part) !== html && !known) await stream.fragment(part, html)
        shown.set(part, html)
      }
      const nowTitle = homeTitle(facts, c.get('t'))
      if (nowTitle !== title && !known) await stream.title(nowTitle)
      title = nowTitle
      // Said aloud by screen readers when it changes, and not when the page is opened.
      const nowNews = v.attention.length > 0 ? v.attentionTitle : ''
      if (news !== null && nowNews !== news)
        await stream.fragment('home-news', fragment(c, 'news', { text: nowNews }))
      news = nowNews
      const busy = facts.counts.running + facts.counts.queued > 0
      // Aborted while waiting: the loop's condition ends it.
      await sleep(busy ? busyMs : idleMs, undefined, { signal: stream.signal, ref: false }).catch(
        () => undefined,
      )
    }
  })
}
