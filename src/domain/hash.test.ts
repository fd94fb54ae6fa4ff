import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { hash32, shortHash } from './hash.ts'

// Names on disk contain these values: a change would give an old subject a new name.
test.each([
  ['', 'd821df5'],
  ['hermes-agent', 'wldut1c'],
  ['Photos d’été', 'mulolkx'],
])('the hash of %j never changes', (text, hash) => {
  expect(shortHash(text)).toBe(hash)
})

test('a short hash has seven characters that may stand in a name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(shortHash(text)).toMatch(/^[0-9a-z]{7}$/)
    }),
  )
})

test('100,000 similar texts get different short hashes', () => {
  const texts = Array.from({ length: 100_000 }, (_, i) => `a-very-long-directory-name-${i}`)
  expect(new Set(texts.map(shortHash)).size).toBe(texts.length)
})

test('32-bit hashes spread evenly over a range', () => {
  const buckets = Array.from({ length: 10 }, () => 0)
  for (let i = 0; i < 10_000; i++) {
    const bucket = hash32(`job-${i}`) % 10
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
  }
  for (const size of buckets) expect(Math.abs(size - 1000)).toBeLessThan(150)
})
