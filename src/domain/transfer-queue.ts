// Which transfers may begin now and which must stop. Every destination has its own lane: none waits for another's. Pure.
import type { Destination, Transfer } from './transfer.ts'
import { windowState } from './transfer-window.ts'

/** Why a transfer that is under way is told to stop: the reason of its signal. `interrupted`: this program ends. */
export type TransferStop = 'paused' | 'cancelled' | 'window' | 'disabled' | 'interrupted'

/**
 * No pause of a transfer, for its hours or after a failure, is longer than a day, which has 25 hours when clocks are put back: a time
 * further ahead was written when the clock was wrong, and counts as come.
 */
export const pauseTooLongMs = 26 * 3_600_000

export type QueuedTransfer = Pick<
  Transfer,
  'id' | 'direction' | 'destinationId' | 'status' | 'trigger' | 'notBefore' | 'wanted'
>
export type LaneRules = Pick<Destination, 'enabled' | 'window'>

export interface TransferChoice {
  readonly start: readonly number[]
  readonly stop: readonly { readonly id: number; readonly reason: TransferStop }[]
  /** Their hours come then. */
  readonly delay: readonly { readonly id: number; readonly until: number }[]
  /** When to look again, epoch ms. */
  readonly wakeAt: number | null
}

/**
 * `open`: queued, waiting and running ones, oldest first; `active`: ids of those that this process carries out. One per
 * destination at a time, first come, first served, and one more that a restore waits for: that one also disregards the hours.
 * A destination that is switched off gets nothing, but what lies there can still be fetched.
 */
export function chooseTransfers(
  open: readonly QueuedTransfer[],
  rulesOf: (destinationId: number) => LaneRules | undefined,
  active: ReadonlySet<number>,
  now: number,
  timeZone: string,
): TransferChoice {
  const start: number[] = []
  const stop: { id: number; reason: TransferStop }[] = []
  const delay: { id: number; until: number }[] = []
  const wakes: number[] = []
  const busy = new Set(open.filter((one) => active.has(one.id)).map(laneOf))
  for (const one of open) {
    const rules = rulesOf(one.destinationId)
    if (rules === undefined) continue
    const hours = windowState(one.trigger === 'restore' ? null : rules.window, now, timeZone)
    const off = !rules.enabled && one.direction === 'send'
    if (active.has(one.id)) {
      if (one.wanted !== null)
        stop.push({ id: one.id, reason: one.wanted === 'pause' ? 'paused' : 'cancelled' })
      else if (off) stop.push({ id: one.id, reason: 'disabled' })
      else if (!hours.open) stop.push({ id: one.id, reason: 'window' })
      else if (hours.changesAt !== null) wakes.push(hours.changesAt)
    } else if (one.status === 'running' || one.wanted !== null || off) {
      continue
    } else if (one.notBefore > now && one.notBefore <= now + pauseTooLongMs) {
      wakes.push(one.notBefore)
    } else if (!hours.open) {
      const until = hours.changesAt ?? now + 3_600_000
      delay.push({ id: one.id, until })
      wakes.push(until)
    } else if (!busy.has(laneOf(one))) {
      busy.add(laneOf(one))
      start.push(one.id)
      if (hours.changesAt !== null) wakes.push(hours.changesAt)
    }
  }
  return { start, stop, delay, wakeAt: wakes.length === 0 ? null : Math.min(...wakes) }
}

function laneOf(one: QueuedTransfer): string {
  return `${one.destinationId} ${one.trigger === 'restore' ? 'restore' : ''}`
}
