// A moment as people in a time zone write it, with the offset that was valid there.

const formatters = new Map<string, Intl.DateTimeFormat>()

// Asking Intl takes 20 µs, and answers of the API are full of times. Offsets change on a quarter of an hour.
const quarter = 900_000
const known = new Map<string, number>()
const mostKnown = 10_000

/**
 * ISO 8601 with offset: `2026-05-08T03:00:00+02:00`, with `milliseconds` `2026-05-08T03:00:00.123+02:00`.
 * Throws a RangeError for an unknown zone or an impossible time.
 */
export function localIso(ms: number, timeZone: string, options: { milliseconds?: boolean } = {}): string {
  const offset = knownOffset(ms, timeZone)
  const local = new Date(Math.floor(ms) + offset * 60_000).toISOString()
  const sign = offset < 0 ? '-' : '+'
  const hours = Math.trunc(Math.abs(offset) / 60)
  const minutes = Math.abs(offset) % 60
  return `${local.slice(0, options.milliseconds ? 23 : 19)}${sign}${two(hours)}:${two(minutes)}`
}

function knownOffset(ms: number, timeZone: string): number {
  const key = `${timeZone} ${Math.floor(ms / quarter)}`
  const found = known.get(key)
  if (found !== undefined) return found
  const offset = offsetMinutes(ms, timeZone)
  if (known.size >= mostKnown) known.clear()
  known.set(key, offset)
  return offset
}

function offsetMinutes(ms: number, timeZone: string): number {
  let formatter = formatters.get(timeZone)
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
    formatters.set(timeZone, formatter)
  }
  const name = formatter.formatToParts(ms).find((part) => part.type === 'timeZoneName')?.value ?? ''
  const found = /GMT([+-])(\d\d):(\d\d)/.exec(name)
  if (!found) return 0
  return (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3]))
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
