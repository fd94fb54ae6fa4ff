// Which queued runs may start now: one lane for everything that takes YunoHost's lock, one for the rest.
import type { Run } from '../domain/run.ts'
import type { Lane } from '../sources/source.ts'

export interface LaneState {
  readonly capacity: Readonly<Record<Lane, number>>
  readonly active: Readonly<Record<Lane, number>>
}

/** A queued run that may not start yet, and why; the queue page shows it. */
export interface Waiting {
  readonly run: Run
  readonly lane: Lane
  readonly because: 'lane_full' | 'not_before'
}

/** Pure: first come, first served within a lane. `queued` is oldest first; `laneOf` says where a run belongs. */
export function chooseRuns(
  queued: readonly Run[],
  laneOf: (run: Run) => Lane,
  lanes: LaneState,
  now: number,
): { readonly start: readonly Run[]; readonly waiting: readonly Waiting[]; readonly wakeAt: number | null } {
  const free: Record<Lane, number> = {
    yunohost: lanes.capacity.yunohost - lanes.active.yunohost,
    general: lanes.capacity.general - lanes.active.general,
  }
  const start: Run[] = []
  const waiting: Waiting[] = []
  let wakeAt: number | null = null
  for (const run of queued) {
    const lane = laneOf(run)
    if (run.notBefore > now) {
      waiting.push({ run, lane, because: 'not_before' })
      wakeAt = wakeAt === null ? run.notBefore : Math.min(wakeAt, run.notBefore)
    } else if (free[lane] > 0) {
      free[lane] -= 1
      start.push(run)
    } else {
      waiting.push({ run, lane, because: 'lane_full' })
    }
  }
  return { start, waiting, wakeAt }
}
