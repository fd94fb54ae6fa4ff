import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rangeOf, sameFile } from './range.ts'

test.each([
  ['bytes=0-99', { offset: 0, length: 100 }],
  ['bytes=900-', { offset: 900, length: 100 }],
  ['bytes=900-5000', { offset: 900, length: 100 }],
  ['bytes=-10', { offset: 990, length: 10 }],
  ['bytes=-5000', { offset: 0, length: 1000 }],
  ['Bytes = 999-999', { offset: 999, length: 1 }],
])('%s is a part of a file of 1000 bytes', (header, range) => {
  expect(rangeOf(header, 1000)).toEqual(range)
})

test.each(['bytes=1000-', 'bytes=1000-1001', 'bytes=-0', 'bytes=99999999-'])(
  '%s lies behind its end',
  (header) => {
    expect(rangeOf(header, 1000)).toBe('unsatisfiable')
  },
)

test.each([
  undefined,
  '',
  'bytes=',
  'bytes=-',
  'bytes=5-4',
  'bytes=0-1,3-4',
  'lines=0-1',
  'bytes=a-b',
  'bytes=0-1e3',
])('%s is answered with the whole file', (header) => {
  expect(rangeOf(header, 1000)).toBe('whole')
})

test('no part of an empty file can be had', () => {
  expect([rangeOf('bytes=0-', 0), rangeOf('bytes=-1', 0)]).toEqual(['unsatisfiable', 'unsatisfiable'])
})

test('a range never reaches outside the file', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), (first, last, size) => {
      for (const header of [`bytes=${first}-${last}`, `bytes=${first}-`, `bytes=-${last}`]) {
        const range = rangeOf(header, size)
        if (typeof range === 'string') continue
        expect(range.offset >= 0 && range.length > 0 && range.offset + range.length <= size).toBe(true)
      }
    }),
  )
})

test('a download goes on only with the same file', () => {
  expect(sameFile(undefined, '"a"')).toBe(true)
  expect(sameFile('"a"', '"a"')).toBe(true)
  for (const other of ['"b"', 'W/"a"', 'a', 'Sat, 21 Nov 2026 09:00:00 GMT', ''])
    expect(sameFile(other, '"a"')).toBe(false)
})
