// Days, weeks, months and years of an instant in an IANA time zone, fast enough for 100,000 archives.
// A local day is a day number (0 = 1970-01-01), so that day arithmetic is plain addition, whatever the clocks do.

const dayMs = 86_400_000

/** One UTC day of a zone: the offset is `before` until `at`, then `after` (milliseconds east of UTC). */
interface OffsetDay {
  readonly before: number
  readonly at: number
  readonly after: number
}

/** Tells local days of one zone. Made once per zone by {@link calendarOf}. */
export interface Calendar {
  /** Local time minus UTC at that instant, in milliseconds. */
  readonly offset: (ms: number) => number
  /** Number of the local day that holds the instant. */
  readonly day: (ms: number) => number
}

const calendars = new Map<string, Calendar>()

/** The calendar of a zone, remembered. A `RangeError` for an unknown zone. */
export function calendarOf(timeZone: string): Calendar {
  const known = calendars.get(timeZone)
  if (known !== undefined) return known
  const made = makeCalendar(timeZone)
  calendars.set(timeZone, made)
  return made
}

/** True when the name is a time zone that this machine knows. */
export function isTimeZone(timeZone: string): boolean {
  try {
    calendarOf(timeZone)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** `20260508`: the local day of an instant, as archive names have it. */
export function localDay(ms: number, timeZone: string): string {
  return dayKey(calendarOf(timeZone).day(ms)).replaceAll('-', '')
}

/** `2026-05-08`. */
export function dayKey(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, -14)
}

/** ISO week, `2026-W19`: weeks begin on Monday and belong to the year that holds their Thursday. */
export function weekKey(day: number): string {
  const thursday = day - weekday(day) + 3
  const year = new Date(thursday * dayMs).getUTCFullYear()
  const week = Math.floor((thursday - Date.UTC(year, 0, 1) / dayMs) / 7) + 1
  return `${year}-W${twoDigits(week)}`
}

/** `2026-05`. */
export function monthKey(day: number): string {
  return dayKey(day).slice(0, -3)
}

/** `2026`. */
export function yearKey(day: number): string {
  return dayKey(day).slice(0, -6)
}

/** 0 for Monday to 6 for Sunday. */
export function weekday(day: number): number {
  return (((day + 3) % 7) + 7) % 7
}

function twoDigits(n: number): string {
  return String(n).padStart(2, '0')
}

function makeCalendar(timeZone: string): Calendar {
  const formatter = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  const days = new Map<number, OffsetDay>()
  const ask = (ms: number) => {
    const whole = Math.floor(ms / 1000) * 1000
    // "05/08/2026, 03:00:00": reading the numbers is three times as fast as formatToParts.
    const [month, day, year, hour, minute, second] = formatter
      .format(whole)
      .split(/[/, :]+/)
      .map(Number)
    return (
      Date.UTC(year ?? NaN, (month ?? NaN) - 1, day ?? NaN, hour ?? NaN, minute ?? NaN, second ?? NaN) - whole
    )
  }
  // The two closest changes in the whole time zone database are four days apart, so both ends of a day tell
  // whether the offset changes within it; then the moment is found to the second.
  const learn = (utcDay: number): OffsetDay => {
    const start = utcDay * dayMs
    const before = days.get(utcDay - 1)?.after ?? ask(start - 1000)
    const after = days.get(utcDay + 1)?.before ?? ask(start + dayMs - 1000)
    if (before === after) return { before, at: start, after }
    let [low, high] = [start - 1000, start + dayMs - 1000]
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000
      if (ask(middle) === before) low = middle
      else high = middle
    }
    return { before, at: high, after }
  }
  const offset = (ms: number) => {
    const utcDay = Math.floor(ms / dayMs)
    let known = days.get(utcDay)
    if (known === undefined) {
      known = learn(utcDay)
      days.set(utcDay, known)
    }
    return ms < known.at ? known.before : known.after
  }
  return { offset, day: (ms) => Math.floor((ms + offset(ms)) / dayMs) }
}
