import { expect, test } from 'vitest'
import { formatDuration, relativeTime } from './duration.ts'

const spaces = (text: string) => text.replaceAll('\u00a0', ' ')

test.each([
  [0, '0 s', '0 s'],
  [-5, '0 s', '0 s'],
  [440, '0.4 s', '0,4 s'],
  [9940, '9.9 s', '9,9 s'],
  [9990, '10 s', '10 s'],
  [59_400, '59 s', '59 s'],
  [59_600, '1 min', '1 min'],
  [312_000, '5 min 12 s', '5 min 12 s'],
  [3_600_000, '1 h', '1 h'],
  [7_500_000, '2 h 5 min', '2 h 5 min'],
  [86_399_900, '1 d', '1 j'],
  [273_600_000, '3 d 4 h', '3 j 4 h'],
])('%i ms last %s, in French %s', (ms, english, french) => {
  expect(spaces(formatDuration(ms, 'en'))).toBe(english)
  expect(spaces(formatDuration(ms, 'fr'))).toBe(french)
})

const now = Date.parse('2026-05-08T03:00:00Z')
const hour = 3_600_000
test.each([
  [0, 'just now', 'à l’instant'],
  [-59_000, 'just now', 'à l’instant'],
  [59_000, 'in a moment', 'dans un instant'],
  [-119_000, '1 minute ago', 'il y a 1 minute'],
  [5 * 60_000, 'in 5 minutes', 'dans 5 minutes'],
  [-3 * hour, '3 hours ago', 'il y a 3 heures'],
  [-30 * hour, '1 day ago', 'il y a 1 jour'],
  [-59 * 24 * hour, '59 days ago', 'il y a 59 jours'],
  [-75 * 24 * hour, '2 months ago', 'il y a 2 mois'],
  [-800 * 24 * hour, '2 years ago', 'il y a 2 ans'],
])('%i ms from now is %s, in French %s', (distance, english, french) => {
  expect(spaces(relativeTime(now + distance, now, 'en'))).toBe(english)
  expect(spaces(relativeTime(now + distance, now, 'fr'))).toBe(french)
})
