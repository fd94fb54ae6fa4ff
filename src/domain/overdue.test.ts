import { expect, test } from 'vitest'
import { overdue } from './overdue.ts'

const hour = 3_600_000
const day = 24 * hour
const job = { enabled: true, nextRunAt: 5, lastSuccessAt: 10 * day, createdAt: 0, intervalMs: day }

test('a daily job is overdue 30 hours after its last good backup', () => {
  expect(overdue(job, 10 * day + 30 * hour)).toEqual({ overdue: false, since: null })
  expect(overdue(job, 10 * day + 30 * hour + 1)).toEqual({ overdue: true, since: 10 * day + 30 * hour })
})

test('the grace is an hour at least', () => {
  const often = { ...job, intervalMs: 5 * 60_000 }
  expect(overdue(often, 10 * day + 65 * 60_000).overdue).toBe(false)
  expect(overdue(often, 10 * day + 66 * 60_000).overdue).toBe(true)
})

test('a job that never succeeded counts from its creation', () => {
  const young = { ...job, lastSuccessAt: null, createdAt: 9 * day }
  expect(overdue(young, 10 * day).overdue).toBe(false)
  expect(overdue(young, 11 * day)).toEqual({ overdue: true, since: 9 * day + 30 * hour })
})

test('a disabled job is never overdue', () => {
  expect(overdue({ ...job, enabled: false, nextRunAt: null }, 1000 * day).overdue).toBe(false)
})

test('an enabled job that never fires again is overdue after the grace', () => {
  const ended = { ...job, nextRunAt: null, intervalMs: null }
  expect(overdue(ended, 10 * day + hour).overdue).toBe(false)
  expect(overdue(ended, 10 * day + hour + 1)).toEqual({ overdue: true, since: 10 * day + hour })
})

test('a factor allows more intervals', () => {
  expect(overdue(job, 12 * day, 2).overdue).toBe(false)
  expect(overdue(job, 13 * day, 2).overdue).toBe(true)
})

test('a job with one tick left is not compared with an interval it does not have', () => {
  expect(overdue({ ...job, intervalMs: null }, 1000 * day).overdue).toBe(false)
})
