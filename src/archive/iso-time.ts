// A moment as people in a time zone write it, with the offset that was valid there.

/**
 * ISO 8601 with offset, to the second: `2026-05-08T03:00:00+02:00`.
 * Throws a RangeError for an unknown zone or an impossible time.
 */
export function isoInZone(epochMs: number, timeZone: string): string {
  const offset = offsetMinutes(epochMs, timeZone)
  const local = new Date(Math.floor(epochMs / 1000) * 1000 + offset * 60_000).toISOString().slice(0, 19)
  const sign = offset < 0 ? '-' : '+'
  const [hours, minutes] = [Math.trunc(Math.abs(offset) / 60), Math.abs(offset) % 60]
  return `${local}${sign}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`
}

function offsetMinutes(epochMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' }).formatToParts(epochMs)
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? ''
  const found = /GMT([+-])(\d\d):(\d\d)/.exec(name)
  if (!found) return 0
  return (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3]))
}
