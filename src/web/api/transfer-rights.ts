// What a caller may have sent and stopped. A key that runs things must not become one that downloads everything.
import { isProblem, Problem } from '../../domain/problem.ts'
import { hasEverything, type Caller } from '../../domain/token.ts'
import type { Transfer } from '../../domain/transfer.ts'
import { getArchive } from '../../store/archives.ts'
import { destinationsOfJob } from '../../store/destinations.ts'
import { getReceived } from '../../store/received.ts'
import type { WebDeps } from '../page.ts'

export interface TransferRights {
  /** A peer has sent what it left here itself, or what goes there anyway: else `archive_not_found`, as if it were not there. */
  mustOrder(caller: Caller, archive: string, destinationId: number): Promise<void>
  /** `transfer_not_found` unless the caller ordered it or might have. */
  mustSee(caller: Caller, transfer: Transfer): Promise<void>
  /** The same, and `scope_missing` for what somebody else ordered. */
  mustStop(caller: Caller, transfer: Transfer): Promise<void>
}

export function transferRights({ engine, db }: Pick<WebDeps, 'engine' | 'db'>): TransferRights {
  const goesThereAnyway = async (name: string, destinationId: number): Promise<boolean> => {
    const [archive, received] = await Promise.all([getArchive(db, name), getReceived(db, name)])
    if (archive === null || archive.origin !== 'local' || archive.jobId === null || received !== null)
      return false
    return (await destinationsOfJob(db, archive.jobId)).some((one) => one.id === destinationId)
  }
  const rights: TransferRights = {
    async mustOrder(caller, archive, destinationId) {
      if (hasEverything(caller) || (await goesThereAnyway(archive, destinationId))) return
      await engine.ownership.mustOwn(caller, archive)
    },
    async mustSee(caller, transfer) {
      if (hasEverything(caller) || isOrderOf(caller, transfer)) return
      try {
        await rights.mustOrder(caller, transfer.archiveName, transfer.destinationId)
      } catch (error) {
        if (!isProblem(error, 'archive_not_found')) throw error
        throw new Problem('transfer_not_found', { id: transfer.id })
      }
    },
    async mustStop(caller, transfer) {
      await rights.mustSee(caller, transfer)
      if (!hasEverything(caller) && !isOrderOf(caller, transfer)) {
        throw new Problem('scope_missing', { scope: 'admin' })
      }
    },
  }
  return rights
}

/** Pure. */
function isOrderOf(caller: Caller, { trigger, actor }: Transfer): boolean {
  return trigger === 'api' && actor === caller.actor
}
