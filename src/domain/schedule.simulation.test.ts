// Ten years of a scheduler's life in many zones, with the server off at times and the clock set wrong.
import { expect, test } from 'vitest'
import { calendarOf, dayKey } from './calendar.ts'
import { planTicks, type ScheduledJob, type Tick } from './schedule.ts'

const hour = 3_600_000
const day = 24 * hour
// 2010 to 2020 holds the oddest changes: Samoa's lost day, Caracas and Pyongyang by half an hour, Egypt four times a
// year, Morocco pausing for Ramadan, Newfoundland at 00:01.
const start = Date.parse('2010-01-01T00:00:00Z')
const end = Date.parse('2020-01-01T00:00:00Z')
const zones = [
  'UTC',
  'Africa/Cairo',
  'Africa/Casablanca',
  'Africa/Juba',
  'Africa/Tripoli',
  'Africa/Windhoek',
  'America/Asuncion',
  'America/Caracas',
  'America/Havana',
  'America/Los_Angeles',
  'America/Mexico_City',
  'America/Miquelon',
  'America/New_York',
  'America/Santiago',
  'America/Sao_Paulo',
  'America/Scoresbysund',
  'America/St_Johns',
  'Antarctica/Casey',
  'Antarctica/Troll',
  'Asia/Amman',
  'Asia/Beirut',
  'Asia/Gaza',
  'Asia/Kathmandu',
  'Asia/Pyongyang',
  'Asia/Tehran',
  'Atlantic/Azores',
  'Australia/Lord_Howe',
  'Australia/Sydney',
  'Europe/Istanbul',
  'Europe/Moscow',
  'Europe/Paris',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Pacific/Fiji',
]
const options = { lateAfterMs: 60_000, spreadMs: 300_000 }

/** Numbers from 0 to 1, the same for the same seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

interface Life {
  readonly ticks: readonly (Tick & { readonly at: number })[]
  /** The last moment looked at. */
  readonly until: number
}

/** What a scheduler that stores its jobs' next ticks does; `disturb` moves the clock before each look. */
function live(
  job: Omit<ScheduledJob, 'nextRunAt'>,
  zone: string,
  disturb: (now: number, due: number, latest: number) => number,
): Life {
  const ticks: (Tick & { at: number })[] = []
  let nextRunAt: number | null = null
  let now = start
  let latest = now
  while (now < end) {
    const plan = planTicks([{ ...job, nextRunAt }], now, zone, options)
    ticks.push(...plan.ticks.map((tick) => ({ ...tick, at: now })))
    for (const one of plan.next) nextRunAt = one.nextRunAt
    latest = Math.max(latest, now)
    now = disturb(now, nextRunAt ?? end, latest)
  }
  return { ticks, until: latest }
}

/** Local days from the day of one instant to the day of another that exist in the zone. */
function daysBetween(from: number, to: number, zone: string): string[] {
  const { day: dayOf } = calendarOf(zone)
  const found = new Set<number>()
  // Every local day lasts longer than twelve hours.
  for (let ms = from; ms < to; ms += 12 * hour) found.add(dayOf(ms))
  found.add(dayOf(to))
  return [...found].toSorted((a, b) => a - b).map(dayKey)
}

test.each(zones)(
  'a nightly job in %s runs once on every local day there is when the server is never off',
  (zone) => {
    const job = { id: 1, uid: zone, cronExpr: '30 2 * * *', enabled: true }
    // Looks twice: shortly before the tick and shortly after, as timers do.
    const { ticks } = live(job, zone, (now, due) => (now < due - 1000 ? due - 1000 : due + 700))
    const calendar = calendarOf(zone)
    const [first = NaN, last = NaN] = [ticks[0]?.dueAt, ticks.at(-1)?.dueAt]
    expect(ticks.map((tick) => dayKey(calendar.day(tick.dueAt)))).toEqual(daysBetween(first, last, zone))
    expect(first - start).toBeLessThan(day)
    expect(end - last).toBeLessThan(day + 4 * hour)
    expect(ticks.filter((tick) => tick.trigger !== 'schedule' || tick.at - tick.dueAt !== 700)).toEqual([])
  },
)

test.each(zones)(
  'in %s, with downtime and a wrong clock, no slot runs twice and every slot runs or is caught up',
  (zone) => {
    const chance = random(zone.length * 7919)
    const job = { id: 1, uid: zone, cronExpr: '30 2 * * *', enabled: true }
    const { ticks, until } = live(job, zone, (now, due, latest) => {
      const kind = chance()
      // Off for up to three weeks; the clock goes back, by twenty hours at most; a look at any time; the tick itself.
      if (kind < 0.1) return now + chance() * 21 * day
      if (kind < 0.25) return latest - chance() * 20 * hour
      if (kind < 0.4) return now + chance() * 12 * hour
      return Math.max(now, due) + chance() * 2000
    })
    const calendar = calendarOf(zone)
    // One local day is one slot: none twice, and always forward.
    const days = ticks.map((tick) => calendar.day(tick.dueAt))
    expect(days.filter((one, n) => one <= (days[n - 1] ?? -Infinity))).toEqual([])
    // Covered: between the slot of a tick and its moment is nothing but the rest of one day.
    expect(ticks.filter((tick) => tick.at < tick.dueAt || tick.at - tick.dueAt > 28 * hour)).toEqual([])
    expect(until - (ticks.at(-1)?.dueAt ?? NaN)).toBeLessThan(28 * hour)
    const wrong = ticks.filter((tick) => (tick.trigger === 'catch_up') !== tick.at - tick.dueAt > 60_000)
    expect(wrong).toEqual([])
    const waits = ticks.map((tick) => tick.notBefore - tick.at)
    expect(waits.filter((wait) => wait < 0 || wait > 300_000)).toEqual([])
    expect(ticks.filter((tick) => tick.trigger === 'catch_up').length).toBeGreaterThan(50)
  },
)
