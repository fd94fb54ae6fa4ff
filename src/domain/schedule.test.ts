import { describe, expect, test } from 'vitest'
import { calendarOf, dayKey } from './calendar.ts'
import { parseCron, planTicks, type Schedule, type ScheduledJob } from './schedule.ts'

const hour = 3_600_000
const day = 24 * hour
const at = (iso: string) => Date.parse(iso)
const iso = (times: readonly (number | null)[]) =>
  times.map((ms) => (ms === null ? null : new Date(ms).toISOString().slice(0, 16)))

function schedule(expr: string, zone = 'Europe/Paris'): Schedule {
  const parsed = parseCron(expr, zone)
  if (!parsed.ok) throw new Error(`${expr}: ${parsed.detail}`)
  return parsed.schedule
}

describe('cron expressions', () => {
  test.each([
    ['0 3 * * *', ['2026-05-09T01:00', '2026-05-10T01:00']],
    ['  0   3 * *\t* ', ['2026-05-09T01:00', '2026-05-10T01:00']],
    ['*/15 * * * *', ['2026-05-08T12:15', '2026-05-08T12:30']],
    ['0 3 * * SUN', ['2026-05-10T01:00', '2026-05-17T01:00']],
    ['0 3 * * 7', ['2026-05-10T01:00', '2026-05-17T01:00']],
    ['0 3 1,15 * *', ['2026-05-15T01:00', '2026-06-01T01:00']],
    ['0 3 L * *', ['2026-05-31T01:00', '2026-06-30T01:00']],
    ['0 0 29 2 *', ['2028-02-28T23:00', '2032-02-28T23:00']],
    ['@hourly', ['2026-05-08T13:00', '2026-05-08T14:00']],
    ['@daily', ['2026-05-08T22:00', '2026-05-09T22:00']],
    ['@midnight', ['2026-05-08T22:00', '2026-05-09T22:00']],
    ['@weekly', ['2026-05-09T22:00', '2026-05-16T22:00']],
    ['@monthly', ['2026-05-31T22:00', '2026-06-30T22:00']],
    ['@yearly', ['2026-12-31T23:00', '2027-12-31T23:00']],
    ['@annually', ['2026-12-31T23:00', '2027-12-31T23:00']],
  ])('%s fires next at %j', (expr, times) => {
    expect(iso(schedule(expr).nextRuns(at('2026-05-08T12:00:00Z'), 2))).toEqual(times)
  })

  test.each([
    '',
    ' ',
    '* * * *',
    '* * * * * *',
    '0 0 3 * * * 2026',
    '60 3 * * *',
    '0 24 * * *',
    '0 3 32 * *',
    '0 3 0 * *',
    '0 3 * 13 *',
    '0 3 * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    'a b c d e',
    '0 3 * * * ; reboot',
    '@reboot',
    '@every 5m',
    '@Daily',
    '2026-05-08T03:00:00',
    '0\n3 * * *',
    `${'0,'.repeat(200)}0 3 * * *`,
  ])('%j is invalid, as a value with a reason', (expr) => {
    const parsed = parseCron(expr, 'Europe/Paris')
    expect(parsed).toMatchObject({ ok: false, code: 'cron_invalid' })
    expect(!parsed.ok && parsed.detail.length > 5).toBe(true)
  })

  test.each(['0 0 30 2 *', '0 0 31 2,4,6,9,11 *'])('%s never fires and is told apart', (expr) => {
    expect(parseCron(expr, 'Europe/Paris')).toMatchObject({ ok: false, code: 'cron_never' })
  })

  test('an unknown time zone is a reason too', () => {
    expect(parseCron('0 3 * * *', 'Europe/Atlantis')).toMatchObject({ ok: false, code: 'cron_invalid' })
  })

  test('next is strictly after, to the millisecond', () => {
    const { next, last } = schedule('0 3 * * *', 'UTC')
    const tick = at('2026-05-08T03:00:00Z')
    expect([tick - 1, tick, tick + 1].map(next)).toEqual([tick, tick + day, tick + day])
    expect([tick - 1, tick, tick + 1].map(last)).toEqual([tick - day, tick, tick])
  })

  test('what was asked before does not change an answer', () => {
    const { next } = schedule('30 2 * * *')
    const times = Array.from(
      { length: 500 },
      (_, i) => at('2026-03-20T00:00:00Z') + ((i * 7919) % 500) * hour,
    )
    const answers = times.map(next)
    const fresh = times.map((time) => schedule(' '.repeat(1 + (time % 7)) + '30 2 * * *').next(time))
    expect(answers).toEqual(fresh)
    for (const [i, answer] of answers.entries()) expect(answer).toBeGreaterThan(times[i] ?? NaN)
  })
})

describe('when clocks change', () => {
  test.each([
    // Spring: 02:30 is not there; it runs at 03:00, the first moment after the gap.
    ['30 2 * * *', 'Europe/Paris', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
    // Autumn: 02:30 comes twice; only the first counts.
    ['30 2 * * *', 'Europe/Paris', '2026-10-24T12:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    ['30 2,14 * * *', 'Europe/Paris', '2026-03-28T20:00Z', ['2026-03-29T01:00', '2026-03-29T12:30']],
    ['30 2,14 * * *', 'Europe/Paris', '2026-10-24T20:00Z', ['2026-10-25T00:30', '2026-10-25T13:30']],
    // By elapsed time: every hour is an hour, in both nights.
    ['0 * * * *', 'Europe/Paris', '2026-03-29T00:30Z', ['2026-03-29T01:00', '2026-03-29T02:00']],
    ['0 * * * *', 'Europe/Paris', '2026-10-24T23:30Z', ['2026-10-25T00:00', '2026-10-25T01:00']],
    // Half an hour, two hours, midnight itself, and a day that never was.
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', ['2026-10-03T15:30', '2026-10-04T15:15']],
    ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00Z', ['2026-04-04T14:45', '2026-04-05T15:15']],
    ['30 2 * * *', 'Antarctica/Troll', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
    ['30 2 * * *', 'Antarctica/Troll', '2026-10-24T12:00Z', ['2026-10-25T00:30', '2026-10-26T02:30']],
    ['@daily', 'America/Havana', '2026-03-07T12:00Z', ['2026-03-08T05:00', '2026-03-09T04:00']],
    ['30 2 * * *', 'Pacific/Apia', '2011-12-29T00:00Z', ['2011-12-29T12:30', '2011-12-30T12:30']],
  ])('%s in %s after %s runs at %j', (expr, zone, after, times) => {
    expect(iso(schedule(expr, zone).nextRuns(at(after), 2))).toEqual(times)
  })

  test('an hourly or finer expression agrees with the wall clock, minute by minute', () => {
    for (const [zone, from] of [
      ['Europe/Paris', '2026-03-29T00:00Z'],
      ['Europe/Paris', '2026-10-24T22:00Z'],
      ['Australia/Lord_Howe', '2026-04-04T12:00Z'],
      ['Australia/Lord_Howe', '2026-10-03T12:00Z'],
      ['Antarctica/Troll', '2026-03-28T22:00Z'],
      ['Pacific/Apia', '2011-12-30T06:00Z'],
    ] as const) {
      const start = at(from)
      const expected: number[] = []
      for (let ms = start + 60_000; ms <= start + 8 * hour; ms += 60_000) {
        const minute = Math.floor((ms + calendarOf(zone).offset(ms)) / 60_000) % 60
        if (minute % 20 === 0) expected.push(ms)
      }
      expect(schedule('*/20 * * * *', zone).nextRuns(start, expected.length)).toEqual(expected)
    }
  })
})

describe('the longest gap', () => {
  test.each([
    ['0 3 * * *', day],
    ['*/5 * * * *', 5 * 60_000],
    ['0 3 * * 1-5', 3 * day],
    ['@weekly', 7 * day],
    ['*/5 8-18 * * *', 13 * hour + 5 * 60_000],
    ['*/10 3 * * *', day - 50 * 60_000],
    ['* * * * 1-5', 2 * day + 60_000],
  ])('of %s is %i ms', (expr, gap) => {
    expect(schedule(expr, 'UTC').intervalMs(at('2026-05-08T12:00:00Z'))).toBe(gap)
    expect(schedule(expr, 'UTC').intervalMs(at('2026-05-09T19:33:00Z'))).toBe(gap)
  })

  test('of a rare expression covers its next ten ticks', () => {
    const monthly = schedule('0 3 1 * *', 'UTC')
    expect(monthly.intervalMs(at('2026-01-15T00:00:00Z'))).toBe(31 * day)
    expect(schedule('0 0 29 2 *', 'UTC').intervalMs(at('2026-01-15T00:00:00Z'))).toBe(1461 * day)
  })
})

describe('planning ticks', () => {
  const now = at('2026-05-08T01:00:05Z')
  const options = { lateAfterMs: 60_000, spreadMs: 300_000 }
  const job = (change: Partial<ScheduledJob> = {}): ScheduledJob => ({
    id: 1,
    uid: 'a',
    cronExpr: '0 3 * * *',
    nextRunAt: at('2026-05-08T01:00:00Z'),
    enabled: true,
    ...change,
  })
  const plan = (jobs: readonly ScheduledJob[], when = now) => planTicks(jobs, when, 'Europe/Paris', options)
  const tomorrow = at('2026-05-09T01:00:00Z')

  test('a job whose tick has come runs now and gets its next one', () => {
    expect(plan([job()])).toEqual({
      ticks: [{ jobId: 1, trigger: 'schedule', notBefore: now, dueAt: at('2026-05-08T01:00:00Z') }],
      next: [{ jobId: 1, nextRunAt: tomorrow }],
    })
  })

  test('a job whose tick has not come is left alone', () => {
    expect(plan([job({ nextRunAt: tomorrow })])).toEqual({ ticks: [], next: [] })
  })

  test('ten missed nights become one catch-up, within the spread and the same each time', () => {
    const late = at('2026-05-08T09:00:00Z')
    const first = plan([job({ nextRunAt: at('2026-04-28T01:00:00Z') })], late)
    expect(first.ticks).toHaveLength(1)
    expect(first.ticks[0]).toMatchObject({ trigger: 'catch_up', dueAt: at('2026-05-08T01:00:00Z') })
    expect(first.next).toEqual([{ jobId: 1, nextRunAt: tomorrow }])
    expect(plan([job({ nextRunAt: at('2026-04-28T01:00:00Z') })], late)).toEqual(first)
    const many = plan(
      Array.from({ length: 200 }, (_, i) => job({ id: i, uid: `job-${i}` })),
      late,
    ).ticks.map((tick) => tick.notBefore - late)
    expect(Math.min(...many)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...many)).toBeLessThanOrEqual(300_000)
    for (let minute = 0; minute < 5; minute++) {
      expect(many.filter((wait) => Math.floor(wait / 60_000) === minute).length).toBeGreaterThan(20)
    }
  })

  test('missed nights are covered by the tick of now when that is on time', () => {
    expect(plan([job({ nextRunAt: at('2026-05-01T01:00:00Z') })]).ticks).toEqual([
      { jobId: 1, trigger: 'schedule', notBefore: now, dueAt: at('2026-05-08T01:00:00Z') },
    ])
  })

  test('without a spread a catch-up starts at once', () => {
    const late = at('2026-05-08T09:00:00Z')
    const { ticks } = planTicks([job()], late, 'Europe/Paris', { lateAfterMs: 60_000, spreadMs: 0 })
    expect(ticks[0]).toMatchObject({ trigger: 'catch_up', notBefore: late })
  })

  test('a disabled job does nothing and loses its stored tick', () => {
    expect(plan([job({ enabled: false })])).toEqual({ ticks: [], next: [{ jobId: 1, nextRunAt: null }] })
    expect(plan([job({ enabled: false, nextRunAt: null })])).toEqual({ ticks: [], next: [] })
  })

  test('an enabled job without a stored tick gets one and does not run', () => {
    expect(plan([job({ nextRunAt: null })])).toEqual({ ticks: [], next: [{ jobId: 1, nextRunAt: tomorrow }] })
  })

  test('an expression that is invalid gets no tick', () => {
    expect(plan([job({ cronExpr: 'nonsense', nextRunAt: tomorrow })]).next).toEqual([
      { jobId: 1, nextRunAt: null },
    ])
    expect(plan([job({ cronExpr: 'nonsense', nextRunAt: null })])).toEqual({ ticks: [], next: [] })
  })

  test('a clock set back by some hours waits for the stored tick', () => {
    expect(plan([job({ nextRunAt: tomorrow })], now - 3 * hour)).toEqual({ ticks: [], next: [] })
    const often = job({ cronExpr: '*/5 * * * *', nextRunAt: at('2026-05-08T01:05:00Z') })
    expect(plan([often], now - 3 * hour)).toEqual({ ticks: [], next: [] })
  })

  test('a tick stored while the clock was years ahead is planned again', () => {
    expect(plan([job({ nextRunAt: at('2031-05-08T01:00:00Z') })])).toEqual({
      ticks: [],
      next: [{ jobId: 1, nextRunAt: tomorrow }],
    })
    const yearly = job({ cronExpr: '@yearly', nextRunAt: at('2026-12-31T23:00:00Z') })
    expect(plan([yearly])).toEqual({ ticks: [], next: [] })
  })

  test('days of the zone decide, over the day that Samoa skipped', () => {
    const tick = at('2011-12-29T12:30:00Z')
    const next = planTicks([job({ cronExpr: '30 2 * * *', nextRunAt: tick })], tick, 'Pacific/Apia', options)
      .next[0]
    const { day: dayOf } = calendarOf('Pacific/Apia')
    expect(dayKey(dayOf(tick))).toBe('2011-12-29')
    expect(dayKey(dayOf(next?.nextRunAt ?? 0))).toBe('2011-12-31')
  })

  test('looking at 1,000 waiting jobs takes a few milliseconds', () => {
    const jobs = Array.from({ length: 1000 }, (_, i) =>
      job({
        id: i,
        uid: `job-${i}`,
        cronExpr: `${i % 60} ${i % 24} * * 0`,
        nextRunAt: at('2026-05-10T01:00:00Z'),
      }),
    )
    plan(jobs)
    const start = performance.now()
    plan(jobs, now + 1000)
    expect(performance.now() - start).toBeLessThan(100)
  })
})
