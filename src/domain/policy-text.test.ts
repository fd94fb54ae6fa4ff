import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatPolicy, parsePolicy } from './policy-text.ts'
import type { RetentionPolicy } from './retention-policy.ts'

test.each<[string, RetentionPolicy]>([
  ['count:7', { mode: 'count', count: 7 }],
  ['daily:30', { mode: 'daily', days: 30 }],
  ['gfs:7,4,3', { mode: 'gfs', daily: 7, weekly: 4, monthly: 3, yearly: 0 }],
  ['gfs:7,4,3,1', { mode: 'gfs', daily: 7, weekly: 4, monthly: 3, yearly: 1 }],
  ['count:7,max=50GiB', { mode: 'count', count: 7, maxBytes: 50 * 1024 ** 3 }],
  ['gfs:7,4,3,max=1TiB', { mode: 'gfs', daily: 7, weekly: 4, monthly: 3, yearly: 0, maxBytes: 1024 ** 4 }],
])('%s is read and written', (text, policy) => {
  expect(parsePolicy(text)).toEqual(policy)
  expect(formatPolicy(policy)).toBe(text)
})

test.each([
  '',
  'count',
  'count:',
  'count:0',
  'count:-1',
  'count:1.5',
  'count:7,4',
  'count:1e3',
  'count:100001',
  'daily:0',
  'daily:7,',
  'gfs:7',
  'gfs:7,4',
  'gfs:7,4,3,1,1',
  'weekly:4',
  'count:7,max=',
  'count:7,max=lots',
  'count:7,max=0',
  'max=50GiB',
  'count:7;max=50GiB',
  'COUNT:7',
])('%j is no policy', (text) => {
  expect(parsePolicy(text)).toBeNull()
})

test('every policy is read back from its text', () => {
  const maxBytes = fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined })
  const limited = <T extends object>(rule: fc.Arbitrary<T>) =>
    fc.tuple(rule, maxBytes).map(([one, max]) => (max === undefined ? one : { ...one, maxBytes: max }))
  const policies = fc.oneof(
    limited(fc.record({ mode: fc.constant('count' as const), count: fc.integer({ min: 1, max: 100_000 }) })),
    limited(fc.record({ mode: fc.constant('daily' as const), days: fc.integer({ min: 1, max: 36_500 }) })),
    limited(
      fc.record({
        mode: fc.constant('gfs' as const),
        daily: fc.integer({ min: 1, max: 36_500 }),
        weekly: fc.nat(5200),
        monthly: fc.nat(1200),
        yearly: fc.nat(100),
      }),
    ),
  )
  fc.assert(
    fc.property(policies, (policy) => {
      expect(parsePolicy(formatPolicy(policy))).toEqual(policy)
    }),
  )
})
