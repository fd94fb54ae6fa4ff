// After a crash of the server or of a helper: ends what was left running, removes what was left half made.
import { cleanPartials, recoverArchive } from '../../archive/recover.ts'
import { endTree } from '../../sys/process-tree.ts'
import type { Handle } from '../context.ts'

const graceMs = 5000

/**
 * Processes first: they could still write what is removed afterwards. Stale files of operations that nobody named are
 * looked for only when none are named: who clears up after one operation does not know what else is `busy`.
 */
export const recover: Handle<'recover'> = async ({ operations, busy }, { io }) => {
  const ended = await Promise.all(operations.map(({ operation }) => endTree({ operation }, graceMs)))
  const removed: string[] = []
  for (const { archiveName } of operations) {
    if (archiveName !== null) removed.push(...(await recoverArchive(io.places.archivesDir, archiveName)))
  }
  if (operations.length === 0) {
    removed.push(...(await cleanPartials(io.places.archivesDir, io.now(), new Set(busy))))
  }
  return { killed: ended.reduce((sum, { signalled }) => sum + signalled, 0), removed }
}
