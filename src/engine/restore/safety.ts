// Archives of the state before a restore: whether one is good enough to replace what it holds, and their end after a week.
import type { Produced } from '../../domain/helper-protocol.ts'
import { Problem } from '../../domain/problem.ts'
import type { PlanRemark } from '../../domain/restore.ts'
import { notes, type RunWarning } from '../../domain/run.ts'
import { addActivity } from '../../store/activity.ts'
import { endPins } from '../../store/archives.ts'
import { restoreThatSaved } from '../../store/restores.ts'
import type { EngineDeps } from '../deps.ts'
import { deleteArchive } from '../prune.ts'

/** Something is not in the archive, or not all of it. Other warnings are of what it holds. */
const missing: ReadonlySet<RunWarning['code']> = new Set(['file_unreadable', 'target_failed'])

/**
 * What to say of a safety archive that was made with warnings; null for one without. Throws `safety_incomplete` (facts
 * `archive`, `number`, `path` of the first) for one that lacks something: a restore removes what it replaces, and that would
 * be gone for good. Warnings that were too many to be told may be of that kind too. Pure.
 */
export function judgeSafety(
  archive: string,
  made: Pick<Produced, 'warnings' | 'warningCount'>,
): PlanRemark | null {
  const lacking = made.warnings.filter(({ code }) => missing.has(code))
  const untold = made.warningCount - made.warnings.length
  const number = lacking.reduce((sum, { facts }) => sum + Number(facts?.['count'] ?? 1), untold)
  if (number > 0) {
    const path = lacking.find((one) => one.path !== undefined)?.path
    throw new Problem('safety_incomplete', { archive, number, path: path ?? '' })
  }
  const others = made.warnings.filter(({ code }) => !notes.has(code)).length
  return others === 0 ? null : { code: 'safety_warnings', facts: { archive, number: others } }
}

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
