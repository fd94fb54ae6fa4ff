// What is asked of other instances: their archives, runs and restores. A remote restore is followed by the server until its end.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ArchiveContent } from '../../domain/archive.ts'
import { isProblem, Problem } from '../../domain/problem.ts'
import { allows } from '../../domain/token.ts'
import { addActivity } from '../../store/activity.ts'
import { getArchive } from '../../store/archives.ts'
import { getPeer } from '../../store/peers.ts'
import {
  getRemoteRestore,
  insertRemoteRestore,
  openRemoteRestoreOf,
  openRemoteRestores,
  type RemoteRestoreRow,
} from '../../store/remote-restores.ts'
import type { EngineDeps } from '../deps.ts'
import { createRunEvents } from '../events.ts'
import type { Remote, RemoteRestore, Transfers } from '../federation.ts'
import { archivesThere, archiveThere, planThere, runThere, wireOptions } from './calls.ts'
import { stepOf } from './follow.ts'
import { contentMeant } from './meant.ts'

const retryMs = 60_000

export interface RemoteControl extends Remote {
  /** Goes on with remote restores that a stop interrupted. */
  recover(): Promise<void>
  /** Follows them until they end. */
  start(): void
  /** Looks for ones that another process has asked for. */
  wake(): void
  close(): Promise<void>
}

export function createRemote(deps: EngineDeps, transfers: Pick<Transfers, 'send' | 'wait'>): RemoteControl {
  const events = createRunEvents()
  const stopping = new AbortController()
  const { signal } = stopping
  const followed = new Map<number, Promise<void>>()
  let started = false
  const following = { deps, transfers, signal, changed: (id: number) => events.changed(id) }

  async function follow(id: number): Promise<void> {
    while (!signal.aborted) {
      let wait: number | null
      try {
        wait = await stepOf(following, id)
      } catch (error) {
        if (signal.aborted) return
        deps.log.error({ err: error, restore: id }, 'a remote restore could not be followed; tried again')
        wait = retryMs
      }
      if (wait === null) return
      // Aborted while waiting: the loop's condition ends it.
      await sleep(wait, undefined, { signal }).catch(() => undefined)
    }
  }

  async function pickUp(): Promise<void> {
    if (!started || signal.aborted) return
    for (const id of await openRemoteRestores(deps.db)) {
      if (followed.has(id)) continue
      const end = () => void followed.delete(id)
      followed.set(id, follow(id).then(end, end))
    }
  }

  const lookOut = (): void => {
    pickUp().catch((error: unknown) => {
      if (!signal.aborted) deps.log.error({ err: error }, 'remote restores could not be looked for')
    })
  }

  /** Peers that told us what we may do there are not asked for what they would refuse. */
  async function mustAllow(peerId: number, scope: 'run' | 'restore') {
    const peer = await getPeer(deps.db, peerId)
    if (peer === null) throw new Problem('peer_not_found', { id: peerId })
    if (peer.scopes !== null && !allows(peer.scopes, scope)) throw new Problem('peer_forbids', { scope })
    return peer
  }

  /** Of the archive that is meant: what is known here, or else there. `archive_not_found` when it is in neither place. */
  async function contentOf(peerId: number, archive: string): Promise<ArchiveContent | null> {
    const known = await contentMeant(deps, peerId, archive)
    if (known !== null || (await getArchive(deps.db, archive)) !== null) return known
    const there = await archiveThere(deps, peerId, archive, signal)
    if (there === null) throw new Problem('archive_not_found', { archive })
    return { sha256: there.sha256, sizeBytes: there.size_bytes }
  }

  async function mustGet(id: number): Promise<RemoteRestoreRow> {
    const row = await getRemoteRestore(deps.db, id)
    if (row === null) throw new Problem('restore_not_found', { id })
    return row
  }

  return {
    archives: (peerId, query) => archivesThere(deps, peerId, query, signal),

    async startRun(peerId, remoteJobId, actor) {
      const peer = await mustAllow(peerId, 'run')
      const runId = await runThere(deps, peerId, remoteJobId, signal)
      const job = peer.facts?.jobs.find((one) => one.id === remoteJobId)?.name ?? String(remoteJobId)
      await addActivity(deps.db, {
        at: deps.clock.now(),
        actor,
        action: 'remote.run',
        subject: job,
        jobId: null,
        facts: { peer: peer.name },
      })
      return { runId }
    },

    async planRestore(peerId, archive, options) {
      await mustAllow(peerId, 'restore')
      try {
        const sha256 = (await contentMeant(deps, peerId, archive))?.sha256 ?? null
        return await planThere(deps, peerId, archive, { options, sha256 }, signal)
      } catch (error) {
        if (isProblem(error, 'archive_not_found')) return null
        throw error
      }
    },

    async startRestore(order, actor) {
      const peer = await mustAllow(order.peerId, 'restore')
      wireOptions(order.options)
      const content = await contentOf(order.peerId, order.archive)
      const id = await deps.db.transaction().execute(async (trx) => {
        const open = await openRemoteRestoreOf(trx, order.peerId, order.archive)
        if (open !== null) throw new Problem('restore_running', { archive: order.archive })
        const at = deps.clock.now()
        await addActivity(trx, {
          at,
          actor,
          action: 'remote.restore',
          subject: order.archive,
          jobId: null,
          facts: { peer: peer.name },
        })
        return insertRemoteRestore(trx, {
          peerId: order.peerId,
          archiveName: order.archive,
          order: { options: order.options, force: order.force, content },
          actor,
          askedAt: at,
        })
      })
      lookOut()
      return remoteRestore(await mustGet(id))
    },

    async restore(id) {
      const row = await mustGet(id)
      if (started || row.finishedAt !== null || row.remoteId === null) return remoteRestore(row)
      // Nobody in this process follows it: the peer is asked once.
      await stepOf(following, id)
      return remoteRestore(await mustGet(id))
    },

    watchRestore: (id, changed) => events.watch(id, changed),

    // Their rows say where they are: there is nothing to tidy up before they are followed.
    recover: pickUp,
    start() {
      started = true
      lookOut()
    },
    wake: lookOut,
    async close() {
      stopping.abort()
      await Promise.allSettled(followed.values())
      started = false
    },
  }
}

/** A row as others may see it. */
export function remoteRestore(row: RemoteRestoreRow): RemoteRestore {
  const { order: _, remoteId, ...told } = row
  // Until it has begun there, `state` is about an earlier one.
  return { ...told, state: remoteId === null ? null : row.state }
}
