// Lengths of time and distances from now, as people read them.

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const month = 30 * day
const year = 365 * day

/** The two largest units: `2 h 5 min`, `3 d 4 h` (French: `3 j 4 h`), `12 s`; tenths below ten seconds. */
export function formatDuration(ms: number, language: string): string {
  const length = Math.max(0, ms)
  if (length < 9.95 * second) {
    const tenths = Math.round(length / 100) / 10
    return `${tenths.toLocaleString(language, { maximumFractionDigits: 1 })}\u00a0s`
  }
  const seconds = Math.round(length / second)
  const [d, h, m, s] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ]
  const dayUnit = language.startsWith('fr') ? 'j' : 'd'
  if (d > 0) return join(d, dayUnit, h, 'h')
  if (h > 0) return join(h, 'h', m, 'min')
  return m > 0 ? join(m, 'min', s, 's') : `${s}\u00a0s`
}

/** `3 hours ago`, `in 5 minutes`, `just now`, `in a moment`; whole units, rounded towards now. */
export function relativeTime(ms: number, now: number, language: string): string {
  const distance = ms - now
  const size = Math.abs(distance)
  const tell = relativeFormat(language)
  const whole = (unit: number) => Math.trunc(distance / unit)
  if (size < minute) return words(language)[distance > 0 ? 'soon' : 'justNow']
  if (size < hour) return tell.format(whole(minute), 'minute')
  if (size < day) return tell.format(whole(hour), 'hour')
  if (size < 2 * month) return tell.format(whole(day), 'day')
  if (size < year) return tell.format(whole(month), 'month')
  return tell.format(whole(year), 'year')
}

function join(big: number, bigUnit: string, small: number, smallUnit: string): string {
  const first = `${big}\u00a0${bigUnit}`
  return small === 0 ? first : `${first} ${small}\u00a0${smallUnit}`
}

const formats = new Map<string, Intl.RelativeTimeFormat>()

function relativeFormat(language: string): Intl.RelativeTimeFormat {
  const known = formats.get(language)
  if (known !== undefined) return known
  // "yesterday" would be wrong for what is 30 hours away: always numbers.
  const made = new Intl.RelativeTimeFormat(language, { numeric: 'always' })
  formats.set(language, made)
  return made
}

/** Less than a minute away: "0 minutes ago" is no way to say it, and "now" is wrong for what has ended. */
function words(language: string): { readonly justNow: string; readonly soon: string } {
  return language.startsWith('fr')
    ? { justNow: 'à l’instant', soon: 'dans un instant' }
    : { justNow: 'just now', soon: 'in a moment' }
}
