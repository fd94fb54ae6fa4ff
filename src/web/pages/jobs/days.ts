// A day in words, where the time of day would only be noise.

/** e.g. `8 May 2026`. */
export function dayInWords(at: number, language: string, timeZone: string): string {
  return new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone,
  }).format(at)
}
