import { expect, test } from 'vitest'
import { keepCalendar } from './keep-calendar.ts'

/** Monday 4 May 2026. */
const monday = Date.UTC(2026, 4, 4) / 86_400_000

test('days stand in columns of weeks, Monday on top', () => {
  const calendar = keepCalendar(
    [
      { day: monday, kept: false },
      { day: monday + 6, kept: true },
      { day: monday + 7, kept: true },
    ],
    'en',
  )
  expect(calendar.gone).toBe('M0 14h9v9h-9z')
  expect(calendar.kept).toBe('M0 86h9v9h-9zM12 14h9v9h-9z')
  expect(calendar.width).toBe(24)
})

test('a day with one kept archive is a kept day', () => {
  const calendar = keepCalendar(
    [
      { day: monday, kept: true },
      { day: monday, kept: false },
    ],
    'en',
  )
  expect(calendar).toMatchObject({ kept: 'M0 14h9v9h-9z', gone: '' })
})

test('months have their names over their first week', () => {
  const days = Array.from({ length: 90 }, (_, i) => ({ day: monday + i, kept: true }))
  expect(keepCalendar(days, 'en').months.map((month) => month.name)).toEqual(['May', 'Jun', 'Jul'])
  expect(keepCalendar(days, 'fr').months.map((month) => month.name)).toEqual(['mai', 'juin', 'juil.'])
})

test('no days are an empty calendar', () => {
  expect(keepCalendar([], 'en')).toMatchObject({ kept: '', gone: '', months: [] })
})
