// Archives of the state before a restore: they go when their week is over.
import { addActivity } from '../../store/activity.ts'
import { endPins } from '../../store/archives.ts'
import { restoreThatSaved } from '../../store/restores.ts'
import type { EngineDeps } from '../deps.ts'
import { deleteArchive } from '../prune.ts'

/** Ends pins whose time is over, and removes those archives that a restore made only to be on the safe side. */
export async function endSafetyArchives(deps: EngineDeps, signal: AbortSignal): Promise<void> {
  const actor = 'housekeeping'
  for (const name of await endPins(deps.db, deps.clock.now())) {
    await addActivity(deps.db, {
      at: deps.clock.now(),
      actor,
      action: 'archive.unpin',
      subject: name,
      jobId: null,
    })
    if ((await restoreThatSaved(deps.db, name)) === null) continue
    await deleteArchive(deps, name, actor, { reason: 'kept for a week after a restore', jobId: null }, signal)
  }
}
