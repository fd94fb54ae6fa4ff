// Keeps the state on an archive's page true, and what can be done with it.
import { hasPeers } from '../../../store/peers.ts'
import { liveParts } from '../../live-parts.ts'
import { fragment, type WebContext } from '../../page.ts'
import { textOf } from '../../problem.ts'
import { copiesOfArchive } from '../copies/section.ts'
import { isComparable } from '../restore/restorable.ts'
import { findArchive } from './detail-query.ts'
import { archiveTitle, archiveView, stateView } from './detail-view.ts'
import type { Verifications } from './verification.ts'

/** Answers with a stream that sends state and actions whenever they have changed. */
export function liveState(c: WebContext, name: string, verification: Verifications): Response {
  const { db, engine, sources } = c.get('deps')
  return liveParts(c, async (f, now) => {
    const row = await findArchive(db, name)
    if (row === null) return null
    const words = { t: c.get('t'), f }
    const verifying = engine.verifying()
    const failure = verification.failureOf(name)
    const state = stateView(row, verifying, failure && textOf(c, failure), words)
    const archive = archiveView(row, verifying, words)
    const copies = await copiesOfArchive(c, name, f, now)
    return {
      title: archiveTitle(state, name),
      parts: {
        'archive-state': fragment(c, 'archive-state', { state }),
        'archive-actions': fragment(c, 'archive-actions', {
          archive,
          comparable: isComparable(row, sources),
          network: await hasPeers(db),
        }),
        'archive-copies': fragment(c, 'archive-copies', { copies }),
      },
      busy: state.badge.state === 'running' || copies.transfers.length > 0,
    }
  })
}
