// Finds `backup_info.json` at the end of a tar without reading what is before it.
import type { BigIntStats } from 'node:fs'
import { backupInfoMaxBytes, backupInfoMember, blockSize, recordSize } from './format.ts'
import { openRegular } from './open-regular.ts'
import { parseObject, readAt } from './read-json.ts'
import { readHeader } from './tar-fields.ts'
import { padded } from './tar-scanner.ts'

/** Enough for nearly every description; more is read only when it may be inside a longer one. */
const firstLook = 24 * 1024
const farthestLook = padded(backupInfoMaxBytes) + recordSize + blockSize

export type TailFound =
  | { readonly found: 'description'; readonly value: Readonly<Record<string, unknown>> }
  /** The tar ends with something else. */
  | { readonly found: 'nothing' }
  /** All of it may be the text of one long description. */
  | { readonly found: 'perhaps' }

/**
 * Our description from inside a tar, null when its last member is something else. The member must be followed by
 * nothing but zeros, and if it says how many bytes it vouches for, these must be exactly the ones before it: a copy of
 * one of our tars inside the payload is not taken for the description of the whole.
 * `known` as in {@link openRegular}.
 */
export async function readTail(
  path: string,
  known?: BigIntStats,
): Promise<Readonly<Record<string, unknown>> | null> {
  const handle = await openRegular(path, known)
  try {
    const stats = await handle.stat()
    if (stats.size % blockSize !== 0) return null
    for (let length = firstLook; ; length *= 8) {
      const start = Math.max(0, stats.size - Math.min(length, farthestLook))
      const look = findInTail(await readAt(handle, start, stats.size - start), start)
      if (look.found === 'description') return look.value
      if (look.found === 'nothing' || start === 0 || length >= farthestLook) return null
    }
  } finally {
    await handle.close()
  }
}

/** The same, within the last bytes of a tar, which begin at byte `start` of it. Pure. */
export function findInTail(tail: Buffer, start: number): TailFound {
  let inText = false
  for (let at = tail.length - blockSize; at >= 0; at -= blockSize) {
    const block = tail.subarray(at, at + blockSize)
    const header = readHeader(block)
    if (typeof header === 'string') {
      // Zeros, then the text of the description, whose last block may be filled up with zeros: anything else is not ours.
      const zero = block.indexOf(0)
      const isPadding = zero !== -1 && block.subarray(zero).every((byte) => byte === 0)
      if (zero !== -1 && (inText || !isPadding)) return { found: 'nothing' }
      if (zero !== 0) inText = true
      continue
    }
    if (header.type !== '0' || header.name.toString('latin1') !== backupInfoMember)
      return { found: 'nothing' }
    const data = tail.subarray(at + blockSize, at + blockSize + header.size)
    const rest = tail.subarray(at + blockSize + padded(header.size))
    if (data.length !== header.size || rest.some((byte) => byte !== 0)) return { found: 'nothing' }
    const json = parseObject(data)
    const vouched = json.ok ? json.value['sha256_bytes'] : null
    const ours = json.ok && (vouched === undefined || vouched === start + at)
    return ours ? { found: 'description', value: json.value } : { found: 'nothing' }
  }
  return { found: 'perhaps' }
}
