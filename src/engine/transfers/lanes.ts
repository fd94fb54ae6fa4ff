// Carries out queued transfers, every destination in its own lane, and stops them when somebody or the hour says so.
import { chooseTransfers, type TransferStop } from '../../domain/transfer-queue.ts'
import type { Destination, Transfer } from '../../domain/transfer.ts'
import { getDestination, listDestinations } from '../../store/destinations.ts'
import {
  claimTransfer,
  delayTransfer,
  liveTransfers,
  parkTransfer,
  settleWanted,
} from '../../store/transfers.ts'
import { createThrottle, type Throttle } from '../../sys/throttle.ts'
import type { EngineDeps } from '../deps.ts'
import type { RunEvents } from '../events.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import type { Attempt } from './attempt.ts'
import { execute } from './execute.ts'
import { createMeter, type Meter } from './meter.ts'

/** Time until a queue that failed is looked at again. */
const RETRY_MS = 5000
/** Also looked at this often, whatever was missed. */
const LOOK_EVERY_MS = 30_000

interface Active {
  readonly stop: AbortController
  readonly meter: Meter
  readonly ended: Promise<void>
}

export interface TransferLanes {
  /** Lets transfers begin; with `only` no other than this one. */
  open(only?: number): void
  /** Never rejects. */
  pump(): Promise<void>
  close(): Promise<void>
  idle(): Promise<void>
  /** Ids of those that this process carries out. */
  active(): ReadonlySet<number>
  /** Null of one that is not under way here, or of which nothing is known yet. */
  paceOf(id: number): ReturnType<Meter['read']>
}

export function createLanes(
  deps: EngineDeps,
  given: Pick<Attempt, 'carriers' | 'verifyArchive' | 'space'> & {
    readonly events: RunEvents
    random(): number
  },
): TransferLanes {
  const { events } = given
  const active = new Map<number, Active>()
  const throttles = new Map<number, Throttle>()
  /** KiB per second by destination, as last read. */
  const rates = new Map<number, number | null>()
  let closed = true
  let chosen: number | undefined
  let timer: NodeJS.Timeout | undefined

  const pump = oneAtATime(async () => {
    clearTimeout(timer)
    if (closed) return
    try {
      const wakeAt = await look()
      const wait = wakeAt === null ? LOOK_EVERY_MS : wakeAt - deps.clock.now()
      again(Math.min(LOOK_EVERY_MS, Math.max(10, wait)))
    } catch (error) {
      // Whatever it was (a full disk, a locked database), the queue must not stand still because of it.
      deps.log.error({ err: error }, 'the queue of transfers failed')
      again(RETRY_MS)
    }
  })

  function again(afterMs: number): void {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(() => void pump(), afterMs)
  }

  /** When to look again. */
  async function look(): Promise<number | null> {
    const destinations = new Map((await listDestinations(deps.db)).map((one) => [one.id, one]))
    for (const { id, bandwidthKib } of destinations.values()) rates.set(id, bandwidthKib)
    const open = await cleared(await liveTransfers(deps.db))
    const mine = open.filter((one) => chosen === undefined || one.id === chosen || active.has(one.id))
    const choice = chooseTransfers(
      mine,
      (id) => destinations.get(id),
      new Set(active.keys()),
      deps.clock.now(),
      deps.timeZone,
    )
    for (const { id, reason } of choice.stop) active.get(id)?.stop.abort(reason)
    for (const { id, until } of choice.delay) {
      await delayTransfer(deps.db, id, until)
      events.changed(id)
    }
    for (const id of choice.start) await start(id)
    return choice.wakeAt
  }

  /** Those that nobody carries out get what is wanted of them; the others are still to be looked at. */
  async function cleared<T extends Transfer>(open: readonly T[]): Promise<readonly T[]> {
    const left: T[] = []
    for (const one of open) {
      if (active.has(one.id)) left.push(one)
      else if (one.wanted !== null) {
        await settleWanted(deps.db, one.id, deps.clock.now(), { orphan: true })
        events.changed(one.id)
      } else {
        // Its end could not be written when it came (a full disk, say).
        const back = { status: 'queued', notBefore: deps.clock.now() } as const
        if (one.status === 'running') await parkTransfer(deps.db, one.id, back)
        left.push(one.status === 'running' ? { ...one, ...back } : one)
      }
    }
    return left
  }

  async function start(id: number): Promise<void> {
    const transfer = await claimTransfer(deps.db, id, deps.clock.now())
    if (!transfer) return
    const destination = await getDestination(deps.db, transfer.destinationId)
    // It went, and its transfers with it.
    if (!destination) return
    const stop = new AbortController()
    const meter = createMeter(deps, transfer, () => events.changed(id))
    const ended = attempt(transfer, destination, stop.signal, meter).finally(() => {
      active.delete(id)
      events.changed(id)
      void pump()
    })
    active.set(id, { stop, meter, ended })
    events.changed(id)
  }

  /** Never rejects: what cannot be recorded now is found by a later look. */
  async function attempt(
    transfer: Transfer,
    destination: Destination,
    signal: AbortSignal,
    meter: Meter,
  ): Promise<void> {
    const throttle = throttleOf(destination)
    const io = {
      signal,
      progress: (done: number, sent: number) => meter.progress(done, sent),
      async throttle(bytes: number) {
        await throttle.take(bytes, signal)
        meter.moved(bytes)
      },
      say: (text: string) => deps.log.info({ transfer: transfer.id, destination: destination.name }, text),
    }
    const { carriers, verifyArchive, space } = given
    try {
      await execute(deps, { transfer, destination, carriers, verifyArchive, space, io, meter }, () =>
        given.random(),
      )
    } catch (error) {
      deps.log.error({ err: error, transfer: transfer.id }, 'the end of a transfer could not be recorded')
    }
  }

  /** One for all transfers of a destination; it follows when the limit is changed. */
  function throttleOf({ id }: Destination): Throttle {
    const rate = (): number | null => {
      const kib = rates.get(id) ?? null
      return kib === null ? null : kib * 1024
    }
    const throttle = throttles.get(id) ?? createThrottle({ now: () => performance.now() }, rate)
    throttles.set(id, throttle)
    return throttle
  }

  return {
    open(only) {
      closed = false
      chosen = only
    },
    pump,
    async close() {
      closed = true
      clearTimeout(timer)
      await pump()
      for (const one of active.values()) one.stop.abort('interrupted' satisfies TransferStop)
      await Promise.all([...active.values()].map((one) => one.ended))
      await pump()
    },
    async idle() {
      for (;;) {
        await pump()
        if (active.size === 0) return
        await Promise.race([...active.values()].map((one) => one.ended))
      }
    },
    active: () => new Set(active.keys()),
    paceOf: (id) => active.get(id)?.meter.read() ?? null,
  }
}
