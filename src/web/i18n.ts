// The language of a page and the words, times and sizes written in it.
import { formatBytes } from '../domain/bytes.ts'
import { formatDuration, relativeTime } from '../domain/duration.ts'
import { format, type Message } from '../domain/i18n.ts'
import type { Facts } from '../domain/problem.ts'
import { en, type MessageKey } from '../../locales/en.ts'
import { fr } from '../../locales/fr.ts'

export const languages = ['en', 'fr'] as const
export type Language = (typeof languages)[number]
const dictionaries: Readonly<Record<Language, Readonly<Record<MessageKey, Message>>>> = {
  en,
  fr: unbroken(fr),
}

/** The text of a key in the page's language; numbers among the facts are written as they are. */
export type T = (key: MessageKey, facts?: Facts) => string

/** True for a language that has a dictionary. */
export function isLanguage(value: string | undefined): value is Language {
  return value === 'en' || value === 'fr'
}

/** True for a key of the dictionaries: for keys made from stored words, such as an action's or a type's name. */
export function isMessageKey(key: string): key is MessageKey {
  return Object.hasOwn(en, key)
}

/** French puts spaces inside quotation marks and before high punctuation; no line may end there. */
function unbroken(messages: Readonly<Record<MessageKey, Message>>): Readonly<Record<MessageKey, Message>> {
  const glue = (text: string) =>
    text
      .replaceAll('« ', '«\u00a0')
      .replaceAll(/ (?=[»:%])/g, '\u00a0')
      .replaceAll(/ (?=[;?!])/g, '\u202f')
  const glued = { ...messages }
  for (const key of Object.keys(messages).filter(isMessageKey)) {
    const message = messages[key]
    glued[key] =
      typeof message === 'string' ? glue(message) : { one: glue(message.one), other: glue(message.other) }
  }
  return glued
}

/** The translator of a language. */
export function translator(language: Language): T {
  return (key, facts = {}) => format(dictionaries[language][key], facts, language)
}

/** The language a browser asks for: the cookie's choice, else the best `Accept-Language`, else English. */
export function chooseLanguage(cookie: string | undefined, acceptLanguage: string | undefined): Language {
  if (isLanguage(cookie)) return cookie
  const wanted = (acceptLanguage ?? '')
    .split(',')
    .map((part) => {
      const [tag = '', ...rest] = part.trim().toLowerCase().split(';')
      const q = rest.map((r) => /^\s*q=([0-9.]+)\s*$/.exec(r)?.[1]).find((v) => v !== undefined)
      return { language: tag.split('-')[0] ?? '', q: q === undefined ? 1 : Number(q) }
    })
    .filter(({ q }) => q > 0)
    .toSorted((a, b) => b.q - a.q)
  for (const { language } of wanted) if (isLanguage(language)) return language
  return 'en'
}

/** A moment for `partials/time`: short for the eye, exact on hover and for screen readers. */
export interface Moment {
  readonly iso: string
  readonly exact: string
  readonly relative: string
}

/** How a page writes times, sizes and numbers. Times are epoch milliseconds. */
export interface Formats {
  readonly timeZone: string
  moment(ms: number): Moment
  /** Exact date and time in the instance's zone, with the zone. */
  exact(ms: number): string
  size(bytes: number): string
  duration(ms: number): string
  number(n: number): string
}

/** The formats of one request; `now` is the moment that relative times count from. */
export function formats(language: Language, timeZone: string, now: number): Formats {
  const exactly = exactFormat(language, timeZone)
  const numbers = numberFormat(language)
  const exact = (ms: number) => exactly.format(ms)
  return {
    timeZone,
    exact,
    moment: (ms) => ({
      iso: new Date(ms).toISOString(),
      exact: exact(ms),
      relative: relativeTime(ms, now, language),
    }),
    size: (bytes) => formatBytes(bytes, language),
    duration: (ms) => formatDuration(ms, language),
    number: (n) => numbers.format(n),
  }
}

// Intl objects are dear to make (0.1 ms and more) and never change: one for each language and zone.
const made = new Map<string, Intl.DateTimeFormat | Intl.NumberFormat>()

function exactFormat(language: Language, timeZone: string): Intl.DateTimeFormat {
  const key = `${language} ${timeZone}`
  const known = made.get(key)
  if (known instanceof Intl.DateTimeFormat) return known
  const format = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : 'fr-FR', {
    dateStyle: 'full',
    timeStyle: 'long',
    timeZone,
  })
  made.set(key, format)
  return format
}

function numberFormat(language: Language): Intl.NumberFormat {
  const known = made.get(language)
  if (known instanceof Intl.NumberFormat) return known
  const format = new Intl.NumberFormat(language)
  made.set(language, format)
  return format
}
