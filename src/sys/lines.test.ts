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
