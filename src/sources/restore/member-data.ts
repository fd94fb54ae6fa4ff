// Hands out the data of a tar's members, piece by piece, to whoever wants it.
import { tarScanner, type TarMember } from '../../archive/tar-scanner.ts'
import { Problem } from '../../domain/problem.ts'

/** Takes the data of one member, in order. */
export interface DataSink {
  data(piece: Buffer): void
  /** All of it has been handed out. */
  end(): void
  /** Called once and last, also when the tar could not be read to its end. */
  close(): void
}

interface Waiting {
  readonly sink: DataSink
  at: number
  readonly to: number
}

/**
 * Calls `onMember` for every member of the tar; the sink that it gives gets the member's data as it is stored. Throws
 * `archive_truncated` when the tar is not whole.
 */
export async function readMembers(
  tar: AsyncIterable<Buffer>,
  onMember: (member: TarMember) => DataSink | null,
): Promise<void> {
  const waiting: Waiting[] = []
  const scanner = tarScanner((member) => {
    const sink = onMember(member)
    if (sink) waiting.push({ sink, at: member.dataOffset, to: member.dataOffset + member.size })
  })
  let position = 0
  try {
    for await (const chunk of tar) {
      scanner.push(chunk)
      const end = position + chunk.length
      for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
        const upTo = Math.min(next.to, end)
        if (next.at < upTo) next.sink.data(chunk.subarray(next.at - position, upTo - position))
        next.at = Math.max(next.at, upTo)
        if (next.at < next.to) break
        next.sink.end()
        waiting.shift()
        next.sink.close()
      }
      position = end
    }
  } finally {
    for (const { sink } of waiting) sink.close()
  }
  const { damage } = scanner.end()
  if (damage !== '') throw new Problem('archive_truncated', { detail: damage })
}
