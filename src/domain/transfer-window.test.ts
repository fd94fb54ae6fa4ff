import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TransferWindow } from './transfer.ts'
import { formatWindow, parseWindow, windowState } from './transfer-window.ts'

const paris = 'Europe/Paris'
const night: TransferWindow = { fromMinute: 22 * 60, toMinute: 6 * 60 }
const at = (iso: string) => Date.parse(iso)

describe('the hours of transfers', () => {
  test('without hours it is always open', () => {
    expect(windowState(null, 0, paris)).toEqual({ open: true, changesAt: null })
    expect(windowState({ fromMinute: 60, toMinute: 60 }, 0, paris)).toEqual({ open: true, changesAt: null })
  })

  test('they may go over midnight', () => {
    const state = (iso: string) => windowState(night, at(iso), paris)
    expect(state('2026-05-08T21:59:59+02:00')).toEqual({
      open: false,
      changesAt: at('2026-05-08T22:00:00+02:00'),
    })
    expect(state('2026-05-08T22:00:00+02:00')).toEqual({
      open: true,
      changesAt: at('2026-05-09T06:00:00+02:00'),
    })
    expect(state('2026-05-09T05:59:59+02:00').open).toBe(true)
    expect(state('2026-05-09T06:00:00+02:00')).toEqual({
      open: false,
      changesAt: at('2026-05-09T22:00:00+02:00'),
    })
  })

  test('a night in which the clocks go forward is an hour shorter, and longer when they go back', () => {
    const length = (evening: string) => (windowState(night, at(evening), paris).changesAt ?? 0) - at(evening)
    expect(length('2026-03-28T22:00:00+01:00')).toBe(7 * 3_600_000)
    expect(length('2026-10-24T22:00:00+02:00')).toBe(9 * 3_600_000)
  })

  test('hours that begin in the hour that is left out begin when it would have ended', () => {
    const window = { fromMinute: 2 * 60 + 30, toMinute: 4 * 60 }
    expect(windowState(window, at('2026-03-29T00:00:00+01:00'), paris)).toEqual({
      open: false,
      changesAt: at('2026-03-29T03:00:00+02:00'),
    })
  })

  test('the next change is the first one, in any zone, at any time', () => {
    const minute = fc.integer({ min: 0, max: 1439 })
    // Days around the changes of the clocks, where it is difficult.
    const around = fc.constantFrom(
      '2026-03-29',
      '2026-10-25',
      '2026-04-05',
      '2026-10-04',
      '2026-03-08',
      '2026-11-01',
    )
    fc.assert(
      fc.property(
        fc.record({ fromMinute: minute, toMinute: minute }),
        fc.tuple(around, fc.integer({ min: -36 * 3600, max: 36 * 3600 })),
        fc.constantFrom('Europe/Paris', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'UTC'),
        (window, [day, seconds], zone) => {
          const now = at(`${day}T00:00:00Z`) + seconds * 1000
          const { open, changesAt } = windowState(window, now, zone)
          if (changesAt === null) return window.fromMinute === window.toMinute
          if (changesAt <= now || windowState(window, changesAt, zone).open === open) return false
          for (let t = now; t < changesAt; t += 7 * 60_000)
            if (windowState(window, t, zone).open !== open) return false
          return windowState(window, changesAt - 1, zone).open === open
        },
      ),
      { numRuns: 300 },
    )
  })

  test('are read as people write them, and written the same way', () => {
    expect(parseWindow('22:00-06:00')).toEqual(night)
    expect(parseWindow(' 7:05-24:00 ')).toEqual({ fromMinute: 425, toMinute: 0 })
    expect(formatWindow(night)).toBe('22:00-06:00')
    for (const wrong of [
      '',
      '22-6',
      '25:00-06:00',
      '22:60-06:00',
      '22:00-24:01',
      '24:00-06:00',
      '22:00',
      'none',
    ])
      expect(parseWindow(wrong), wrong).toBeNull()
  })
})
