import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { calendarOf, dayKey, isTimeZone, localDay, monthKey, weekday, weekKey, yearKey } from './calendar.ts'

const zones = [
  'UTC',
  'Europe/Paris',
  'Australia/Lord_Howe',
  'Antarctica/Troll',
  'Pacific/Apia',
  'America/St_Johns',
  'Asia/Kathmandu',
  'Africa/Casablanca',
  'Pacific/Kiritimati',
  'America/Sao_Paulo',
]
const at = (iso: string) => Date.parse(iso)

test.each([
  ['2026-05-07T21:59:59.999Z', 'Europe/Paris', '20260507'],
  ['2026-05-07T22:00:00.000Z', 'Europe/Paris', '20260508'],
  ['2026-03-29T00:59:59Z', 'Europe/Paris', '20260329'],
  ['2026-10-25T22:59:59Z', 'Europe/Paris', '20261025'],
  ['2026-10-25T23:00:00Z', 'Europe/Paris', '20261026'],
  // Samoa crossed the date line: 29 December was followed by the 31st.
  ['2011-12-30T09:59:59Z', 'Pacific/Apia', '20111229'],
  ['2011-12-30T10:00:00Z', 'Pacific/Apia', '20111231'],
  // Half an hour of daylight saving: +10:30 until 4 October 2026 02:00, then +11.
  ['2026-10-03T13:29:59Z', 'Australia/Lord_Howe', '20261003'],
  ['2026-10-04T12:59:59Z', 'Australia/Lord_Howe', '20261004'],
  ['2026-10-04T13:00:00Z', 'Australia/Lord_Howe', '20261005'],
  // Two hours: +0 in winter, +2 in summer.
  ['2026-02-01T23:59:59Z', 'Antarctica/Troll', '20260201'],
  ['2026-07-01T22:00:00Z', 'Antarctica/Troll', '20260702'],
  ['1969-12-31T23:30:00Z', 'Europe/Paris', '19700101'],
])('%s in %s is day %s', (iso, zone, day) => {
  expect(localDay(at(iso), zone)).toBe(day)
})

test.each([
  ['2026-05-08', '2026-W19'],
  ['2026-12-31', '2026-W53'],
  ['2027-01-01', '2026-W53'],
  ['2027-01-04', '2027-W01'],
  ['2024-12-30', '2025-W01'],
  ['2023-01-01', '2022-W52'],
  ['1969-12-28', '1969-W52'],
  ['1969-12-29', '1970-W01'],
])('%s is in week %s', (day, week) => {
  expect(weekKey(at(day) / 86_400_000)).toBe(week)
})

test('a day number gives day, month, year and weekday', () => {
  const day = at('2026-05-08') / 86_400_000
  expect([dayKey(day), monthKey(day), yearKey(day), weekday(day)]).toEqual([
    '2026-05-08',
    '2026-05',
    '2026',
    4,
  ])
  expect(weekday(-4)).toBe(6)
})

test('seven days before a Friday is a Friday, whatever the clocks did in between', () => {
  const day = calendarOf('Europe/Paris').day(at('2026-04-03T00:30:00+02:00'))
  expect(dayKey(day - 7)).toBe('2026-03-27')
  expect(dayKey(calendarOf('Europe/Paris').day(at('2026-03-27T00:30:00+01:00')))).toBe('2026-03-27')
})

/** The offset by the slow way. */
const reference = (ms: number, timeZone: string) => {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(ms)
  const n = (type: string) => Number(parts.find((part) => part.type === type)?.value)
  const local = Date.UTC(n('year'), n('month') - 1, n('day'), n('hour'), n('minute'), n('second'))
  return local - Math.floor(ms / 1000) * 1000
}

test('the offset is what Intl says, at any instant in any order of asking', () => {
  const instant = fc.integer({ min: at('1971-01-01'), max: at('2037-12-31') })
  fc.assert(
    fc.property(fc.constantFrom(...zones), instant, (zone, ms) => {
      expect(calendarOf(zone).offset(ms)).toBe(reference(ms, zone))
    }),
    { numRuns: 2000 },
  )
})

// Newfoundland is left out: until 2011 it set its clocks back at 00:01, into the day before.
test.each(zones.filter((one) => one !== 'America/St_Johns'))(
  'local days of %s follow each other every 23 to 26 hours',
  (zone) => {
    const calendar = calendarOf(zone)
    const begins: { day: number; at: number }[] = []
    for (let ms = at('2009-12-31'); ms < at('2020-01-01'); ms += 1_800_000) {
      const day = calendar.day(ms)
      if (day !== begins.at(-1)?.day) begins.push({ day, at: ms })
    }
    const steps = begins.slice(2).map((one, i) => {
      const before = begins[i + 1] ?? one
      return { to: dayKey(one.day), days: one.day - before.day, hours: (one.at - before.at) / 3_600_000 }
    })
    const odd = steps.filter(({ days, hours }) => days !== 1 || hours < 22 || hours > 26)
    // Samoa crossed the date line.
    expect(odd).toEqual(zone === 'Pacific/Apia' ? [{ to: '2011-12-31', days: 2, hours: 24 }] : [])
    expect(steps.length).toBeGreaterThan(3640)
  },
)

test('a clock set back over midnight gives an instant its own day, not the later one', () => {
  const { day } = calendarOf('America/St_Johns')
  const days = ['02:29', '02:30', '02:31', '03:30'].map((time) => dayKey(day(at(`2010-11-07T${time}:00Z`))))
  expect(days).toEqual(['2010-11-06', '2010-11-07', '2010-11-06', '2010-11-07'])
})

test('the moment of a change is found to the second', () => {
  const { offset } = calendarOf('Europe/Paris')
  expect(offset(at('2026-03-29T00:59:59.999Z'))).toBe(3_600_000)
  expect(offset(at('2026-03-29T01:00:00.000Z'))).toBe(7_200_000)
  // At 00:00 UTC, on the edge between two days of the cache.
  expect(calendarOf('America/Asuncion').offset(at('2023-03-26T02:59:59Z'))).toBe(-3 * 3_600_000)
  expect(calendarOf('America/Asuncion').offset(at('2023-03-26T03:00:00Z'))).toBe(-4 * 3_600_000)
  expect(calendarOf('Atlantic/Azores').offset(at('2026-03-29T00:59:59Z'))).toBe(-3_600_000)
  expect(calendarOf('Atlantic/Azores').offset(at('2026-03-29T01:00:00Z'))).toBe(0)
})

test('an unknown zone is refused', () => {
  expect(isTimeZone('Europe/Paris')).toBe(true)
  expect(isTimeZone('Europe/Atlantis')).toBe(false)
  expect(() => calendarOf('Europe/Atlantis')).toThrow(RangeError)
})
