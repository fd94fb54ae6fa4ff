import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isTerminal, nextStatus, outcome, runEvents } from './run-state.ts'
import { runStatuses, type RunStatus, type RunWarning, type TargetResult } from './run.ts'

describe('states of a run', () => {
  test.each<[RunStatus, (typeof runEvents)[number], RunStatus | null]>([
    ['queued', 'start', 'running'],
    ['queued', 'cancel', 'cancelled'],
    ['queued', 'fail', 'error'],
    ['queued', 'interrupt', 'interrupted'],
    ['queued', 'succeed', null],
    ['queued', 'warn', null],
    ['running', 'start', null],
    ['running', 'succeed', 'success'],
    ['running', 'warn', 'warning'],
    ['running', 'fail', 'error'],
    ['running', 'cancel', 'cancelled'],
    ['running', 'interrupt', 'interrupted'],
  ])('%s, then %s: %s', (from, event, to) => {
    expect(nextStatus(from, event)).toBe(to)
  })

  test('nothing follows an end', () => {
    for (const status of runStatuses.filter(isTerminal)) {
      for (const event of runEvents) expect(nextStatus(status, event), `${status} ${event}`).toBeNull()
    }
    expect(runStatuses.filter((status) => !isTerminal(status))).toEqual(['queued', 'running'])
  })

  test('any sequence of events reaches at most one end and stays there', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...runEvents), { maxLength: 30 }), (events) => {
        let status: RunStatus = 'queued'
        const ends: RunStatus[] = []
        for (const event of events) {
          const next = nextStatus(status, event)
          if (next === null) continue
          status = next
          if (isTerminal(status)) ends.push(status)
        }
        expect(ends.length).toBeLessThanOrEqual(1)
        expect(isTerminal(status)).toBe(ends.length === 1)
      }),
    )
  })
})

const of = (
  targets: readonly TargetResult['status'][],
  warnings: readonly RunWarning['code'][] = [],
  error = false,
) =>
  outcome({
    targets: targets.map((status) => ({ status })),
    warnings: warnings.map((code) => ({ code })),
    error,
  })

describe('the outcome of a run', () => {
  test.each<[string, ReturnType<typeof of>, ReturnType<typeof outcome>]>([
    ['all targets well', of(['success', 'success']), 'success'],
    ['no targets, nothing wrong', of([]), 'success'],
    ['one failed', of(['success', 'error']), 'warning'],
    ['one failed, one with a warning', of(['warning', 'error']), 'warning'],
    ['all failed', of(['error', 'error']), 'error'],
    ['one skipped', of(['success', 'skipped']), 'warning'],
    ['all skipped', of(['skipped']), 'error'],
    ['failed and skipped', of(['error', 'skipped']), 'error'],
    ['a target with a warning', of(['warning']), 'warning'],
    ['a changed file', of(['success'], ['file_changed']), 'warning'],
    ['only notes', of(['success'], ['sockets_skipped', 'mounts_skipped']), 'success'],
    ['a note and a warning', of(['success'], ['sockets_skipped', 'file_vanished']), 'warning'],
    ['an error after good targets', of(['success'], [], true), 'error'],
  ])('%s', (_, found, expected) => {
    expect(found).toBe(expected)
  })

  test('partial is never green', () => {
    const statuses = fc.constantFrom<TargetResult['status']>('success', 'warning', 'error', 'skipped')
    fc.assert(
      fc.property(fc.array(statuses, { minLength: 1 }), (targets) => {
        expect(of(targets) === 'success').toBe(targets.every((status) => status === 'success'))
      }),
    )
  })
})
