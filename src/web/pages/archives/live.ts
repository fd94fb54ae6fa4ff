// Keeps the state on an archive's page true while it is being verified.
import { setTimeout as sleep } from 'node:timers/promises'
import { live } from '../../live.ts'
import { fragment, type WebContext } from '../../page.ts'
import { textOf, words } from '../../problem.ts'
import { findArchive } from './detail-query.ts'
import { stateView } from './detail-view.ts'
import type { Verifications } from './verification.ts'

const lookEveryMs = 1000

/** Answers with a stream that sends the state whenever it has changed. */
export function liveState(c: WebContext, name: string, verification: Verifications): Response {
  const { db, engine } = c.get('deps')
  return live(c, async (stream) => {
    let shown = ''
    while (!stream.signal.aborted) {
      const row = await findArchive(db, name)
      if (row === null) return
      const failure = verification.failureOf(name)
      const state = stateView(row, engine.verifying(), failure && textOf(c, failure), words(c))
      const html = fragment(c, 'archive-state', { state })
      if (html !== shown) await stream.fragment('archive-state', html)
      shown = html
      // Aborted while waiting: the loop's condition ends it.
      await sleep(lookEveryMs, undefined, { signal: stream.signal, ref: false }).catch(() => undefined)
    }
  })
}
