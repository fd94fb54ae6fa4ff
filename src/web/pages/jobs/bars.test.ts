import { expect, test } from 'vitest'
import { translator } from '../../i18n.ts'
import { historyBars } from './bars.ts'

const t = translator('en')

test('thirty good runs are one path command', () => {
  const bars = historyBars(
    Array.from({ length: 30 }, () => 'success' as const),
    t,
  )
  expect(bars.ok).toBe('M0 8h178')
  expect(bars.none).toBe('')
  expect(bars.label).toBe('Last 30 runs: 30 ok')
})

test('a failure is a cross between the bars, and the words say the same', () => {
  const bars = historyBars(['success', 'success', 'error', 'success'], t)
  expect(bars.ok).toBe('M156 8h10m8 0h4')
  expect(bars.failed).toBe('M168 2l4 12m-4 0l4-12')
  expect(bars.none).toBe('M0 14h154')
  expect(bars.label).toBe('Last 4 runs: 3 ok, 1 failed')
})

test('bars that are far apart begin where they should', () => {
  const bars = historyBars(['success', 'warning', 'warning', 'success', 'success', 'error', 'success'], t)
  // At 138, 156 and 174: each move is from the end of the one before.
  expect(bars.ok).toBe('M138 8h4m14 0h10m8 0h4')
  expect(bars.warning).toBe('M146 1v14M152 1v14')
})

test('an interrupted run counts as failed, a cancelled or running one as not finished', () => {
  expect(historyBars(['interrupted', 'cancelled', 'running'], t).label).toBe(
    'Last 3 runs: 1 failed, 2 not finished',
  )
})

test('only the newest thirty are drawn', () => {
  const statuses = [
    ...Array.from({ length: 10 }, () => 'error' as const),
    ...Array.from({ length: 30 }, () => 'success' as const),
  ]
  expect(historyBars(statuses, t).failed).toBe('')
})

test('a job that never ran says so', () => {
  expect(historyBars([], t)).toMatchObject({ ok: '', none: 'M0 14h178', label: 'No run yet' })
})
