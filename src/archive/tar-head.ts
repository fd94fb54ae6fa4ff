// Takes the header blocks of a member apart, and gives a member another name or link target without touching the rest of
// what they say. Pure.
import { blockSize } from './format.ts'
import { paxRecord, readPax } from './pax.ts'
import { checksum, readNumber } from './tar-fields.ts'
import { padded } from './tar-scanner.ts'

interface HeaderBlock {
  readonly type: string
  /** The header itself; for the member's own also what follows it of old sparse headers. */
  readonly header: Buffer
  /** Data of an extended header, without padding. */
  readonly data: Buffer
}

/** What to change: names as bytes. */
export interface HeadChange {
  readonly name?: Buffer
  readonly linkName?: Buffer
}

/** The global headers in front of a member: they hold for all that follow, whether it is wanted or not. */
export function globalsOf(head: Buffer): Buffer {
  if (head.length === blockSize) return head.subarray(0, 0)
  const globals = blocksOf(head).filter((block) => block.type === 'g')
  return Buffer.concat(globals.map(written))
}

/** The same head with another name or link target, of any length and any bytes. */
export function changedHead(head: Buffer, change: HeadChange): Buffer {
  const { name, linkName } = change
  const blocks = blocksOf(head).filter(
    ({ type }) => !(type === 'L' && name !== undefined) && !(type === 'K' && linkName !== undefined),
  )
  const own = blocks.at(-1)
  if (own === undefined) throw new Error('a head without a header')
  const before = blocks.slice(0, -1)
  const at = before.findLastIndex((block) => block.type === 'x' || block.type === 'X')
  const known = at === -1 ? undefined : before[at]
  const records = known === undefined ? null : readPax(known.data)
  // Of equal keys the last one counts: what is added at the end replaces, and everything else stays as it is.
  const added = [
    ...(name === undefined ? [] : [paxRecord('path', name)]),
    ...(name !== undefined && records?.has('GNU.sparse.name') === true
      ? [paxRecord('GNU.sparse.name', name)]
      : []),
    ...(linkName === undefined ? [] : [paxRecord('linkpath', linkName)]),
  ]
  const data = Buffer.concat([known?.data ?? Buffer.alloc(0), ...added])
  const extended = { type: 'x', header: extendedHeader(known?.header ?? own.header, data.length), data }
  const all = known === undefined ? [...before, extended, own] : before.with(at, extended).concat(own)
  return Buffer.concat(all.map(written))
}

/** `head` was walked by the scanner before: its sizes are right. */
function blocksOf(head: Buffer): HeaderBlock[] {
  const blocks: HeaderBlock[] = []
  for (let at = 0; at < head.length;) {
    const header = head.subarray(at, at + blockSize)
    const type = String.fromCharCode(header[156] ?? 0)
    if (!['x', 'X', 'g', 'L', 'K'].includes(type)) {
      blocks.push({ type, header: head.subarray(at), data: Buffer.alloc(0) })
      break
    }
    const size = readNumber(header.subarray(124, 136)) ?? 0
    blocks.push({ type, header, data: head.subarray(at + blockSize, at + blockSize + size) })
    at += blockSize + padded(size)
  }
  return blocks
}

function written({ header, data }: HeaderBlock): Buffer {
  return Buffer.concat([header, data, Buffer.alloc(padded(data.length) - data.length)])
}

/** A PAX header for `size` bytes of records, with owner and time of the given header. */
function extendedHeader(like: Buffer, size: number): Buffer {
  const block = Buffer.from(like.subarray(0, blockSize))
  block.fill(0, 0, 100).write('PaxHeaders/member', 0, 'latin1')
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  block.write('x', 156, 'latin1')
  block.fill(0, 157, 257).fill(0, 345, blockSize)
  block.write('ustar\x0000', 257, 'latin1')
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}
