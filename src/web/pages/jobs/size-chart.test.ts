import { expect, test } from 'vitest'
import { sizeChart } from './size-chart.ts'

const day = 86_400_000

test('one archive, or several of one moment, is no chart', () => {
  expect(sizeChart([{ at: 5, bytes: 10 }])).toBeNull()
  expect(
    sizeChart([
      { at: 5, bytes: 10 },
      { at: 5, bytes: 20 },
    ]),
  ).toBeNull()
})

test('points go from left to right whatever their order, and the scale begins at zero', () => {
  const chart = sizeChart([
    { at: 2 * day, bytes: 100 },
    { at: 0, bytes: 50 },
    { at: day, bytes: 100 },
  ])
  expect(chart?.line).toBe('M6 63L300 12L594 12')
  expect(chart).toMatchObject({ least: 50, most: 100, first: { at: 0 }, last: { at: 2 * day } })
})

test('archives without any size still give a line', () => {
  expect(
    sizeChart([
      { at: 0, bytes: 0 },
      { at: day, bytes: 0 },
    ])?.line,
  ).toBe('M6 114L594 114')
})
