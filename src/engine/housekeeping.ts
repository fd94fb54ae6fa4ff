// What happens by itself once an hour: the directory is looked at again, archives are proven in rotation, old history goes.
import { dueForVerify } from '../domain/verify-rotation.ts'
import { deleteActivityBefore } from '../store/activity.ts'
import { forgetMissing, verifyCandidates } from '../store/archives.ts'
import { deleteRunsBefore } from '../store/runs.ts'
import { getSettings } from '../store/settings.ts'
import { rescan } from './catalogue.ts'
import type { EngineDeps } from './deps.ts'
import { removeRunLogs } from './run-log.ts'
import { verifyArchive } from './verify.ts'

const PERIOD_MS = 3_600_000
const DAY_MS = 86_400_000
/** Runs of a job that are kept whatever their age. */
const KEEP_PER_JOB = 30
/** A disk that was away for so long is not coming back; an archive that does is simply found again. */
const FORGET_AFTER_MS = 90 * DAY_MS

export interface Housekeeping {
  close(): Promise<void>
}

/** One round. Verification stops between two archives when the signal aborts. */
export async function keepHouse(deps: EngineDeps, signal: AbortSignal): Promise<void> {
  await rescan(deps)
  // With no operation to recover it still removes files in progress that nobody has written to for a day.
  await deps.helper.call('recover', { operations: [] })
  const settings = await getSettings(deps.db)
  const now = deps.clock.now()
  await deleteActivityBefore(deps.db, now - settings.historyDays * DAY_MS)
  await forgetMissing(deps.db, now - FORGET_AFTER_MS)
  const removed = await deleteRunsBefore(deps.db, now - settings.historyDays * DAY_MS, KEEP_PER_JOB)
  await removeRunLogs(deps.dataDir, removed)
  if (settings.verifyEveryDays === 0) return
  const due = dueForVerify((await verifyCandidates(deps.db)).map(lastRead), now, {
    everyDays: settings.verifyEveryDays,
    periodMs: PERIOD_MS,
  })
  for (const name of due) {
    signal.throwIfAborted()
    try {
      await verifyArchive(deps, name, 'rotation', signal)
    } catch (error) {
      if (signal.aborted) return
      deps.log.warn({ err: error, archive: name }, 'an archive could not be verified; it stays due')
    }
  }
}

/** An archive that was hashed while it was written has been read then. */
function lastRead(one: Awaited<ReturnType<typeof verifyCandidates>>[number]) {
  return { ...one, lastReadAt: one.verifiedAt ?? (one.state === 'ok' ? one.createdAt : null) }
}

/** Keeps house every hour until closed. */
export function startHousekeeping(deps: EngineDeps): Housekeeping {
  const stop = new AbortController()
  let working: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    working = working
      .then(() => (stop.signal.aborted ? undefined : keepHouse(deps, stop.signal)))
      .catch((error: unknown) => {
        if (!stop.signal.aborted)
          deps.log.error({ err: error }, 'housekeeping failed; it tries again in an hour')
      })
  }, PERIOD_MS)
  return {
    async close() {
      clearInterval(timer)
      stop.abort()
      await working
    },
  }
}
