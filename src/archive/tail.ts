// Finds `backup_info.json` at the end of a tar without reading what is before it.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { backupInfoMaxBytes, backupInfoMember, blockSize, recordSize } from './format.ts'
import { parseObject, readAt } from './read-json.ts'
import { readHeader } from './tar-fields.ts'
import { padded } from './tar-scanner.ts'

const tailBytes = padded(backupInfoMaxBytes) + recordSize + blockSize

/**
 * Our description from inside a tar, null when its last member is something else. The member must be followed by
 * nothing but zeros, and if it says how many bytes it vouches for, these must be exactly the ones before it: a copy of
 * one of our tars inside the payload is not taken for the description of the whole.
 */
export async function readTail(path: string): Promise<Readonly<Record<string, unknown>> | null> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = await handle.stat()
    if (!stats.isFile() || stats.size % blockSize !== 0) return null
    const start = Math.max(0, stats.size - tailBytes)
    return findInTail(await readAt(handle, start, stats.size - start), start)
  } finally {
    await handle.close()
  }
}

/** The same, within the last bytes of a tar, which begin at byte `start` of it. Pure. */
export function findInTail(tail: Buffer, start: number): Readonly<Record<string, unknown>> | null {
  for (let at = tail.length - 2 * blockSize; at >= 0; at -= blockSize) {
    const header = readHeader(tail.subarray(at, at + blockSize))
    if (typeof header === 'string') continue
    if (header.type !== '0' || header.name.toString('latin1') !== backupInfoMember) return null
    const data = tail.subarray(at + blockSize, at + blockSize + header.size)
    const rest = tail.subarray(at + blockSize + padded(header.size))
    if (data.length !== header.size || rest.some((byte) => byte !== 0)) return null
    const json = parseObject(data)
    if (!json.ok) return null
    const vouched = json.value['sha256_bytes']
    return vouched === undefined || vouched === start + at ? json.value : null
  }
  return null
}
