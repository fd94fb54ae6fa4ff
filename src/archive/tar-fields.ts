// Reads the fields of one 512-byte tar header, whoever wrote it. Pure; says null instead of guessing.
import { blockSize } from './format.ts'

/** A header that says what it should: its checksum and the numbers in it are right. */
export interface TarFields {
  /** As one character; old tars' NUL is `0`. */
  readonly type: string
  readonly name: Buffer
  /** The name as readers take it that look for the first part of a long name in any header; null when it is the same. */
  readonly otherName: Buffer | null
  readonly linkName: Buffer
  /** Bytes of data behind the header, before any PAX record says otherwise. */
  readonly size: number
  /** Permission bits, setuid and its like included. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Whole seconds since 1970. */
  readonly mtime: number
  readonly owner: Buffer
  readonly group: Buffer
  /** Old GNU sparse headers only: more sparse headers follow. */
  readonly extended: boolean
  /** Old GNU sparse headers only: bytes once unpacked. */
  readonly realSize: number | null
}

const canonicalChecksum = /^[0-7]{6}\0 $/

/**
 * Null when the checksum does not fit. It must be written as every current tar does, six digits, NUL and space:
 * a laxer reader would overlook some flipped bits.
 */
export function readHeader(block: Buffer): TarFields | 'bad checksum' | 'bad size' {
  const field = block.toString('latin1', 148, 156)
  if (!canonicalChecksum.test(field) || Number.parseInt(field, 8) !== checksum(block)) return 'bad checksum'
  const size = readNumber(block.subarray(124, 136))
  if (size === null) return 'bad size'
  const code = block[156] ?? 0
  const type = code === 0 ? '0' : String.fromCharCode(code)
  return {
    type,
    name: readName(block),
    otherName: !isUstar(block) && type !== 'S' && block[345] !== 0 ? prefixed(block) : null,
    linkName: text(block, 157, 100),
    size,
    mode: (readNumber(block.subarray(100, 108)) ?? 0) & 0o7777,
    uid: readNumber(block.subarray(108, 116)) ?? 0,
    gid: readNumber(block.subarray(116, 124)) ?? 0,
    mtime: readSigned(block.subarray(136, 148)),
    owner: text(block, 265, 32),
    group: text(block, 297, 32),
    extended: type === 'S' && block[482] === 1,
    realSize: type === 'S' ? readNumber(block.subarray(483, 495)) : null,
  }
}

/** Whether another block of sparse headers follows this one. */
export function sparseGoesOn(block: Buffer): boolean {
  return block[504] === 1
}

/** Sum of a header's bytes, its own field counted as spaces. */
export function checksum(block: Buffer): number {
  let sum = 8 * 0x20
  for (let i = 0; i < 148; i += 1) sum += block[i] ?? 0
  for (let i = 156; i < blockSize; i += 1) sum += block[i] ?? 0
  return sum
}

/** Octal text or GNU's base-256; null for anything else, negative or beyond 2^53. An empty field is 0. */
export function readNumber(field: Buffer): number | null {
  const first = field[0] ?? 0
  if (first >= 0x80) {
    if (first !== 0x80) return null
    let value = 0
    for (const byte of field.subarray(1)) {
      value = value * 256 + byte
      if (value > Number.MAX_SAFE_INTEGER) return null
    }
    return value
  }
  const digits = /^ *([0-7]*)[ \0]*$/.exec(field.toString('latin1'))?.[1]
  return digits === undefined ? null : digits === '' ? 0 : Number.parseInt(digits, 8)
}

/** A time, which GNU tar writes as a negative base-256 number when it is before 1970. 0 for what is none. */
function readSigned(field: Buffer): number {
  if (field[0] !== 0xff) return readNumber(field) ?? 0
  const value = field.readBigInt64BE(field.length - 8)
  return Number(value)
}

/** GNU's own magic is `ustar ` with a space; other things stand where POSIX has the prefix. */
function isUstar(block: Buffer): boolean {
  return block.toString('latin1', 257, 263) === 'ustar\0'
}

function readName(block: Buffer): Buffer {
  return isUstar(block) ? prefixed(block) : text(block, 0, 100)
}

function prefixed(block: Buffer): Buffer {
  const name = text(block, 0, 100)
  const prefix = text(block, 345, 155)
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name])
}

/** A copy: the block is reused. */
function text(block: Buffer, start: number, length: number): Buffer {
  const field = block.subarray(start, start + length)
  const end = field.indexOf(0)
  return Buffer.from(end === -1 ? field : field.subarray(0, end))
}
