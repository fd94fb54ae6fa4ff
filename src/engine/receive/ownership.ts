// Whose an archive is, and what its owner may do with it from afar.
import type { Archive } from '../../domain/archive.ts'
import { localIso } from '../../domain/iso-time.ts'
import { Problem } from '../../domain/problem.ts'
import { allows, hasEverything, type Caller } from '../../domain/token.ts'
import { getArchive } from '../../store/archives.ts'
import { forgetReceived, getReceived, type ReceivedArchive } from '../../store/received.ts'
import type { EngineDeps } from '../deps.ts'
import type { Engine } from '../engine.ts'
import type { Ownership } from '../federation.ts'

/** `remove` deletes an archive of this instance, as an admin does by hand. */
export function createOwnership(deps: EngineDeps, remove: Engine['deleteArchive']): Ownership {
  const find = async (caller: Caller, name: string) => {
    const [archive, received] = await Promise.all([getArchive(deps.db, name), getReceived(deps.db, name)])
    if (!archive || !(hasEverything(caller) || isOwn(caller, archive, received))) {
      throw new Problem('archive_not_found', { archive: name })
    }
    return { archive, received }
  }
  return {
    mustOwn: async (caller, name) => (await find(caller, name)).archive,

    async remove(caller, name) {
      const { received } = await find(caller, name)
      if (received && received.holdUntil > deps.clock.now() && !isLocalAdmin(caller)) {
        const until = localIso(received.holdUntil, deps.timeZone)
        throw new Problem('archive_held', { archive: name, until })
      }
      await remove(name, caller.actor)
      await forgetReceived(deps.db, name)
    },
  }
}

function isLocalAdmin(caller: Caller): boolean {
  return caller.peerId === null && allows(caller.scopes, 'admin')
}

/** Pure: what it left here, not another archive that got its name later. */
function isOwn(caller: Caller, archive: Archive, received: ReceivedArchive | null): boolean {
  return received !== null && received.owner === caller.owner && received.sha256 === archive.sha256
}
