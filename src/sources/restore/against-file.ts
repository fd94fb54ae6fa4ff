// Compares the data of a tar's member with a file: plain, or sparse as GNU tar stores it in PAX (version 1.0).
import { fstatSync, readSync } from 'node:fs'
import { blockSize } from '../../archive/format.ts'
import type { TarMember } from '../../archive/tar-scanner.ts'

const bufferSize = 1024 * 1024
/** File systems round up what a file takes. */
const slackBytes = 128 * 1024
const mapMost = 64 * 1024 * 1024

export interface FileComparison {
  /** The next piece of the member's data, as it is stored. */
  data(piece: Buffer): void
  /** Whether the file holds all that was handed over; of a sparse member, and nothing else. */
  same(): boolean
}

/** Compares the data of a member with the open file `fd`, whose length is known to be the member's. */
export function againstFile(fd: number, member: TarMember): FileComparison {
  // A sparse member holds its map too: it is never as long as the file.
  return member.size === member.realSize ? plain(fd) : sparse(fd, member)
}

function plain(fd: number): FileComparison {
  let at = 0
  let same = true
  return {
    data: (piece) => {
      same &&= isEqual(fd, at, piece)
      at += piece.length
    },
    same: () => same,
  }
}

function sparse(fd: number, member: TarMember): FileComparison {
  let head = Buffer.alloc(0)
  let map: readonly Segment[] | null = null
  let index = 0
  let within = 0
  let same = true
  const take = (piece: Buffer): void => {
    for (let from = 0; from < piece.length;) {
      const segment = map?.[index]
      // Zeros that fill up the last block.
      if (segment === undefined) return
      const length = Math.min(piece.length - from, segment.length - within)
      same &&= isEqual(fd, segment.offset + within, piece.subarray(from, from + length))
      from += length
      within += length
      if (within < segment.length) continue
      index += 1
      within = 0
    }
  }
  return {
    data: (piece) => {
      if (map !== null) return take(piece)
      head = Buffer.concat([head, piece])
      const read = head.length > mapMost ? null : readSparseMap(head)
      if (read === null) return
      map = read.segments.filter(({ length }) => length > 0)
      take(head.subarray(read.bytes))
      head = Buffer.alloc(0)
    },
    same: () => same && map !== null && index === map.length && hasHoles(fd, map, member.realSize),
  }
}

interface Segment {
  readonly offset: number
  readonly length: number
}

/**
 * The map at the beginning of a sparse member: decimal numbers, one per line, filled up to whole blocks. Null when it is
 * not complete, or none. Pure.
 */
function readSparseMap(
  data: Buffer,
): { readonly segments: readonly Segment[]; readonly bytes: number } | null {
  const numbers: number[] = []
  let at = 0
  let wanted = 1
  while (numbers.length < wanted) {
    const end = data.indexOf(0x0a, at)
    if (end === -1) return null
    const text = data.toString('latin1', at, end)
    if (!/^\d{1,16}$/.test(text)) return null
    numbers.push(Number(text))
    if (numbers.length === 1) wanted = 1 + 2 * Number(text)
    at = end + 1
  }
  const segments = Array.from({ length: (wanted - 1) / 2 }, (_, i) => ({
    offset: numbers[1 + 2 * i] ?? 0,
    length: numbers[2 + 2 * i] ?? 0,
  }))
  return { segments, bytes: Math.ceil(at / blockSize) * blockSize }
}

/** Nothing but the segments: a file that takes no more room than they do has holes everywhere else. */
function hasHoles(fd: number, map: readonly Segment[], size: number): boolean {
  const stored = map.reduce((sum, { length }) => sum + length + 2 * 4096, 0)
  if (fstatSync(fd).blocks * 512 <= stored + slackBytes) return true
  let at = 0
  for (const { offset, length } of [...map, { offset: size, length: 0 }]) {
    if (!isZero(fd, at, offset)) return false
    at = offset + length
  }
  return true
}

function isEqual(fd: number, at: number, wanted: Buffer): boolean {
  const buffer = Buffer.allocUnsafe(wanted.length)
  let filled = 0
  while (filled < wanted.length) {
    const read = readSync(fd, buffer, filled, wanted.length - filled, at + filled)
    if (read === 0) return false
    filled += read
  }
  return buffer.equals(wanted)
}

function isZero(fd: number, from: number, to: number): boolean {
  const buffer = Buffer.allocUnsafe(bufferSize)
  for (let at = from; at < to;) {
    const read = readSync(fd, buffer, 0, Math.min(bufferSize, to - at), at)
    if (read === 0 || buffer.subarray(0, read).some((byte) => byte !== 0)) return false
    at += read
  }
  return true
}
