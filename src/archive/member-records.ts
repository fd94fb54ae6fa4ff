// Members of an archive on their way from the root helper to the index: small binary records, because there may be a
// million of them. Both ends are here.
import type { MemberKind } from '../domain/contents.ts'
import type { TarMember } from './tar-scanner.ts'

/** What the index keeps of a member. */
export interface MemberRecord {
  /** As `cleanName` gives it, as bytes. */
  readonly name: Buffer
  readonly kind: MemberKind
  /** Bytes once unpacked. */
  readonly size: number
  /** Epoch milliseconds. */
  readonly modifiedAt: number
  readonly mode: number
  /** Names, or numbers where the tar has no names. */
  readonly owner: string
  readonly group: string
  /** Target of a link as bytes; of a hard link as `cleanName` gives it. Empty otherwise. */
  readonly link: Buffer
  /** Where its first header begins in the tar. */
  readonly offset: number
}

const kinds: readonly MemberKind[] = ['file', 'directory', 'link', 'hardlink', 'fifo', 'device']
const kindOfType: Readonly<Record<string, MemberKind>> = {
  '1': 'hardlink',
  '2': 'link',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'fifo',
}

/** length, kind, mode, size, time, offset, lengths of name, link, owner and group. */
const fixedBytes = 4 + 1 + 2 + 8 + 8 + 8 + 4 + 4 + 1 + 1
const latestTime = 8.64e15
const longestOwner = 255

/** What a tar's member is once it is unpacked. */
export function kindOf(member: TarMember): MemberKind {
  const special = kindOfType[member.type]
  if (special !== undefined) return special
  // As old tars wrote directories.
  return member.name.at(-1) === 0x2f ? 'directory' : 'file'
}

/** Gathers records; `full` gets a buffer of its own whenever there are about `bytes` of them, and the rest at the end. */
export function recordWriter(bytes: number, full: (records: Buffer) => void) {
  let buffer = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  const flush = (): void => {
    if (at > 0) full(buffer.subarray(0, at))
    buffer = Buffer.allocUnsafeSlow(bytes)
    at = 0
  }
  return {
    /** `name` as `cleanName` gives it; so is `link` for a hard link. */
    add(member: TarMember, name: string, link: string): void {
      const owner = ownerBytes(member.owner, member.uid)
      const group = ownerBytes(member.group, member.gid)
      const length = fixedBytes + name.length + link.length + owner.length + group.length
      if (at + length > buffer.length) flush()
      if (length > buffer.length) buffer = Buffer.allocUnsafeSlow(length)
      at = buffer.writeUInt32LE(length, at)
      at = buffer.writeUInt8(kinds.indexOf(kindOf(member)), at)
      at = buffer.writeUInt16LE(member.mode, at)
      at = buffer.writeDoubleLE(member.realSize, at)
      at = buffer.writeDoubleLE(clamped(member.mtimeNs), at)
      at = buffer.writeDoubleLE(member.offset, at)
      at = buffer.writeUInt32LE(name.length, at)
      at = buffer.writeUInt32LE(link.length, at)
      at = buffer.writeUInt8(owner.length, at)
      at = buffer.writeUInt8(group.length, at)
      at += buffer.write(name, at, 'latin1')
      at += buffer.write(link, at, 'latin1')
      at += owner.copy(buffer, at)
      at += group.copy(buffer, at)
    },
    flush,
  }
}

/** Takes the same bytes in any pieces and gives the records in them. They may be kept. */
export function recordReader(): (piece: Uint8Array) => Generator<MemberRecord> {
  let rest: Buffer = Buffer.alloc(0)
  return function* records(piece) {
    const data = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece])
    let at = 0
    while (data.length - at >= 4) {
      const length = data.readUInt32LE(at)
      if (length < fixedBytes) throw new RangeError('not a record')
      if (data.length - at < length) break
      yield parse(data, at + 4)
      at += length
    }
    rest = data.subarray(at)
  }
}

function parse(data: Buffer, from: number): MemberRecord {
  const nameLength = data.readUInt32LE(from + 27)
  const linkLength = data.readUInt32LE(from + 31)
  const ownerLength = data.readUInt8(from + 35)
  const groupLength = data.readUInt8(from + 36)
  const name = from + 37
  const link = name + nameLength
  const owner = link + linkLength
  const group = owner + ownerLength
  return {
    kind: kinds[data.readUInt8(from)] ?? 'file',
    mode: data.readUInt16LE(from + 1),
    size: data.readDoubleLE(from + 3),
    modifiedAt: data.readDoubleLE(from + 11),
    offset: data.readDoubleLE(from + 19),
    name: data.subarray(name, link),
    link: data.subarray(link, owner),
    owner: data.toString('utf8', owner, group),
    group: data.toString('utf8', group, group + groupLength),
  }
}

function ownerBytes(name: string, id: number): Buffer {
  const text = name === '' ? String(id) : name
  return Buffer.from(text, 'utf8').subarray(0, longestOwner)
}

function clamped(mtimeNs: bigint): number {
  const ms = Number(mtimeNs / 1_000_000n)
  return Math.max(-latestTime, Math.min(latestTime, ms))
}
