import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { planRetention, type RetentionItem } from './retention.ts'
import type { RetentionPolicy } from './retention-policy.ts'

const zones = ['Europe/Paris', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/St_Johns', 'UTC']
const hour = 3_600_000
// The week in which Samoa lost a day, Newfoundland's odd midnight, a change in Paris, and any time around them.
const nows = fc.constantFrom(
  Date.parse('2012-01-02T15:00:00Z'),
  Date.parse('2010-11-08T01:30:00Z'),
  Date.parse('2026-10-26T00:30:00Z'),
)
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const ages = fc.oneof(
  fc.integer({ min: -48, max: 24 * 12 }).map((n) => n * hour),
  fc.integer({ min: -48 * 60, max: 60 * 24 * 3 }).map((n) => n * 60_000),
  fc.integer({ min: 0, max: 900 }).map((n) => n * 24 * hour),
)
interface Drawn {
  readonly age: number
  readonly pinned: boolean | undefined
  readonly state: RetentionItem['state']
  readonly inUse: boolean | undefined
  readonly sizeBytes: number | undefined
}
const draws = fc.array(
  fc.record<Drawn>({
    age: ages,
    pinned: optional(fc.boolean()),
    state: fc.constantFrom(undefined, 'ok', 'ok', 'unverified', 'corrupted'),
    inUse: fc.constantFrom(undefined, false, false, true),
    sizeBytes: optional(fc.nat(100)),
  }),
  { maxLength: 40 },
)
const few = fc.nat(6)
const rules = fc.oneof(
  fc.record({ mode: fc.constant('count' as const), count: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ mode: fc.constant('daily' as const), days: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ mode: fc.constant('gfs' as const), daily: few, weekly: few, monthly: few, yearly: few }),
)
const policies: fc.Arbitrary<RetentionPolicy> = fc
  .tuple(rules, optional(fc.integer({ min: 1, max: 1000 })))
  .map(([rule, maxBytes]) => (maxBytes === undefined ? rule : { ...rule, maxBytes }))

/** A situation: archives with the names 0, 1, 2…, a policy, a moment and a zone. */
const situations = fc
  .record({ draws, policy: policies, now: nows, zone: fc.constantFrom(...zones) })
  .map((drawn) => ({
    ...drawn,
    items: drawn.draws.map(({ age, pinned, state, inUse, sizeBytes }, i): RetentionItem => ({
      name: String(i).padStart(2, '0'),
      createdAt: drawn.now - age,
      ...(pinned === undefined ? {} : { pinned }),
      ...(state === undefined ? {} : { state }),
      ...(inUse === undefined ? {} : { inUse }),
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
    })),
  }))
/** The policy with more of everything and no budget. */
const looser = (policy: RetentionPolicy, more: readonly number[]): RetentionPolicy => {
  const [a = 0, b = 0, c = 0, d = 0] = more
  if (policy.mode === 'count') return { mode: 'count', count: policy.count + a }
  if (policy.mode === 'daily') return { mode: 'daily', days: policy.days + a }
  const { daily, weekly, monthly, yearly } = policy
  return { mode: 'gfs', daily: daily + a, weekly: weekly + b, monthly: monthly + c, yearly: yearly + d }
}

const kept = (plan: ReturnType<typeof planRetention>) => plan.keep.map(({ name }) => name)
const runs = { numRuns: 1000 }

describe('retention, whatever the archives and the policy', () => {
  test('tells of every archive exactly once, with a reason, newest first', () => {
    fc.assert(
      fc.property(situations, ({ items, policy, now, zone }) => {
        const plan = planRetention(items, policy, now, zone)
        const names = [...kept(plan), ...plan.remove.map(({ name }) => name)]
        expect(names.toSorted()).toEqual(items.map(({ name }) => name))
        for (const { reasons } of plan.keep) expect(reasons.length).toBeGreaterThan(0)
        const time = new Map(items.map((one) => [one.name, one.createdAt]))
        const times = (list: readonly { name: string }[]) => list.map(({ name }) => time.get(name) ?? NaN)
        for (const list of [times(plan.keep), times(plan.remove)]) {
          expect(list).toEqual(list.toSorted((a, b) => b - a))
        }
      }),
      runs,
    )
  })

  test('never removes what is pinned or in use', () => {
    fc.assert(
      fc.property(situations, ({ items, policy, now, zone }) => {
        const removed = new Set(planRetention(items, policy, now, zone).remove.map(({ name }) => name))
        expect(items.filter((one) => (one.pinned || one.inUse) && removed.has(one.name))).toEqual([])
      }),
      runs,
    )
  })

  test('keeps the newest good archive and says so', () => {
    fc.assert(
      fc.property(situations, ({ items, policy, now, zone }) => {
        const plan = planRetention(items, policy, now, zone)
        const good = items.filter((one) => one.state !== 'corrupted')
        const newest = Math.max(...good.filter((one) => one.createdAt <= now).map((one) => one.createdAt))
        const named = plan.keep.filter(({ reasons }) => reasons.includes('newest_good'))
        expect(named.length).toBe(good.length === 0 ? 0 : 1)
        if (newest === -Infinity) return
        expect(items.find(({ name }) => name === named[0]?.name)?.createdAt).toBe(newest)
      }),
      runs,
    )
  })

  test('does not depend on the order of the archives and changes none of them', () => {
    fc.assert(
      fc.property(situations, fc.infiniteStream(fc.nat()), ({ items, policy, now, zone }, random) => {
        const shuffled = items
          .map((one) => ({ one, at: random.next().value ?? 0 }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ one }) => Object.freeze(one))
        const plan = planRetention(Object.freeze(shuffled), policy, now, zone)
        expect(plan).toEqual(planRetention(items, policy, now, zone))
      }),
      runs,
    )
  })

  test('removes nothing more when asked again for the survivors', () => {
    fc.assert(
      fc.property(situations, ({ items, policy, now, zone }) => {
        const names = new Set(kept(planRetention(items, policy, now, zone)))
        const survivors = items.filter(({ name }) => names.has(name))
        expect(planRetention(survivors, policy, now, zone).remove).toEqual([])
      }),
      runs,
    )
  })

  test('keeps at least as much under a looser policy', () => {
    fc.assert(
      fc.property(situations, fc.tuple(few, few, few, few), ({ items, policy, now, zone }, more) => {
        const strict = kept(planRetention(items, policy, now, zone))
        const loose = new Set(kept(planRetention(items, looser(policy, more), now, zone)))
        expect(strict.filter((name) => !loose.has(name))).toEqual([])
      }),
      runs,
    )
  })

  test('keeps at least as much with a larger budget', () => {
    fc.assert(
      fc.property(situations, fc.nat(500), ({ items, policy, now, zone }, more) => {
        const maxBytes = policy.maxBytes ?? 200
        const strict = kept(planRetention(items, { ...policy, maxBytes }, now, zone))
        const loose = new Set(kept(planRetention(items, { ...policy, maxBytes: maxBytes + more }, now, zone)))
        expect(strict.filter((name) => !loose.has(name))).toEqual([])
      }),
      runs,
    )
  })

  test('is what a slow and simple model says', () => {
    fc.assert(
      fc.property(situations, ({ items, policy, now, zone }) => {
        expect(kept(planRetention(items, policy, now, zone)).toSorted()).toEqual(
          model(items, policy, now, zone),
        )
      }),
      { numRuns: 3000 },
    )
  })
})

// --- the model: written from product.md §6 with Intl and quadratic comparisons, sharing no code with retention.ts ---

const newer = (a: RetentionItem, b: RetentionItem) =>
  a.createdAt > b.createdAt || (a.createdAt === b.createdAt && a.name > b.name)

function isNewest(one: RetentionItem, among: readonly RetentionItem[]): boolean {
  return !among.some((other) => newer(other, one))
}

/** Names that stay, sorted. */
function model(
  items: readonly RetentionItem[],
  policy: RetentionPolicy,
  now: number,
  zone: string,
): string[] {
  const good = items.filter((one) => one.state !== 'corrupted')
  const past = good.filter((one) => one.createdAt <= now)
  const day = (ms: number) => new Date(ms).toLocaleDateString('sv-SE', { timeZone: zone })
  const newestOf = (key: (one: RetentionItem) => string, most: number) => (one: RetentionItem) => {
    const newerKeys = new Set(past.filter((other) => newer(other, one)).map(key))
    return past.includes(one) && !newerKeys.has(key(one)) && newerKeys.size < most
  }
  const inPolicy = (one: RetentionItem): boolean => {
    if (policy.mode === 'count') return newestOf((other) => other.name, policy.count)(one)
    if (policy.mode === 'daily') {
      const first = Date.parse(day(now)) - policy.days * 24 * hour
      return (
        newestOf((other) => day(other.createdAt), Infinity)(one) && Date.parse(day(one.createdAt)) >= first
      )
    }
    return (
      newestOf((other) => day(other.createdAt), policy.daily)(one) ||
      newestOf((other) => isoWeek(day(other.createdAt)), policy.weekly)(one) ||
      newestOf((other) => day(other.createdAt).slice(0, 7), policy.monthly)(one) ||
      newestOf((other) => day(other.createdAt).slice(0, 4), policy.yearly)(one)
    )
  }
  const mustStay = (one: RetentionItem): boolean =>
    one.pinned === true ||
    one.inUse === true ||
    one.createdAt > now ||
    (past.length > 0
      ? past.includes(one) && isNewest(one, past)
      : good.includes(one) && isNewest(one, good)) ||
    (one.state === 'corrupted' && !past.some((other) => newer(other, one)))
  let stay = items.filter((one) => mustStay(one) || inPolicy(one))
  const { maxBytes = Infinity } = policy
  while (stay.reduce((sum, one) => sum + (one.sizeBytes ?? 0), 0) > maxBytes) {
    const oldest = stay
      .filter((one) => !mustStay(one))
      .find((one, _, all) => !all.some((other) => newer(one, other)))
    if (oldest === undefined) break
    stay = stay.filter((one) => one !== oldest)
  }
  return stay.map(({ name }) => name).toSorted()
}

/** The Monday that begins the week: as good a key as the week's number. */
function isoWeek(day: string): string {
  const date = new Date(`${day}T00:00:00Z`)
  while (date.getUTCDay() !== 1) date.setUTCDate(date.getUTCDate() - 1)
  return date.toISOString()
}
