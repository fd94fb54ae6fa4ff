import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { exactBytes, formatBytes, parseBytes } from './bytes.ts'

test.each([
  [0, '0 B', '0 o'],
  [1, '1 B', '1 o'],
  [1023, '1023 B', '1023 o'],
  [1024, '1 KiB', '1 Kio'],
  [1536, '1.5 KiB', '1,5 Kio'],
  [102_400, '100 KiB', '100 Kio'],
  [1024 ** 2 - 1, '1 MiB', '1 Mio'],
  [1_288_490_189, '1.2 GiB', '1,2 Gio'],
  [5 * 1024 ** 4, '5 TiB', '5 Tio'],
  [3000 * 1024 ** 5, '3000 PiB', '3000 Pio'],
  [-1536, '-1.5 KiB', '-1,5 Kio'],
])('%i bytes are written %s and %s', (bytes, english, french) => {
  expect(formatBytes(bytes, 'en').replace('\u00a0', ' ')).toBe(english)
  expect(formatBytes(bytes, 'fr').replace('\u00a0', ' ')).toBe(french)
})

test.each([
  ['4096', 4096],
  ['10 B', 10],
  ['50GiB', 50 * 1024 ** 3],
  ['1,5 Gio', 1.5 * 1024 ** 3],
  ['1.5\u00a0GiB', 1.5 * 1024 ** 3],
  ['20GB', 20e9],
  ['20 Go', 20e9],
  ['2k', 2048],
  ['1T', 1024 ** 4],
])('%j is %i bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes)
})

test.each(['', 'GiB', '-1', '1e9', '5Gi', '1..5G', '12 XB', '9999999999 PiB', '1,5,5', '0x10', 'Infinity'])(
  '%j is no size',
  (text) => {
    expect(parseBytes(text)).toBeNull()
  },
)

test('the exact text is read back to the same number', () => {
  const sizes = fc.oneof(
    fc.maxSafeNat(),
    fc.tuple(fc.nat(1000), fc.nat(4)).map(([n, power]) => n * 1024 ** power),
  )
  fc.assert(
    fc.property(sizes, (bytes) => {
      expect(parseBytes(exactBytes(bytes))).toBe(bytes)
    }),
  )
  expect(exactBytes(50 * 1024 ** 3)).toBe('50GiB')
})

test('a written size never shows 1,024 of a unit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (bytes) => {
      expect(formatBytes(bytes, 'en')).not.toMatch(/^1024/)
    }),
  )
})
