// Sizes as people write and read them, in binary units.

const letters = ['', 'K', 'M', 'G', 'T', 'P'] as const
const numbers = new Map<string, Intl.NumberFormat>()

/**
 * A size with its unit and a non-breaking space: `1.5 GiB`, in French `1,5 Gio`.
 * One decimal below 100, none above and for plain bytes.
 */
export function formatBytes(bytes: number, language: string): string {
  let value = bytes
  let unit = 0
  // 1,023.95 of a unit would be written as 1,024: that is 1 of the next.
  while (Math.abs(value) >= 1023.5 && unit < letters.length - 1) {
    value /= 1024
    unit += 1
  }
  const decimals = unit > 0 && Math.abs(value) < 99.95 ? 1 : 0
  const octet = language.startsWith('fr') ? 'o' : 'B'
  const suffix = unit === 0 ? octet : `${letters[unit]}i${octet}`
  return `${numberFormat(language, decimals).format(value)}\u00a0${suffix}`
}

/**
 * Bytes of a text such as `50GiB`, `1.5 Gio`, `20 GB`, `4096`; null when it is no size.
 * Units with an `i`, and single letters, count by 1024; `kB`, `MB`, `Mo` by 1000.
 */
export function parseBytes(text: string): number | null {
  const match = /^\s*(\d{1,16}(?:[.,]\d{1,9})?)\s*(?:([KMGTP])(i)?([BO])?|[BO])?\s*$/i.exec(text)
  if (match === null) return null
  const [, number = '', letter, binary, octet] = match
  if (binary !== undefined && octet === undefined) return null
  const power = letter === undefined ? 0 : 'KMGTP'.indexOf(letter.toUpperCase()) + 1
  const base = octet !== undefined && binary === undefined ? 1000 : 1024
  const bytes = Math.round(Number(number.replace(',', '.')) * base ** power)
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** The shortest text that {@link parseBytes} reads back to exactly this number: `50GiB`, `1000`. */
export function exactBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value > 0 && value % 1024 === 0 && unit < letters.length - 1) {
    value /= 1024
    unit += 1
  }
  return unit === 0 ? String(bytes) : `${value}${letters[unit]}iB`
}

function numberFormat(language: string, decimals: number): Intl.NumberFormat {
  const key = `${language} ${decimals}`
  const known = numbers.get(key)
  if (known !== undefined) return known
  const made = new Intl.NumberFormat(language, { maximumFractionDigits: decimals, useGrouping: false })
  numbers.set(key, made)
  return made
}
