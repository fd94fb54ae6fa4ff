// Keeps the contents of one small member while its tar is walked piece by piece.
import { jsonMaxBytes } from './read-json.ts'
import type { TarMember } from './tar-scanner.ts'

export interface MemberCapture {
  /** For the scanner, which must be given the same pieces, each before {@link MemberCapture.push}. */
  readonly onMember: (member: TarMember) => void
  push(chunk: Buffer): void
  /** Null when there was no such member, or it was too large or cut off. Of several the last, as a restore takes it. */
  bytes(): Buffer | null
}

/** A capture of the file `name`, also as `./name`, of at most 4 MiB. */
export function captureMember(name: string): MemberCapture {
  let position = 0
  let from = 0
  let data: Buffer | null = null
  let filled = 0
  return {
    onMember: (member) => {
      const is = member.name.toString('latin1').replace(/^\.\//, '')
      if (is !== name || member.type !== '0') return
      from = member.dataOffset
      data = member.size > jsonMaxBytes ? null : Buffer.alloc(member.size)
      filled = 0
    },
    push: (chunk) => {
      if (data && filled < data.length && from + filled < position + chunk.length) {
        const start = from + filled - position
        filled += chunk.copy(data, filled, start, start + data.length - filled)
      }
      position += chunk.length
    },
    bytes: () => (data && filled === data.length ? data : null),
  }
}
