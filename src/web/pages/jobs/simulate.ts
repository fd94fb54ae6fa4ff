// What a schedule and a policy lead to after some months: a made-up history, judged by the real retention plan.
import { calendarOf } from '../../../domain/calendar.ts'
import type { RetentionPolicy } from '../../../domain/retention-policy.ts'
import { planRetention } from '../../../domain/retention.ts'
import type { Schedule } from '../../../domain/schedule.ts'
import type { CalendarDay } from './keep-calendar.ts'

/** At most so many imagined backups: an hourly job for three months. */
const mostTicks = 2400
const dayMs = 86_400_000

export interface Simulated {
  readonly days: readonly CalendarDay[]
  readonly kept: number
  readonly made: number
  /** The first imagined backup that would still be there, and the last one; epoch milliseconds. */
  readonly oldestKept: number
  readonly end: number
}

/** Null when the schedule never fires. `now` is epoch milliseconds. */
export function simulate(
  schedule: Schedule,
  policy: RetentionPolicy,
  now: number,
  timeZone: string,
): Simulated | null {
  const ticks = ticksOf(schedule, policy, now)
  const end = ticks.at(-1)
  if (end === undefined) return null
  const archives = ticks.map((createdAt, i) => ({
    name: String(i),
    createdAt,
    sizeBytes: 0,
    state: 'ok' as const,
    pinned: false,
    inUse: false,
  }))
  const plan = planRetention(archives, policy, end, timeZone)
  const keep = new Set(plan.keep.map((one) => one.name))
  const kept = archives.filter((one) => keep.has(one.name))
  const calendar = calendarOf(timeZone)
  return {
    days: archives.map((one) => ({ day: calendar.day(one.createdAt), kept: keep.has(one.name) })),
    kept: kept.length,
    made: archives.length,
    oldestKept: kept[0]?.createdAt ?? end,
    end,
  }
}

/** Ticks from now on, for as long as the policy remembers and a little longer. */
function ticksOf(schedule: Schedule, policy: RetentionPolicy, now: number): readonly number[] {
  const few = schedule.nextRuns(now, 8)
  const last = few.at(-1)
  if (few.length < 8 || last === undefined) return few
  const gap = (last - now) / few.length
  const horizon = Math.min(Math.max(daysOf(policy, gap), 42), 740) * dayMs
  const count = Math.min(Math.ceil(horizon / gap) + 1, mostTicks)
  return schedule.nextRuns(now, count).filter((tick) => tick <= now + horizon)
}

function daysOf(policy: RetentionPolicy, gap: number): number {
  switch (policy.mode) {
    case 'count':
      return (policy.count * 1.5 * gap) / dayMs
    case 'daily':
      return policy.days + 14
    case 'gfs':
      return Math.max(policy.daily, policy.weekly * 7, policy.monthly * 31, policy.yearly * 366) + 28
  }
}
