// After a crash of the server or of a helper: ends what was left running, removes what was left half made.
import { cleanPartials, recoverArchive } from '../../archive/recover.ts'
import { recoverStaging, staleStagings } from '../../archive/staging.ts'
import { endTree, findMarked } from '../../sys/process-tree.ts'
import type { Handle } from '../context.ts'

const graceMs = 5000
/** No extraction takes so long; one that does is seen by its processes. */
const staleMs = 24 * 3_600_000

/**
 * Processes first: they could still write what is removed afterwards. Stale files of operations that nobody named are
 * looked for only when none are named: who clears up after one operation does not know what else is `busy`.
 */
export const recover: Handle<'recover'> = async ({ operations, busy }, { io }) => {
  const ended = await Promise.all(operations.map(({ operation }) => endTree({ operation }, graceMs)))
  const removed: string[] = []
  for (const { archiveName } of operations) {
    if (archiveName !== null) {
      removed.push(...(await recoverArchive(io.places.archivesDir, archiveName, io.signal)))
    }
  }
  const { archivesDir } = io.places
  const over = new Set(operations.map(({ operation }) => operation))
  if (operations.length === 0) {
    removed.push(...(await cleanPartials(archivesDir, io.now(), new Set(busy))))
    const stale = await staleStagings(archivesDir, io.now(), staleMs)
    for (const operation of stale) if (findMarked(operation).length === 0) over.add(operation)
  }
  removed.push(...(await recoverStaging(archivesDir, (operation) => over.has(operation))))
  return { killed: ended.reduce((sum, { signalled }) => sum + signalled, 0), removed }
}
