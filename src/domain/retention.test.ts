import { describe, expect, test } from 'vitest'
import { planRetention, type RetentionItem } from './retention.ts'
import type { RetentionPolicy } from './retention-policy.ts'

const paris = 'Europe/Paris'
const now = Date.parse('2026-05-08T12:00:00+02:00')
const item = (name: string, time: string, extra: Partial<RetentionItem> = {}): RetentionItem => ({
  name,
  createdAt: Date.parse(time),
  ...extra,
})
/** `name: reasons` of what stays and of what goes, newest first. */
const told = (items: readonly RetentionItem[], policy: RetentionPolicy, at = now, zone = paris) => {
  const plan = planRetention(items, policy, at, zone)
  return {
    keep: plan.keep.map(({ name, reasons }) => `${name}: ${reasons.join(' ')}`),
    remove: plan.remove.map(({ name, reason }) => `${name}: ${reason}`),
  }
}
const nightly = (n: number) =>
  Array.from({ length: n }, (_, i) => item(`n${i}`, new Date(now - (i + 0.375) * 86_400_000).toISOString()))

const sized = (n: number, sizeBytes: number) => nightly(n).map((one) => ({ ...one, sizeBytes }))

describe('count', () => {
  test('keeps the newest', () => {
    expect(told(nightly(4), { mode: 'count', count: 2 })).toEqual({
      keep: ['n0: count:1 newest_good', 'n1: count:2'],
      remove: ['n2: beyond_count', 'n3: beyond_count'],
    })
  })

  test('orders equal times by name', () => {
    const twins = [item('a', '2026-05-08T03:00:00Z'), item('b', '2026-05-08T03:00:00Z')]
    const expected = { keep: ['b: count:1 newest_good'], remove: ['a: beyond_count'] }
    expect(told(twins, { mode: 'count', count: 1 })).toEqual(expected)
    expect(told(twins.toReversed(), { mode: 'count', count: 1 })).toEqual(expected)
  })

  test('keeps pinned archives and those in use on top of the count, each of which has its rank', () => {
    const [a, b, c, d] = nightly(4)
    const items = [
      a,
      { ...b, pinned: true },
      { ...c, inUse: true },
      { ...d, pinned: true },
    ] as RetentionItem[]
    expect(told(items, { mode: 'count', count: 2 })).toEqual({
      keep: ['n0: count:1 newest_good', 'n1: count:2 pinned', 'n2: in_use', 'n3: pinned'],
      remove: [],
    })
  })

  test('nothing to plan is an empty plan', () => {
    expect(planRetention([], { mode: 'count', count: 1 }, now, paris)).toEqual({ keep: [], remove: [] })
  })
})

describe('daily', () => {
  test('keeps the newest of today and of each of the N days before', () => {
    const items = [
      item('today', '2026-05-08T03:00:00+02:00'),
      item('today-early', '2026-05-08T00:00:00+02:00'),
      item('d1', '2026-05-07T23:59:59+02:00'),
      item('d1-early', '2026-05-07T03:00:00+02:00'),
      item('d2', '2026-05-06T00:00:00+02:00'),
      item('d3', '2026-05-05T23:59:59+02:00'),
    ]
    expect(told(items, { mode: 'daily', days: 2 })).toEqual({
      keep: ['today: daily:2026-05-08 newest_good', 'd1: daily:2026-05-07', 'd2: daily:2026-05-06'],
      remove: ['today-early: same_day:2026-05-08', 'd1-early: same_day:2026-05-07', 'd3: outside_window'],
    })
  })

  test('days are those of the zone', () => {
    const items = [item('late', '2026-05-07T22:30:00Z'), item('early', '2026-05-07T21:30:00Z')]
    expect(told(items, { mode: 'daily', days: 1 }, now, paris).remove).toEqual([])
    expect(told(items, { mode: 'daily', days: 1 }, now, 'UTC').remove).toEqual(['early: same_day:2026-05-07'])
  })

  test('the window counts calendar days over a change of clocks, also over a day that never was', () => {
    const apia = 'Pacific/Apia'
    const items = [
      item('jan1', '2012-01-01T03:00:00+14:00'),
      item('dec31', '2011-12-31T03:00:00+14:00'),
      item('dec29', '2011-12-29T03:00:00-10:00'),
      item('dec28', '2011-12-28T03:00:00-10:00'),
    ]
    const then = Date.parse('2012-01-01T12:00:00+14:00')
    expect(told(items, { mode: 'daily', days: 3 }, then, apia)).toEqual({
      keep: ['jan1: daily:2012-01-01 newest_good', 'dec31: daily:2011-12-31', 'dec29: daily:2011-12-29'],
      remove: ['dec28: outside_window'],
    })
  })

  test('a clock set back over midnight does not give one day two slots', () => {
    // 00:00:30 on the 7th, then the clock goes back to 23:01 on the 6th.
    const items = [
      item('after', '2010-11-07T12:00:00Z'),
      item('sixth', '2010-11-07T03:00:00Z'),
      item('first-seventh', '2010-11-07T02:30:30Z'),
      item('sixth-before', '2010-11-07T02:00:00Z'),
    ]
    const then = Date.parse('2010-11-07T18:00:00Z')
    const expected = {
      keep: ['after: daily:2010-11-07 newest_good', 'sixth: daily:2010-11-06'],
      remove: ['first-seventh: same_day:2010-11-07', 'sixth-before: same_day:2010-11-06'],
    }
    expect(told(items, { mode: 'daily', days: 3 }, then, 'America/St_Johns')).toEqual(expected)
    const gfs = { mode: 'gfs', daily: 5, weekly: 0, monthly: 0, yearly: 0 } as const
    expect(told(items, gfs, then, 'America/St_Johns').keep).toEqual(expected.keep)
  })

  test('after a long pause the newest stays although it is outside the window', () => {
    expect(
      told([item('old', '2025-01-01'), item('older', '2024-01-01')], { mode: 'daily', days: 7 }),
    ).toEqual({
      keep: ['old: newest_good'],
      remove: ['older: outside_window'],
    })
  })
})

describe('gfs', () => {
  test('keeps the newest of the last days, weeks, months and years that have an archive', () => {
    const items = [
      item('may8', '2026-05-08T03:00:00+02:00'),
      item('may7', '2026-05-07T03:00:00+02:00'),
      item('may1', '2026-05-01T03:00:00+02:00'),
      item('apr20', '2026-04-20T03:00:00+02:00'),
      item('jan4', '2026-01-04T03:00:00+01:00'),
      item('dec31', '2025-12-31T03:00:00+01:00'),
      item('nov', '2023-11-01T03:00:00+01:00'),
    ]
    expect(told(items, { mode: 'gfs', daily: 2, weekly: 3, monthly: 3, yearly: 3 })).toEqual({
      keep: [
        'may8: daily:2026-05-08 weekly:2026-W19 monthly:2026-05 yearly:2026 newest_good',
        'may7: daily:2026-05-07',
        'may1: weekly:2026-W18',
        'apr20: weekly:2026-W17 monthly:2026-04',
        'jan4: monthly:2026-01',
        'dec31: yearly:2025',
        'nov: yearly:2023',
      ],
      remove: [],
    })
    expect(told(items, { mode: 'gfs', daily: 1, weekly: 1, monthly: 1, yearly: 0 }).remove).toEqual(
      items.slice(1).map(({ name }) => `${name}: beyond_gfs`),
    )
  })

  test('a policy of zeros still keeps the newest good archive', () => {
    const zeros = { mode: 'gfs', daily: 0, weekly: 0, monthly: 0, yearly: 0 } as const
    expect(told(nightly(2), zeros)).toEqual({ keep: ['n0: newest_good'], remove: ['n1: beyond_gfs'] })
  })
})

describe('corrupted archives', () => {
  test('fill no slot, and go when a newer good one exists', () => {
    const items = [
      item('good', '2026-05-08'),
      item('bad', '2026-05-07', { state: 'corrupted' }),
      item('old', '2026-05-06'),
    ]
    expect(told(items, { mode: 'count', count: 2 })).toEqual({
      keep: ['good: count:1 newest_good', 'old: count:2'],
      remove: ['bad: corrupted'],
    })
  })

  test('stay while nothing newer is good, and the newest good one stays too', () => {
    const items = [
      item('bad', '2026-05-08T03:00:00Z', { state: 'corrupted' }),
      item('unread', '2026-05-07', { state: 'unverified' }),
      item('ok', '2026-05-06', { state: 'ok' }),
    ]
    expect(told(items, { mode: 'count', count: 1 })).toEqual({
      keep: ['bad: no_newer_good', 'unread: count:1 newest_good'],
      remove: ['ok: beyond_count'],
    })
  })

  test('all stay when there is no good one at all', () => {
    const items = nightly(3).map((one) => ({ ...one, state: 'corrupted' as const }))
    expect(told(items, { mode: 'daily', days: 1 }).remove).toEqual([])
  })

  test('stay when pinned or in use', () => {
    const items = [
      item('good', '2026-05-08'),
      item('pin', '2026-05-07', { state: 'corrupted', pinned: true }),
      item('use', '2026-05-06', { state: 'corrupted', inUse: true }),
    ]
    expect(told(items, { mode: 'count', count: 5 }).keep).toEqual([
      'good: count:1 newest_good',
      'pin: pinned',
      'use: in_use',
    ])
  })
})

describe('archives with a time after now', () => {
  test('stay, and take no slot from the others', () => {
    const items = [item('future', '2030-01-01'), ...nightly(2)]
    expect(told(items, { mode: 'count', count: 1 })).toEqual({
      keep: ['future: future', 'n0: count:1 newest_good'],
      remove: ['n1: beyond_count'],
    })
  })

  test('replace no corrupted one, and the newest of them counts as good where there is no other', () => {
    const items = [
      item('f2', '2031-01-01'),
      item('f1', '2030-01-01'),
      item('bad', '2026-05-01', { state: 'corrupted' }),
    ]
    expect(told(items, { mode: 'count', count: 1 }).keep).toEqual([
      'f2: newest_good future',
      'f1: future',
      'bad: no_newer_good',
    ])
  })
})

describe('a budget', () => {
  test('drops the oldest until the rest fits', () => {
    expect(told(sized(5, 10), { mode: 'count', count: 4, maxBytes: 25 })).toEqual({
      keep: ['n0: count:1 newest_good', 'n1: count:2'],
      remove: ['n2: over_budget', 'n3: over_budget', 'n4: beyond_count'],
    })
  })

  test('never drops the newest good one, a pinned one or one in use', () => {
    const items = sized(4, 10).map((one, i) =>
      i === 2 ? { ...one, pinned: true } : i === 3 ? { ...one, inUse: true } : one,
    )
    expect(told(items, { mode: 'count', count: 4, maxBytes: 1 })).toEqual({
      keep: ['n0: count:1 newest_good', 'n2: count:3 pinned', 'n3: count:4 in_use'],
      remove: ['n1: over_budget'],
    })
  })

  test('says over_budget, not same_day, when the newer one of the day went as well', () => {
    const items = [
      item('today', '2026-05-08T03:00:00+02:00', { sizeBytes: 10 }),
      item('d1', '2026-05-07T04:00:00+02:00', { sizeBytes: 10 }),
      item('d1-early', '2026-05-07T03:00:00+02:00', { sizeBytes: 10 }),
    ]
    expect(told(items, { mode: 'daily', days: 7, maxBytes: 15 }).remove).toEqual([
      'd1: over_budget',
      'd1-early: over_budget',
    ])
  })
})

test('a plan over 100,000 archives takes less than a second, under each policy', () => {
  const many = Array.from({ length: 100_000 }, (_, i) => ({
    name: `jerry_nocodb_${i}`,
    createdAt: now - ((i * 7_919) % 100_000) * 3_600_001,
    sizeBytes: i,
  }))
  for (const policy of [
    { mode: 'count', count: 50_000 },
    { mode: 'daily', days: 3000, maxBytes: 10_000_000 },
    { mode: 'gfs', daily: 4000, weekly: 500, monthly: 120, yearly: 10, maxBytes: 10_000_000 },
  ] as const) {
    // The best of three: the machine may be busy with something else.
    const times = [1, 2, 3].map(() => {
      const start = performance.now()
      planRetention(many, policy, now, 'Europe/Rome')
      return performance.now() - start
    })
    expect(Math.min(...times)).toBeLessThan(1000)
    const plan = planRetention(many, policy, now, 'Europe/Rome')
    expect(plan.keep.length + plan.remove.length).toBe(many.length)
  }
})
