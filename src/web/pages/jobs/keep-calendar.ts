// Days as a calendar of small squares, a column a week from Monday to Sunday, for "what would be kept".
import { monthKey, weekday } from '../../../domain/calendar.ts'

export interface CalendarDay {
  /** Number of the local day, 0 for 1970-01-01. */
  readonly day: number
  readonly kept: boolean
}

/** Paths of squares for `viewBox="0 0 <width> 98"`, and where each month begins. */
export interface KeepCalendar {
  readonly width: number
  readonly kept: string
  readonly gone: string
  /** Days between without any backup. */
  readonly none: string
  readonly months: readonly { readonly x: number; readonly name: string }[]
}

const pitch = 12
const square = 'h9v9h-9z'
const top = 14
const dayMs = 86_400_000

/** The calendar of some days; a day given twice is kept when one of them is. */
export function keepCalendar(days: readonly CalendarDay[], language: string): KeepCalendar {
  const states = new Map<number, boolean>()
  for (const { day, kept } of days) states.set(day, kept || (states.get(day) ?? false))
  const sorted = [...states].toSorted(([a], [b]) => a - b)
  const first = sorted[0]?.[0] ?? 0
  const last = sorted.at(-1)?.[0] ?? 0
  const monday = first - weekday(first)
  let kept = ''
  let gone = ''
  let none = ''
  for (let day = first; day <= last && sorted.length > 0; day++) {
    const since = day - monday
    const move = `M${Math.floor(since / 7) * pitch} ${(since % 7) * pitch + top}${square}`
    const isKept = states.get(day)
    if (isKept === undefined) none += move
    else if (isKept) kept += move
    else gone += move
  }
  const weeks = Math.floor((last - monday) / 7) + 1
  return { width: weeks * pitch, kept, gone, none, months: monthNames(monday, weeks, language) }
}

/** A name over the first column that begins in a month; one with too little room is left out. */
function monthNames(monday: number, weeks: number, language: string): KeepCalendar['months'] {
  const format = new Intl.DateTimeFormat(language, { month: 'short', timeZone: 'UTC' })
  const months: { x: number; name: string }[] = []
  for (let week = 0; week < weeks - 2; week++) {
    const day = monday + week * 7
    const begins = week === 0 || monthKey(day) !== monthKey(day - 7)
    const before = months.at(-1)?.x ?? -Infinity
    if (begins && week * pitch - before >= 3 * pitch) {
      months.push({ x: week * pitch, name: format.format(day * dayMs) })
    }
  }
  return months
}
