// Orders for the queue: send, fetch, pause, go on, cancel. They work whichever process carries transfers out.
import { isProblem, Problem } from '../../domain/problem.ts'
import type { Transfer } from '../../domain/transfer.ts'
import { isArchiveName } from '../../domain/archive-name.ts'
import { addActivity } from '../../store/activity.ts'
import { getArchive } from '../../store/archives.ts'
import { destinationOfPeer, getDestination } from '../../store/destinations.ts'
import { getPeer } from '../../store/peers.ts'
import type { Q } from '../../store/schema.ts'
import { ensurePeerDestination } from '../../store/peer-destination.ts'
import {
  getTransfer,
  insertTransfer,
  openTransferOf,
  resumeTransfer,
  settleWanted,
  wantOfTransfer,
  type NewTransfer,
} from '../../store/transfers.ts'
import type { EngineDeps } from '../deps.ts'
import type { Actor } from '../engine.ts'
import type { SendOrder, Transfers } from '../federation.ts'
import { askHolder } from './ask-holder.ts'
import { mustBeSame } from './execute-fetch.ts'
import { mustBeGood } from './execute-send.ts'
import { inboxOf } from './ssh.ts'

/** A peer that does not answer must not keep an order waiting. */
const ASK_LIMIT_MS = 10_000

export async function orderSend(deps: EngineDeps, order: SendOrder, actor: Actor): Promise<Transfer> {
  const archive = await mustBeGood(deps, order.archive)
  const destination = await getDestination(deps.db, order.destinationId)
  if (!destination) throw new Problem('destination_not_found', { id: order.destinationId })
  if (!destination.enabled) throw new Problem('destination_disabled', { destination: destination.name })
  const mode = order.mode ?? destination.mode
  const inbox = destination.peerId === null ? null : await inboxOf(deps, destination.peerId)
  if (mode === 'rsync' && inbox === null) throw new Problem('transfer_mode_unavailable', { mode })
  return queue(
    deps,
    {
      direction: 'send',
      archiveName: archive.name,
      destinationId: destination.id,
      mode,
      trigger: order.trigger,
      actor,
      bytesTotal: archive.sizeBytes,
      queuedAt: deps.clock.now(),
    },
    destination.name,
  )
}

export async function orderFetch(
  deps: EngineDeps,
  order: Parameters<Transfers['fetch']>[0],
  actor: Actor,
): Promise<Transfer> {
  const { archive: name } = order
  if (!isArchiveName(name)) throw new Problem('name_invalid', { name })
  const peer = await getPeer(deps.db, order.peerId)
  if (!peer) throw new Problem('peer_not_found', { id: order.peerId })
  const now = deps.clock.now()
  await ensurePeerDestination(deps.db, peer.id, peer.name, now)
  const destination = await destinationOfPeer(deps.db, peer.id)
  if (!destination) throw new Problem('destination_not_found', { id: peer.name })
  const here = await getArchive(deps.db, name)
  if (here && here.sha256 !== null) {
    try {
      mustBeSame(here, await askHolder(deps, destination, name, AbortSignal.timeout(ASK_LIMIT_MS)))
    } catch (error) {
      // What the peer cannot be asked now is found out when its turn comes.
      if (!isProblem(error) || error.code === 'archive_exists') throw error
    }
  }
  const { id: destinationId } = destination
  const { trigger } = order
  return queue(
    deps,
    {
      direction: 'fetch',
      archiveName: name,
      destinationId,
      mode: 'http',
      trigger,
      actor,
      bytesTotal: null,
      queuedAt: now,
    },
    destination.name,
  )
}

/** The new one, or the open one of the same archive, there or from there. */
async function queue(deps: EngineDeps, transfer: NewTransfer, destination: string): Promise<Transfer> {
  return deps.db.transaction().execute(async (trx) => {
    const open = await openTransferOf(trx, transfer)
    if (open) return open
    const queued = await insertTransfer(trx, transfer)
    if (!queued) throw new Problem('internal', { detail: 'a transfer is open and is not' })
    const { queuedAt: at, actor, archiveName: subject, direction } = transfer
    const action = direction === 'send' ? 'transfer.send' : 'transfer.fetch'
    await addActivity(trx, { at, actor, action, subject, jobId: null, facts: { destination } })
    return queued
  })
}

/** As it is afterwards; one that is under way may still need a moment. */
export async function orderStop(
  deps: EngineDeps,
  id: number,
  wanted: 'pause' | 'cancel',
  actor: Actor,
): Promise<Transfer> {
  return deps.db.transaction().execute(async (trx) => {
    const transfer = await wantOfTransfer(trx, id, wanted, actor)
    if (!transfer) throw await whyNot(trx, id)
    const action = wanted === 'pause' ? 'transfer.pause' : 'transfer.cancel'
    const at = deps.clock.now()
    await addActivity(trx, { at, actor, action, subject: transfer.archiveName, jobId: null })
    // The claim looks at the same row, so only one of both wins.
    return (await settleWanted(trx, id, at, { orphan: false })) ?? transfer
  })
}

export async function orderResume(deps: EngineDeps, id: number, actor: Actor): Promise<Transfer> {
  return deps.db.transaction().execute(async (trx) => {
    const before = await getTransfer(trx, id)
    if (!before) throw await whyNot(trx, id)
    // Another one has taken the place of one that failed.
    const other = before.finishedAt === null ? null : await openTransferOf(trx, before)
    const resumed = await resumeTransfer(trx, other?.id ?? id, deps.clock.now())
    if (!resumed) throw await whyNot(trx, id)
    const at = deps.clock.now()
    const subject = resumed.archiveName
    await addActivity(trx, { at, actor, action: 'transfer.resume', subject, jobId: null })
    return resumed
  })
}

async function whyNot(q: Q, id: number): Promise<Problem> {
  return new Problem((await getTransfer(q, id)) ? 'transfer_finished' : 'transfer_not_found', { id })
}
