import { expect, test } from 'vitest'
import { sizeCollapsed } from './anomaly.ts'

const MIB = 1024 * 1024

test.each([
  ['half of what is usual', 49 * MIB, [100 * MIB, 101 * MIB, 99 * MIB], true],
  ['a little less than usual', 60 * MIB, [100 * MIB, 101 * MIB, 99 * MIB], false],
  ['one odd backup before it', 49 * MIB, [400 * MIB, 50 * MIB, 51 * MIB], false],
  ['only one to compare with', 1, [100 * MIB], false],
  ['none to compare with', 1, [], false],
  ['small archives, which vary', 10, [1000, 1000, 1000], false],
  ['growth', 500 * MIB, [100 * MIB, 100 * MIB], false],
])('%s', (_, bytes, earlier, expected) => {
  expect(sizeCollapsed(bytes, earlier)).toBe(expected)
})
