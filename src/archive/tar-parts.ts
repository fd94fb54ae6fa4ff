// A tar member by member: its headers as they stand, and its data for who wants it.
import { Problem } from '../domain/problem.ts'
import { blockSize } from './format.ts'
import { cleanName } from './path-guard.ts'
import { padded, tarScanner, type TarMember } from './tar-scanner.ts'
import type { TarReader } from './tar-stream.ts'

export interface TarPart {
  readonly member: TarMember
  /** As {@link cleanName} gives it. */
  readonly name: string
  /** All blocks before its data, global headers in front of it included. */
  readonly head: Buffer
  /** Its data as stored, without padding; once. `archive_truncated` when the tar ends before. */
  data(): AsyncGenerator<Buffer>
}

/**
 * The members in their order. Data that was not read when the next member is asked for is passed over. Ends at the
 * proper end of the tar; anything else is `archive_truncated`. The reader is closed at the end, also of an early one.
 */
export async function* tarParts(reader: TarReader, archive: string): AsyncGenerator<TarPart> {
  let found: TarMember | null = null
  const begun = (): boolean => found !== null
  const scanner = tarScanner((member) => (found = member))
  let piece: Buffer = Buffer.alloc(0)
  let at = 0
  /** Bytes of the current member's data and padding that were not passed yet. */
  let left = 0
  const fill = async (): Promise<boolean> => {
    while (at >= piece.length) {
      const next = await reader.next()
      if (next === null) return false
      piece = next
      at = 0
    }
    return true
  }
  const take = (most: number): Buffer => {
    const part = piece.subarray(at, at + most)
    at += part.length
    return part
  }
  const cutOff = (): Problem => {
    const { damage } = scanner.end()
    return new Problem('archive_truncated', {
      archive,
      detail: damage === '' ? 'the end is missing' : damage,
    })
  }
  /** The blocks up to the next member's data; null at the end. */
  const readHead = async (): Promise<Buffer | null> => {
    const blocks: Buffer[] = []
    let inBlock = 0
    found = null
    while (!begun() && !scanner.over()) {
      if (!(await fill())) return null
      const part = take(blockSize - inBlock)
      inBlock = (inBlock + part.length) % blockSize
      blocks.push(part)
      scanner.push(part)
    }
    return found === null ? null : Buffer.concat(blocks)
  }
  const pass = async (): Promise<void> => {
    while (left > 0) {
      const here = Math.min(left, piece.length - at)
      const passed = here > 0 ? here : await reader.skip(left)
      if (passed === 0) throw cutOff()
      if (here > 0) at += here
      left -= passed
      scanner.skip(passed)
    }
  }
  const readData = async function* (size: number): AsyncGenerator<Buffer> {
    for (let rest = size; rest > 0;) {
      if (!(await fill())) throw cutOff()
      const part = take(rest)
      rest -= part.length
      left -= part.length
      scanner.skip(part.length)
      yield part
    }
  }

  try {
    for (let head = await readHead(); head !== null; head = await readHead()) {
      // The scanner has called back while the head was read.
      const member: TarMember = mustBeThere(found)
      left = padded(member.size)
      yield { member, name: cleanName(member.name), head, data: () => readData(member.size) }
      await pass()
    }
    // What is left must be nothing but zeros.
    while (await fill()) scanner.push(take(piece.length))
    if (scanner.end().damage !== '') throw cutOff()
  } finally {
    reader.close()
  }
}

function mustBeThere(member: TarMember | null): TarMember {
  if (member === null) throw new Error('a head without a member')
  return member
}
