// The queue of archives on their way, and what is known of the copies that came of it.
import type { Job } from '../../domain/job.ts'
import { invalid, Problem, type FieldError } from '../../domain/problem.ts'
import { transferModes } from '../../domain/transfer.ts'
import { addActivity } from '../../store/activity.ts'
import { destinationsWithCopies } from '../../store/copies.ts'
import { getDestination, replaceJobDestinations, updateDestination } from '../../store/destinations.ts'
import { getPeer } from '../../store/peers.ts'
import { getSettings } from '../../store/settings.ts'
import {
  deleteTransfersBefore,
  forgetHours,
  getTransfer,
  liveTransfers,
  requeueRunning,
  settleWanted,
} from '../../store/transfers.ts'
import { heldNames } from '../../store/holds.ts'
import type { EngineDeps } from '../deps.ts'
import type { Engine } from '../engine.ts'
import { createRunEvents } from '../events.ts'
import type { DestinationInput, Transfers } from '../federation.ts'
import { mustGetJob } from '../jobs.ts'
import { createSpace, type Space } from '../space.ts'
import { defaultCarriers, type Carriers } from './attempt.ts'
import { catchUp, queueCopies } from './auto.ts'
import { checkCopies, pruneCopies } from './copies.ts'
import { createLanes } from './lanes.ts'
import { orderFetch, orderResume, orderSend, orderStop } from './orders.ts'
import { removeLeftParts } from './place.ts'
import { testSsh } from './ssh.ts'

const LOOK_MS = 200
const DAY_MS = 86_400_000
/** Transfers that are remembered whatever their age. */
const KEEP = 30
/** Holders that are asked at one time: one that hangs must not keep the others waiting. */
const HOLDERS_AT_ONCE = 4
/** One gibibyte per second: whoever wants more wants no limit. */
const MOST_KIB = 1024 * 1024

export interface TransfersControl extends Transfers {
  /** Lets transfers begin; with `only` no other than this one. */
  open(only?: number): void
  /** Starts what may start, stops what was asked to stop. Never rejects. */
  pump(): Promise<void>
  /** What a crash left `running` is queued again. Needs the instance lock. */
  recover(): Promise<void>
  /** Queues the copies of a new archive of that job. */
  afterRun(job: Job, archive: string): Promise<void>
  /** Asks holders to let copies go that retention no longer keeps, and which are still there. */
  sweep(signal: AbortSignal): Promise<void>
  /** Parks what is under way and waits for it. */
  close(): Promise<void>
  idle(): Promise<void>
}

/** Tests give their own carriers, and no chance in `random`. */
export function createTransfers(
  deps: EngineDeps,
  engine: Pick<Engine, 'verifyArchive'>,
  given: { readonly carriers?: Carriers; readonly random?: () => number; readonly space?: Space } = {},
): TransfersControl {
  const events = createRunEvents()
  const lanes = createLanes(deps, {
    carriers: given.carriers ?? defaultCarriers(deps),
    verifyArchive: engine.verifyArchive,
    space: given.space ?? createSpace(),
    events,
    random: given.random ?? Math.random,
  })

  /** What is left for every round, each by itself: one that fails must not keep the others from happening. */
  const attempt = async (what: string, signal: AbortSignal, work: () => Promise<unknown>): Promise<void> => {
    if (signal.aborted) return
    try {
      await work()
    } catch (error) {
      if (!signal.aborted)
        deps.log.warn({ err: error, what }, 'upkeep of copies failed; it tries again in an hour')
    }
  }
  const noticed = async <R extends { readonly id: number }>(work: Promise<R>): Promise<R> => {
    const result = await work
    events.changed(result.id)
    void lanes.pump()
    return result
  }
  const missed = () =>
    catchUp(deps).catch((error: unknown) =>
      deps.log.error({ err: error }, 'missed copies could not be queued'),
    )

  /** Peers that answer, as far as the poller knows; one that was never asked is worth a try. */
  async function upkeep(destinationId: number, signal: AbortSignal): Promise<void> {
    const destination = await getDestination(deps.db, destinationId)
    if (!destination || destination.peerId === null) return
    const peer = await getPeer(deps.db, destination.peerId)
    if (!peer || !peer.hasKey || (peer.status !== null && peer.status !== 'online')) return
    await checkCopies(deps, destination, signal)
    const moving = (await liveTransfers(deps.db)).map((one) => one.archiveName)
    const inUse = new Set([...(await heldNames(deps.db, deps.clock.now())), ...moving])
    await pruneCopies(deps, destination, inUse, signal)
  }

  return {
    send: (order, actor) => noticed(orderSend(deps, order, actor)),
    fetch: (order, actor) => noticed(orderFetch(deps, order, actor)),
    pause: (id, actor) => noticed(orderStop(deps, id, 'pause', actor)),
    resume: (id, actor) => noticed(orderResume(deps, id, actor)),
    cancel: (id, actor) => noticed(orderStop(deps, id, 'cancel', actor)),

    async wait(id, signal) {
      for (;;) {
        signal?.throwIfAborted()
        const transfer = await getTransfer(deps.db, id)
        if (!transfer) throw new Problem('transfer_not_found', { id })
        if (transfer.finishedAt !== null) return transfer
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      }
    },
    watch: (id, changed) => events.watch(id, changed),
    pace: (id) => lanes.paceOf(id),

    async changeDestination(id, input, actor) {
      const change = checked(input)
      const changed = await deps.db.transaction().execute(async (trx) => {
        const after = await updateDestination(trx, id, change)
        if (!after) throw new Problem('destination_not_found', { id })
        const at = deps.clock.now()
        await forgetHours(trx, id, at)
        await addActivity(trx, { at, actor, action: 'destination.update', subject: after.name, jobId: null })
        return after
      })
      void lanes.pump()
      return changed
    },

    async setJobDestinations(jobId, destinationIds, actor) {
      const job = await mustGetJob(deps, jobId)
      await deps.db.transaction().execute(async (trx) => {
        for (const id of destinationIds) {
          if (!(await getDestination(trx, id))) throw new Problem('destination_not_found', { id })
        }
        await replaceJobDestinations(trx, jobId, destinationIds)
        const at = deps.clock.now()
        await addActivity(trx, { at, actor, action: 'job.copies', subject: job.name, jobId })
      })
      void lanes.pump()
    },

    testSsh: (peerId, signal) => testSsh(deps, peerId, signal),

    async checkCopies(destinationId, signal) {
      const destination = await getDestination(deps.db, destinationId)
      if (!destination) throw new Problem('destination_not_found', { id: destinationId })
      await checkCopies(deps, destination, signal)
    },

    open(only) {
      lanes.open(only)
      // A crash between a run's end and the queueing of its copies must lose none.
      if (only === undefined) void missed().then(() => lanes.pump())
    },
    pump: () => lanes.pump(),

    async recover() {
      const now = deps.clock.now()
      for (const id of await requeueRunning(deps.db, lanes.active())) {
        await settleWanted(deps.db, id, now, { orphan: false })
        deps.log.warn({ transfer: id }, 'a transfer goes on after an unclean end')
      }
    },

    async afterRun(job, archive) {
      await queueCopies(deps, job, archive)
      void lanes.pump()
    },

    async sweep(signal) {
      const holders = [...(await destinationsWithCopies(deps.db))]
      const ask = async (): Promise<void> => {
        for (let id = holders.shift(); id !== undefined; id = holders.shift()) {
          const holder = id
          await attempt(`destination ${holder}`, signal, () => upkeep(holder, signal))
        }
      }
      await Promise.all(Array.from({ length: HOLDERS_AT_ONCE }, ask))
      await attempt('missed copies', signal, () => catchUp(deps))
      await attempt('left parts', signal, () => removeLeftParts(deps, signal))
      await attempt('old transfers', signal, async () => {
        const { historyDays } = await getSettings(deps.db)
        await deleteTransfersBefore(deps.db, deps.clock.now() - historyDays * DAY_MS, KEEP)
      })
      void lanes.pump()
    },

    close: () => lanes.close(),
    idle: () => lanes.idle(),
  }
}

/** `validation_failed` with the wrong fields. */
function checked(input: DestinationInput): DestinationInput {
  const { mode, bandwidthKib, window } = input
  const errors: FieldError[] = []
  if (!transferModes.includes(mode)) errors.push({ field: 'mode', code: 'unknown_value' })
  if (bandwidthKib !== null && !within(bandwidthKib, 1, MOST_KIB)) {
    errors.push({ field: 'bandwidth', code: 'out_of_range', facts: { min: 1, max: MOST_KIB } })
  }
  if (window !== null && !(within(window.fromMinute, 0, 1439) && within(window.toMinute, 0, 1439))) {
    errors.push({ field: 'hours', code: 'out_of_range', facts: { min: 0, max: 1439 } })
  }
  if (errors.length > 0) throw invalid(...errors)
  return input
}

function within(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}
