// One remote restore, a step at a time: is the archive there, is it on its way, was it asked for, how far is it. Every step can
// be repeated after a stop at any line: what was already asked of the peer is found again, never asked twice.
import { isProblem, Problem, type Facts } from '../../domain/problem.ts'
import { addActivity } from '../../store/activity.ts'
import { getPeer } from '../../store/peers.ts'
import {
  changeRemoteRestore,
  getRemoteRestore,
  type RemoteRestoreChange,
  type RemoteRestoreRow,
} from '../../store/remote-restores.ts'
import type { EngineDeps } from '../deps.ts'
import type { Transfers } from '../federation.ts'
import { archiveThere, restoreStatusThere, restoreThere } from './calls.ts'
import { contentMeant, mustBeMeant } from './meant.ts'

const soonMs = 2000
const laterMs = 10_000
/** So long it is looked at often. */
const freshMs = 5 * 60_000
/** A peer that cannot be asked for so long is not waited for any more. */
const lostAfterMs = 24 * 3_600_000

/** Failures after which the peer is simply asked again. */
const passing: ReadonlySet<string> = new Set([
  'peer_unreachable',
  'timed_out',
  'peer_answer_invalid',
  'upload_busy',
])

export interface Following {
  readonly deps: EngineDeps
  readonly transfers: Pick<Transfers, 'send' | 'wait'>
  readonly signal: AbortSignal
  /** Something about it has changed. */
  changed(id: number): void
}

/** Takes the next step. Milliseconds until the one after it; null when it has ended. */
export async function stepOf(it: Following, id: number): Promise<number | null> {
  const row = await getRemoteRestore(it.deps.db, id)
  if (row === null || row.finishedAt !== null) return null
  try {
    if (row.remoteId !== null) return await watch(it, row, row.remoteId)
    if (row.status === 'transferring') return await transfer(it, row)
    return await ask(it, row)
  } catch (error) {
    if (it.signal.aborted || !isProblem(error)) throw error
    return failed(it, row, error)
  }
}

/** Nothing was asked yet, or it is not known whether it was. */
async function ask(it: Following, row: RemoteRestoreRow): Promise<number | null> {
  const { deps, signal } = it
  const { content = null, ...order } = row.order
  // Its checksum may have become known by sending it.
  const meant = content?.sha256
    ? content
    : ((await contentMeant(deps, row.peerId, row.archiveName)) ?? content)
  if (row.seenAt === null) {
    const there = await archiveThere(deps, row.peerId, row.archiveName, signal)
    if (there === null) {
      await change(it, row.id, { status: 'transferring' })
      return 0
    }
    mustBeMeant(there, meant)
  }
  const newest = await restoreStatusThere(deps, row.peerId, row.archiveName, signal)
  if (row.seenAt !== null && newest !== null && newest.restore_id !== row.state?.restore_id) {
    // The answer to the request was lost, the request was not.
    await change(it, row.id, {
      status: 'running',
      remoteId: newest.restore_id,
      state: newest,
      seenAt: now(it),
    })
    return 0
  }
  // Written before it is asked: a restore that is newer than this one is ours.
  await change(it, row.id, { state: newest, seenAt: now(it) })
  const asked = { ...order, sha256: meant?.sha256 ?? null }
  const remoteId = await restoreThere(deps, row.peerId, row.archiveName, asked, signal)
  await change(it, row.id, { status: 'running', remoteId, state: null, seenAt: now(it), ...noError })
  return 0
}

async function transfer(it: Following, row: RemoteRestoreRow): Promise<number | null> {
  let { transferId } = row
  if (transferId === null) {
    const destination = await it.deps.db
      .selectFrom('destinations')
      .select('id')
      .where('peer_id', '=', row.peerId)
      .executeTakeFirst()
    if (destination === undefined) throw new Problem('destination_not_found', { id: row.peerId })
    const order = { archive: row.archiveName, destinationId: destination.id, trigger: 'restore' } as const
    transferId = (await it.transfers.send(order, row.actor)).id
    await change(it, row.id, { transferId })
  }
  const ended = await it.transfers.wait(transferId, it.signal)
  if (ended.status === 'success') {
    await change(it, row.id, { status: 'starting' })
    return 0
  }
  const code = ended.status === 'cancelled' ? 'cancelled' : (ended.errorCode ?? 'internal')
  await end(
    it,
    row,
    { status: ended.status === 'cancelled' ? 'cancelled' : 'error', errorCode: code },
    ended.errorFacts,
  )
  return null
}

async function watch(it: Following, row: RemoteRestoreRow, remoteId: number): Promise<number | null> {
  const state = await restoreStatusThere(it.deps, row.peerId, row.archiveName, it.signal)
  if (state === null || state.restore_id !== remoteId) {
    // A later restore of the same archive hides it, or the peer has forgotten it: how it ended cannot be asked any more.
    await end(it, row, { status: 'unknown', errorCode: null }, {})
    return null
  }
  if (state.status === 'running') {
    await change(it, row.id, { status: 'running', state, seenAt: now(it), ...noError })
    return pause(it, row)
  }
  await change(it, row.id, { state, seenAt: now(it) })
  await end(it, row, { status: state.status, errorCode: state.error ?? null }, {})
  return null
}

async function failed(it: Following, row: RemoteRestoreRow, problem: Problem): Promise<number | null> {
  const facts = problem.facts
  // Whatever was asked for goes on there: also a peer that refuses our key may take it again.
  if (passing.has(problem.code) || row.remoteId !== null) {
    if (now(it) - (row.seenAt ?? row.askedAt) > lostAfterMs) {
      await end(it, row, { status: 'unknown', errorCode: problem.code }, facts)
      return null
    }
    await change(it, row.id, { errorCode: problem.code, errorFacts: facts })
    return pause(it, row)
  }
  await end(it, row, { status: 'error', errorCode: problem.code }, facts)
  return null
}

/** Often while it is new, seldom when it takes long. */
function pause(it: Following, row: RemoteRestoreRow): number {
  return now(it) - row.askedAt < freshMs ? soonMs : laterMs
}

const noError = { errorCode: null, errorFacts: {} }

async function end(
  it: Following,
  row: RemoteRestoreRow,
  how: Pick<RemoteRestoreChange, 'status' | 'errorCode'>,
  errorFacts: Facts,
): Promise<void> {
  const { deps } = it
  const at = now(it)
  await deps.db.transaction().execute(async (trx) => {
    if (!(await changeRemoteRestore(trx, row.id, { ...how, errorFacts, finishedAt: at }))) return
    const peer = await getPeer(trx, row.peerId)
    await addActivity(trx, {
      at,
      actor: row.actor,
      action: 'remote.restore.end',
      subject: row.archiveName,
      jobId: null,
      facts: { peer: peer?.name ?? '', status: how.status },
    })
  })
  it.changed(row.id)
}

async function change(it: Following, id: number, what: RemoteRestoreChange): Promise<void> {
  await changeRemoteRestore(it.deps.db, id, what)
  it.changed(id)
}

function now(it: Following): number {
  return it.deps.clock.now()
}
