import { describe, expect, test } from 'vitest'
import { localIso } from './iso-time.ts'

describe('localIso', () => {
  test.each([
    ['2026-05-08T01:00:00Z', 'Europe/Paris', '2026-05-08T03:00:00+02:00'],
    ['2026-01-08T01:00:00Z', 'Europe/Paris', '2026-01-08T02:00:00+01:00'],
    ['2026-05-08T01:00:00Z', 'UTC', '2026-05-08T01:00:00+00:00'],
    ['2026-05-08T01:00:00Z', 'America/St_Johns', '2026-05-07T22:30:00-02:30'],
    ['2026-05-08T01:00:00Z', 'Australia/Lord_Howe', '2026-05-08T11:30:00+10:30'],
  ])('%s in %s is %s', (utc, zone, expected) => {
    expect(localIso(Date.parse(utc), zone)).toBe(expected)
  })

  test('names the same instant as it was given, to the millisecond', () => {
    const ms = Date.parse('2026-10-25T00:30:00.123Z')
    const text = localIso(ms, 'Europe/Paris', { milliseconds: true })
    expect(text).toBe('2026-10-25T02:30:00.123+02:00')
    expect(Date.parse(text)).toBe(ms)
  })
})
