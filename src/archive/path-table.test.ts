import { expect, test } from 'vitest'
import { pathTable } from './path-table.ts'

test('every path keeps its number, the last one given, however many there are', () => {
  const table = pathTable()
  const count = 20_000
  for (let n = 0; n < count; n += 1) table.set(`some/path/${n}`, n)
  table.set('some/path/7', 70)
  table.set('', 5)
  expect(table.size()).toBe(count + 1)
  const wrong = Array.from({ length: count }, (_, n) => n).filter(
    (n) => n !== 7 && table.get(`some/path/${n}`) !== n,
  )
  expect(wrong).toEqual([])
  expect([table.get('some/path/7'), table.get(''), table.get('other')]).toEqual([70, 5, undefined])
})
