// Remembers a million paths in a few bytes each: their hash, and a number. Two paths that share 64 bits of SHA-1 are taken for one;
// among a million that is a chance of one in forty million.
import { hash } from 'node:crypto'

const empty = -1

export interface PathTable {
  /** Remembers the number for the path (latin1: bytes), instead of an earlier one. */
  set(path: string, value: number): void
  /** Undefined for a path that was not set. */
  get(path: string): number | undefined
  /** Different paths. */
  size(): number
}

/** An empty table. Numbers are whole, from 0 to 2^31 - 1. */
export function pathTable(): PathTable {
  let slots = 1024
  let keys = new BigUint64Array(slots)
  let values = new Int32Array(slots).fill(empty)
  let size = 0

  /** Where the key is, or the free place where it belongs. */
  const find = (key: bigint): number => {
    let at = Number(key & BigInt(slots - 1))
    while (values[at] !== empty && keys[at] !== key) at = (at + 1) % slots
    return at
  }
  const grow = (): void => {
    const old = { keys, values }
    slots *= 2
    keys = new BigUint64Array(slots)
    values = new Int32Array(slots).fill(empty)
    old.values.forEach((value, i) => {
      if (value === empty) return
      const key = old.keys[i] ?? 0n
      const at = find(key)
      keys[at] = key
      values[at] = value
    })
  }
  const keyOf = (path: string): bigint =>
    hash('sha1', Buffer.from(path, 'latin1'), 'buffer').readBigUInt64LE(0)

  return {
    set(path, value) {
      if (size * 2 >= slots) grow()
      const key = keyOf(path)
      const at = find(key)
      if (values[at] === empty) size += 1
      keys[at] = key
      values[at] = value
    },
    get(path) {
      const value = values[find(keyOf(path))]
      return value === empty ? undefined : value
    },
    size: () => size,
  }
}
