// Whole plans to read and compare; `UPDATE_GOLDEN=1 vitest run src/domain/retention.golden.test.ts` writes them anew.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env } from 'node:process'
import { describe, expect, test } from 'vitest'
import { localDay } from './calendar.ts'
import { localIso } from './iso-time.ts'
import { parsePolicy } from './policy-text.ts'
import { planRetention, type RetentionItem } from './retention.ts'

const folder = join(import.meta.dirname, '../../test/golden/retention')
const day = 86_400_000

interface Scenario {
  readonly policy: string
  /** With offset. */
  readonly now: string
  readonly zone: string
  readonly items: readonly RetentionItem[]
}

/** One archive each night for `nights`, the newest at `last`; `change` may alter or leave out one by its index. */
function nightly(
  last: string,
  nights: number,
  zone: string,
  change: (item: RetentionItem, i: number) => RetentionItem | null = (item) => item,
): RetentionItem[] {
  return Array.from({ length: nights }, (_, i) => {
    const createdAt = Date.parse(last) - i * day
    return change({ name: `jerry_nocodb_${localDay(createdAt, zone)}`, createdAt, sizeBytes: 1024 ** 3 }, i)
  }).filter((item) => item !== null)
}

const paris = 'Europe/Paris'
const may8 = '2026-05-08T03:00:00+02:00'
const scenarios: Readonly<Record<string, Scenario>> = {
  'count-7-of-ten': { policy: 'count:7', now: may8, zone: paris, items: nightly(may8, 10, paris) },
  'daily-7-two-a-day-over-spring-change': {
    policy: 'daily:7',
    now: '2026-04-01T03:00:00+02:00',
    zone: paris,
    items: [
      ...nightly('2026-04-01T02:59:00+02:00', 12, paris),
      ...nightly('2026-03-31T23:30:00+02:00', 12, paris, (item) => ({ ...item, name: `${item.name}-2` })),
    ],
  },
  'daily-7-after-a-month-off': {
    policy: 'daily:7',
    now: '2026-06-08T03:00:00+02:00',
    zone: paris,
    items: nightly(may8, 10, paris),
  },
  'daily-5-apia-skips-a-day': {
    policy: 'daily:5',
    now: '2012-01-02T03:05:00+14:00',
    zone: 'Pacific/Apia',
    items: nightly('2012-01-02T03:00:00+14:00', 9, 'Pacific/Apia'),
  },
  'gfs-7-4-3-of-half-a-year': {
    policy: 'gfs:7,4,3',
    now: may8,
    zone: paris,
    items: nightly(may8, 180, paris),
  },
  'gfs-3-2-6-2-around-new-year': {
    policy: 'gfs:3,2,6,2',
    now: '2027-01-04T03:00:00+01:00',
    zone: paris,
    items: nightly('2027-01-04T03:00:00+01:00', 70, paris, (item, i) => (i % 3 === 2 ? null : item)),
  },
  'gfs-7-4-3-with-gaps': {
    policy: 'gfs:7,4,3',
    now: may8,
    zone: paris,
    items: nightly(may8, 400, paris, (item, i) => (i === 0 || (i * i) % 11 === 3 ? item : null)),
  },
  'count-3-with-pinned-used-and-corrupted': {
    policy: 'count:3',
    now: may8,
    zone: paris,
    items: nightly(may8, 10, paris, (item, i) => {
      if (i === 0 || i === 2) return { ...item, state: 'corrupted' }
      if (i === 6) return { ...item, pinned: true }
      if (i === 8) return { ...item, inUse: true }
      return { ...item, state: i === 1 ? 'unverified' : 'ok' }
    }),
  },
  'gfs-7-4-3-in-a-budget-of-6-gib': {
    policy: 'gfs:7,4,3,max=6GiB',
    now: may8,
    zone: paris,
    items: nightly(may8, 60, paris, (item, i) => (i === 40 ? { ...item, pinned: true } : item)),
  },
  'count-3-clock-was-ahead': {
    policy: 'count:3',
    now: may8,
    zone: paris,
    items: [...nightly('2031-01-01T03:00:00+01:00', 2, paris), ...nightly(may8, 5, paris)],
  },
}

const lines = (list: readonly unknown[]) =>
  list.length === 0 ? '[]' : `[\n${list.map((one) => `    ${JSON.stringify(one)}`).join(',\n')}\n  ]`

function told({ policy, now, zone, items }: Scenario): string {
  const parsed = parsePolicy(policy)
  if (parsed === null) throw new Error(`no policy: ${policy}`)
  const plan = planRetention(items, parsed, Date.parse(now), zone)
  const archives = items
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .map(({ createdAt, ...rest }) => ({ created_at: localIso(createdAt, zone), ...rest }))
  return [
    `{\n  "policy": "${policy}",\n  "now": "${now}",\n  "time_zone": "${zone}"`,
    `  "keep": ${lines(plan.keep)}`,
    `  "remove": ${lines(plan.remove)}`,
    `  "archives": ${lines(archives)}\n}\n`,
  ].join(',\n')
}

describe('golden retention plans', () => {
  test.each(Object.entries(scenarios))('%s is planned as on file', (name, scenario) => {
    const file = join(folder, `${name}.json`)
    const text = told(scenario)
    expect(() => JSON.parse(text) as unknown).not.toThrow()
    if (env['UPDATE_GOLDEN'] === '1') {
      mkdirSync(folder, { recursive: true })
      writeFileSync(file, text)
    }
    expect(text).toBe(readFileSync(file, 'utf8'))
  })

  test('every file belongs to a scenario', () => {
    expect(readdirSync(folder).toSorted()).toEqual(
      Object.keys(scenarios)
        .map((name) => `${name}.json`)
        .toSorted(),
    )
  })
})
