// What a start does after a crash: ends what was left running, removes partial files, finishes deletions.
import type { Run } from '../domain/run.ts'
import { addActivity } from '../store/activity.ts'
import { deletingArchives, removeArchives } from '../store/archives.ts'
import { clearExpiredHolds } from '../store/holds.ts'
import { finishRun, openRuns } from '../store/runs.ts'
import type { EngineDeps } from './deps.ts'
import { nothing } from './queue.ts'

/** Must run under the instance lock, before anything is started. The runs that were marked `interrupted`. */
export async function recover(deps: EngineDeps): Promise<readonly Run[]> {
  const now = deps.clock.now()
  const left = (await openRuns(deps.db)).filter((run) => run.status === 'running')
  if (left.length > 0) {
    await clearUp(deps, left)
  }
  const interrupted: Run[] = []
  for (const run of left) {
    const finished = await finishRun(deps.db, run.id, {
      ...nothing,
      status: 'interrupted',
      finishedAt: now,
      errorCode: 'interrupted',
      errorFacts: {},
    })
    if (finished) interrupted.push(finished)
  }
  await clearExpiredHolds(deps.db, now)
  return interrupted
}

/** Finishes deletions that had begun. They may wait for YunoHost, so they happen while the server already serves. */
export async function finishDeletions(deps: EngineDeps, signal: AbortSignal): Promise<void> {
  for (const name of await deletingArchives(deps.db)) {
    if (!(await finishDeletion(deps, name, signal))) continue
    await addActivity(deps.db, {
      at: deps.clock.now(),
      actor: 'recovery',
      action: 'archive.delete',
      subject: name,
      jobId: null,
      facts: { reason: 'interrupted deletion' },
    })
  }
}

/** A helper that cannot be reached must not keep the dashboard away: it says there what is wrong. */
async function clearUp(deps: EngineDeps, left: readonly Run[]): Promise<void> {
  const runs = left.map((run) => run.id)
  try {
    const result = await deps.helper.call('recover', {
      operations: left.map((run) => ({ operation: run.operation, archiveName: run.archiveName })),
    })
    deps.log.warn({ runs, ...result }, 'recovered after an unclean end')
  } catch (error) {
    deps.log.error({ runs, err: error }, 'processes or partial files of interrupted runs may be left')
  }
}

/** False when the files could not be deleted now; the next start tries again. */
async function finishDeletion(deps: EngineDeps, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    await deps.helper.call('archive.delete', { name }, { signal })
    await removeArchives(deps.db, [name])
    return true
  } catch (error) {
    deps.log.error({ archive: name, err: error }, 'a deletion that was interrupted could not be finished')
    return false
  }
}
