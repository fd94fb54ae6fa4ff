import { array, assert, nat, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { lineReader } from './lines.ts'

function read(chunks: readonly Uint8Array[], limit = 1000): string[] {
  const lines: string[] = []
  const reader = lineReader(limit, (line) => lines.push(line))
  for (const chunk of chunks) reader.push(chunk)
  reader.end()
  return lines
}

test('lines are the same however the bytes were cut', () => {
  const lines = array(string({ unit: 'grapheme' }).filter((s) => !s.includes('\n')))
  assert(
    property(lines, array(nat(200)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
      const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]
      const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
      expect(read(chunks)).toEqual(lines)
    }),
  )
})

test('a line that is too long is cut, and the next one is whole again', () => {
  expect(read([Buffer.from('123456'), Buffer.from('789\nab\n')], 4)).toEqual(['1234', 'ab'])
})

test('an empty line is a line; nothing at all is none', () => {
  expect(read([Buffer.from('\n\nx')])).toEqual(['', '', 'x'])
  expect(read([])).toEqual([])
})

test('raw bytes between lines are handed out as they are, however they were cut', () => {
  const raw = Buffer.from('1\n2\n\nnot a line')
  const bytes = Buffer.concat([Buffer.from('first\n'), raw, Buffer.from('second\nthird\n')])
  assert(
    property(array(nat(bytes.length)), (cuts) => {
      const seen: string[] = []
      const reader = lineReader(1000, (line) => {
        seen.push(line)
        if (line === 'first')
          reader.raw(raw.length, (piece) => seen.push(`raw ${Buffer.from(piece).toString()}`))
      })
      const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      for (const [i, start] of at.slice(0, -1).entries()) reader.push(bytes.subarray(start, at[i + 1]))
      const pieces = seen.filter((one) => one.startsWith('raw ')).map((one) => one.slice(4))
      expect(pieces.join('')).toBe(raw.toString())
      expect(seen.filter((one) => !one.startsWith('raw '))).toEqual(['first', 'second', 'third'])
    }),
  )
})
