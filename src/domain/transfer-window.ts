// Hours in which transfers may run, by the clock on the wall, whatever daylight saving does to it. Pure.
import { calendarOf } from './calendar.ts'
import type { TransferWindow } from './transfer.ts'

const minuteMs = 60_000
const dayMinutes = 1440
/** A window may last until the same hour of tomorrow, and a day may have 25 hours (or, rarely, 48). */
const farthestMinutes = 3 * dayMinutes

/** Whether transfers may run at an instant, and when that changes (epoch ms); null: never. */
export interface WindowState {
  readonly open: boolean
  readonly changesAt: number | null
}

/** No window, or one that ends where it begins: always open. */
export function windowState(window: TransferWindow | null, now: number, timeZone: string): WindowState {
  if (window === null || window.fromMinute === window.toMinute) return { open: true, changesAt: null }
  const { offset } = calendarOf(timeZone)
  const minute = Math.floor(now / minuteMs) * minuteMs
  const localMinute = (at: number) => mod(Math.floor((at + offset(at)) / minuteMs), dayMinutes)
  const openAt = (at: number) => contains(window, localMinute(at))
  const open = openAt(now)
  const boundary = open ? window.toMinute : window.fromMinute
  const direct = minute + (mod(boundary - localMinute(now) - 1, dayMinutes) + 1) * minuteMs
  // Without a change of the clocks in between it is plain addition.
  if (offset(direct) === offset(now)) return { open, changesAt: direct }
  for (let step = 1; step <= farthestMinutes; step += 1) {
    const at = minute + step * minuteMs
    if (openAt(at) !== open) return { open, changesAt: at }
  }
  return { open, changesAt: null }
}

function contains({ fromMinute, toMinute }: TransferWindow, minute: number): boolean {
  return fromMinute < toMinute
    ? minute >= fromMinute && minute < toMinute
    : minute >= fromMinute || minute < toMinute
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by
}

/** `22:00-06:00` as a window, null when it is none. */
export function parseWindow(text: string): TransferWindow | null {
  const found = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(text.trim())
  if (!found) return null
  const [fromHour = 0, from = 0, toHour = 0, to = 0] = found.slice(1).map(Number)
  const day = (hour: number, minute: number) => (hour === 24 && minute === 0 ? 0 : hour * 60 + minute)
  if (from > 59 || to > 59 || fromHour > 23 || toHour * 60 + to > dayMinutes) return null
  return { fromMinute: fromHour * 60 + from, toMinute: day(toHour, to) }
}

/** The form that {@link parseWindow} reads. */
export function formatWindow({ fromMinute, toMinute }: TransferWindow): string {
  const clock = (minute: number) =>
    `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
  return `${clock(fromMinute)}-${clock(toMinute)}`
}
