// A tar with only some of the members of another, byte by byte as they are there: what a program that unpacks is not given,
// it cannot unpack.
import { padded, tarScanner, type TarMember } from '../../archive/tar-scanner.ts'
import { Problem } from '../../domain/problem.ts'

/** More than any member's headers can take. */
const undecidedMax = 32 * 1024 * 1024

/**
 * The bytes of the wanted members of a tar, in its order, and the end blocks. Global headers are passed on. What `wanted`
 * throws ends it; `archive_truncated` when the tar is not whole, after all that could be read.
 */
export async function* membersOnly(
  tar: AsyncIterable<Buffer>,
  wanted: (member: TarMember) => boolean,
): AsyncGenerator<Buffer> {
  const ranges = decidedRanges()
  const scanner = tarScanner((member) => {
    ranges.add(member.offset, true)
    ranges.add(member.dataOffset + padded(member.size), wanted(member))
  })
  const held: Buffer[] = []
  let heldBytes = 0
  let ended = false
  for await (const chunk of tar) {
    ended = scanner.push(chunk) < chunk.length || ended
    held.push(chunk)
    heldBytes += chunk.length
    for (let piece = held[0]; piece !== undefined; piece = held[0]) {
      const decided = ranges.take(piece.length)
      if (decided === null) break
      heldBytes -= decided.length
      if (decided.length === piece.length) held.shift()
      else held[0] = piece.subarray(decided.length)
      if (decided.pass) yield piece.subarray(0, decided.length)
    }
    // Behind the end nothing will be decided any more; it is only looked at.
    if (ended) held.length = heldBytes = 0
    if (heldBytes > undecidedMax) break
  }
  const { damage } = scanner.end()
  if (damage !== '') throw new Problem('archive_truncated', { detail: damage })
  yield Buffer.alloc(1024)
}

/** What is to become of the bytes of a stream, from its beginning on without a gap. */
function decidedRanges() {
  const ranges: { to: number; readonly pass: boolean }[] = []
  let decidedTo = 0
  let takenTo = 0
  return {
    /** Decides the bytes from the last decision up to `to`. */
    add(to: number, pass: boolean): void {
      if (to <= decidedTo) return
      decidedTo = to
      const last = ranges.at(-1)
      if (last?.pass === pass) last.to = to
      else ranges.push({ to, pass })
    },
    /** The decision for the next bytes, at most `length`; null when there is none yet. */
    take(length: number): { readonly length: number; readonly pass: boolean } | null {
      const [first] = ranges
      if (first === undefined || takenTo === decidedTo) return null
      const taken = Math.min(length, first.to - takenTo)
      takenTo += taken
      if (takenTo === first.to && ranges.length > 1) ranges.shift()
      return { length: taken, pass: first.pass }
    },
  }
}
