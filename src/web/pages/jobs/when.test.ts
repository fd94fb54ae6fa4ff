import { expect, test } from 'vitest'
import fc from 'fast-check'
import { parseCron } from '../../../domain/schedule.ts'
import { translator } from '../../i18n.ts'
import { cronOf, usualWhen, whenInWords, whenOf, type When } from './when.ts'

const t = translator('en')

test.each([
  ['0 3 * * *', 'every day at 03:00'],
  ['@daily', 'every day at 00:00'],
  ['15 * * * *', 'every hour at minute 15'],
  ['@hourly', 'every hour at minute 00'],
  ['30 4 * * 1', 'every Monday at 04:30'],
  ['0 0 * * 7', 'every Sunday at 00:00'],
  ['5 6 17 * *', 'on day 17 of every month at 06:05'],
  ['*/5 3 * * *', 'by the expression */5 3 * * *'],
  ['0 3 1 1 *', 'by the expression 0 3 1 1 *'],
  ['0 3 1 * 1', 'by the expression 0 3 1 * 1'],
  ['0 25 * * *', 'by the expression 0 25 * * *'],
])('%s is %s', (expr, words) => {
  expect(whenInWords(expr, t)).toBe(words)
})

test('French says it in French', () => {
  expect(whenInWords('30 4 * * 1', translator('fr'))).toBe('chaque lundi à 04:30')
})

const choice: fc.Arbitrary<When> = fc.record({
  preset: fc.constantFrom('hourly', 'daily', 'weekly', 'monthly'),
  minute: fc.integer({ min: 0, max: 59 }),
  time: fc
    .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
    .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`),
  weekday: fc.integer({ min: 0, max: 6 }),
  day: fc.integer({ min: 1, max: 31 }),
  expr: fc.constant(''),
})

test('every choice becomes an expression that cron takes and that reads back as the same choice', () => {
  fc.assert(
    fc.property(choice, (when) => {
      const expr = cronOf(when)
      expect(parseCron(expr, 'Europe/Paris').ok).toBe(true)
      expect(whenOf(expr).preset).toBe(when.preset)
      expect(cronOf(whenOf(expr))).toBe(expr)
    }),
  )
})

test('an expression that no preset covers is kept as it was typed', () => {
  expect(cronOf(whenOf('*/10 1-5 * * *'))).toBe('*/10 1-5 * * *')
  expect(cronOf({ ...usualWhen, preset: 'custom', expr: ' 1 2 3 4 5 ' })).toBe('1 2 3 4 5')
})
