// Writes the few members that we make ourselves, as PAX: headers, data in memory, and the end of a tar.
import { blockSize, recordSize } from './format.ts'
import { paxRecord } from './pax.ts'
import { checksum } from './tar-fields.ts'
import { padded } from './tar-scanner.ts'

export interface OwnMember {
  /** Without `./` or `/` in front and without a slash at its end. */
  readonly name: string
  readonly type: 'file' | 'directory'
  readonly mode: number
  /** Epoch seconds. */
  readonly mtime: number
  /** Bytes of data; 0 for a directory. */
  readonly size: number
}

const octalSizeMax = 0o77777777777

/**
 * The header blocks of a member that belongs to root, with a PAX header where ustar has no room. `fixedLength`: as many
 * bytes for any size, which is told in base-256 beyond 8 GiB, as GNU tar, bsdtar and Python read it.
 */
export function tarHeader(member: OwnMember, options: { readonly fixedLength?: boolean } = {}): Buffer {
  const stored = member.type === 'directory' ? `${member.name}/` : member.name
  const records: Buffer[] = []
  // oxlint-disable-next-line no-control-regex -- exactly the bytes that ustar can hold
  if (stored.length > 100 || !/^[\x01-\x7f]*$/.test(stored)) records.push(paxRecord('path', stored))
  if (member.size > octalSizeMax && options.fixedLength !== true)
    records.push(paxRecord('size', String(member.size)))
  const header = ustar(stored, member.type === 'directory' ? '5' : '0', member, options.fixedLength === true)
  if (records.length === 0) return header
  const data = Buffer.concat(records)
  const pax = ustar(`PaxHeaders/${member.name}`, 'x', { mode: 0o644, mtime: member.mtime, size: data.length })
  return Buffer.concat([pax, data, Buffer.alloc(padded(data.length) - data.length), header])
}

/** A file with its contents. */
export function tarFile(name: string, data: Buffer, mtime: number, mode = 0o644): Buffer {
  const header = tarHeader({ name, type: 'file', mode, mtime, size: data.length })
  return Buffer.concat([header, data, Buffer.alloc(padded(data.length) - data.length)])
}

/** A directory that only we know; it belongs to root. */
export function tarDirectory(name: string, mtime: number, mode = 0o755): Buffer {
  return tarHeader({ name, type: 'directory', mode, mtime, size: 0 })
}

/** The two end blocks of a tar that has `length` bytes so far, and zeros up to a whole record. */
export function tarEnd(length: number): Buffer {
  const whole = Math.ceil((length + 2 * blockSize) / recordSize) * recordSize
  return Buffer.alloc(whole - length)
}

function ustar(
  name: string,
  type: string,
  facts: { mode: number; mtime: number; size: number },
  binarySize = false,
): Buffer {
  const block = Buffer.alloc(blockSize)
  block.write(name.slice(0, 100), 0, 100, 'utf8')
  block.write(`${octal(facts.mode, 7)}\0`, 100, 'latin1')
  block.write(`${octal(0, 7)}\0${octal(0, 7)}\0`, 108, 'latin1')
  if (binarySize && facts.size > octalSizeMax) {
    block[124] = 0x80
    block.writeBigUInt64BE(BigInt(facts.size), 128)
  } else block.write(`${octal(Math.min(facts.size, octalSizeMax), 11)}\0`, 124, 'latin1')
  block.write(`${octal(Math.max(0, Math.floor(facts.mtime)), 11)}\0`, 136, 'latin1')
  block.write(type, 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write(`${octal(checksum(block), 6)}\0 `, 148, 'latin1')
  return block
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}
