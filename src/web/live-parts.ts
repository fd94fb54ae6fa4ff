// Keeps the parts of an open page true: each is sent again when it would look different.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Formats, formats } from './i18n.ts'
import { live } from './live.ts'
import type { WebContext } from './page.ts'

/** How a page looks now. */
export interface Looks {
  /** The window's title. */
  readonly title: string
  /** HTML by the id of the element that shows it. */
  readonly parts: Readonly<Record<string, string>>
  /** Something goes on: looked at often, and messages about it stay. */
  readonly busy: boolean
}

/** Often while something goes on, seldom otherwise: nobody looks all day. */
const busyMs = 1000
const idleMs = 5000

/** Answers with a stream that lasts until the browser is gone, or until `look` gives null: the thing is gone. */
export function liveParts(c: WebContext, look: (f: Formats, now: number) => Promise<Looks | null>): Response {
  const { clock, config } = c.get('deps')
  return live(c, async (stream) => {
    const shown = new Map<string, string>()
    let title = ''
    let busy = true
    while (!stream.signal.aborted) {
      // The stream may live for hours: relative times count from now, not from its beginning.
      const now = clock.now()
      const looks = await look(formats(c.get('language'), config.timeZone, now), now)
      if (looks === null) return
      for (const [id, html] of Object.entries(looks.parts)) {
        if (shown.get(id) !== html) await stream.fragment(id, html)
        shown.set(id, html)
      }
      if (looks.title !== title) await stream.title(looks.title)
      title = looks.title
      if (busy && !looks.busy) await stream.settled()
      busy = looks.busy
      // Aborted while waiting: the loop's condition ends it.
      await sleep(busy ? busyMs : idleMs, undefined, { signal: stream.signal, ref: false }).catch(
        () => undefined,
      )
    }
  })
}
