// Days and minutes in words, where seconds would only be noise.

// Dear to make and never changing: one for each language, zone and shape.
const made = new Map<string, Intl.DateTimeFormat>()

const shapes = {
  day: { day: 'numeric', month: 'long', year: 'numeric' },
  minute: { weekday: 'long', day: 'numeric', month: 'long', hour: '2-digit', minute: '2-digit' },
  year: { year: 'numeric' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>

/** e.g. `8 May 2026`. */
export function dayInWords(at: number, language: string, timeZone: string): string {
  return formatOf('day', language, timeZone).format(at)
}

/** e.g. `Sunday 22 November at 03:00`; a day of another year than that of `now` is said with its year. */
export function minuteInWords(at: number, now: number, language: string, timeZone: string): string {
  const years = formatOf('year', language, timeZone)
  const minute = formatOf('minute', language, timeZone).format(at)
  return years.format(at) === years.format(now) ? minute : `${minute} (${years.format(at)})`
}

function formatOf(shape: keyof typeof shapes, language: string, timeZone: string): Intl.DateTimeFormat {
  const key = `${shape} ${language} ${timeZone}`
  const known = made.get(key)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    ...shapes[shape],
    timeZone,
  })
  made.set(key, format)
  return format
}
