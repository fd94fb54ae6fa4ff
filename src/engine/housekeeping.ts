// What happens by itself once an hour: the directory is looked at again, archives are proven in rotation, old history goes.
import { dueForVerify } from '../domain/verify-rotation.ts'
import { deleteActivityBefore } from '../store/activity.ts'
import { forgetMissing, verifyCandidates } from '../store/archives.ts'
import { deleteDrillsBefore } from '../store/drills.ts'
import { deleteRestoresBefore } from '../store/restores.ts'
import { deleteRunsBefore, openRuns } from '../store/runs.ts'
import { getSettings } from '../store/settings.ts'
import type { EngineDeps } from './deps.ts'
import { removeRestoreLogs, removeRunLogs } from './run-log.ts'
import { verifyArchive } from './verify.ts'

const PERIOD_MS = 3_600_000
const DAY_MS = 86_400_000
/** A disk that hangs must not end housekeeping for good. */
const VERIFY_LIMIT_MS = 12 * PERIOD_MS
/** Runs of a job that are kept whatever their age. */
const KEEP_PER_JOB = 30
/** A disk that was away for so long is not coming back; an archive that does is simply found again. */
const FORGET_AFTER_MS = 90 * DAY_MS

/** What is done in each round, by name. */
export type Chores = Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>>

export interface Housekeeping {
  close(): Promise<void>
}

/** One round: each step by itself, so that one that fails does not keep the others from happening. */
export async function keepHouse(
  deps: EngineDeps,
  scan: () => Promise<unknown>,
  signal: AbortSignal,
  more: Chores = {},
): Promise<void> {
  const steps: Chores = {
    'scan of the archives': scan,
    'removal of unfinished files': () => removeUnfinished(deps, signal),
    'removal of old history': () => forgetHistory(deps),
    'verification in rotation': () => verifyDue(deps, signal),
    ...more,
  }
  for (const [what, step] of Object.entries(steps)) {
    if (signal.aborted) return
    try {
      await step(signal)
    } catch (error) {
      if (!signal.aborted)
        deps.log.error({ err: error, what }, 'housekeeping failed; it tries again in an hour')
    }
  }
}

/** Files in progress that nobody has written to for a day, but never those of runs that are under way. */
async function removeUnfinished(deps: EngineDeps, signal: AbortSignal): Promise<void> {
  const busy = (await openRuns(deps.db)).flatMap((run) => (run.archiveName === null ? [] : [run.archiveName]))
  await deps.helper.call('recover', { operations: [], busy }, { signal })
}

async function forgetHistory(deps: EngineDeps): Promise<void> {
  const { historyDays } = await getSettings(deps.db)
  const now = deps.clock.now()
  await deleteActivityBefore(deps.db, now - historyDays * DAY_MS)
  await forgetMissing(deps.db, now - FORGET_AFTER_MS)
  await deleteDrillsBefore(deps.db, now - historyDays * DAY_MS, KEEP_PER_JOB)
  await removeRestoreLogs(
    deps.dataDir,
    await deleteRestoresBefore(deps.db, now - historyDays * DAY_MS, KEEP_PER_JOB),
  )
  await removeRunLogs(deps.dataDir, await deleteRunsBefore(deps.db, now - historyDays * DAY_MS, KEEP_PER_JOB))
}

async function verifyDue(deps: EngineDeps, signal: AbortSignal): Promise<void> {
  const { verifyEveryDays } = await getSettings(deps.db)
  if (verifyEveryDays === 0) return
  const candidates = (await verifyCandidates(deps.db)).map(lastRead)
  const due = dueForVerify(candidates, deps.clock.now(), { everyDays: verifyEveryDays, periodMs: PERIOD_MS })
  for (const name of due) {
    if (signal.aborted) return
    try {
      await verifyArchive(
        deps,
        name,
        'rotation',
        AbortSignal.any([signal, AbortSignal.timeout(VERIFY_LIMIT_MS)]),
      )
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

/** Keeps house every hour until closed; a round that takes longer than an hour is not joined by another. */
export function startHousekeeping(
  deps: EngineDeps,
  scan: () => Promise<unknown>,
  more: Chores = {},
): Housekeeping {
  const stop = new AbortController()
  let working: Promise<void> | null = null
  const timer = setInterval(() => {
    working ??= keepHouse(deps, scan, stop.signal, more).finally(() => {
      working = null
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
