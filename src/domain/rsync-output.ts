// What rsync says while it sends, how it ends, and which versions are too old. Pure.
import { Problem } from './problem.ts'

export interface RsyncStats {
  /** Bytes over the wire, both ways. */
  readonly bytesSent: number
  readonly bytesReceived: number
}

export interface RsyncOutput {
  push(text: string): void
  /** Once it has ended; zeros when it said nothing. */
  stats(): RsyncStats
}

/** Longest beginning of a line that is kept until its end comes. */
const lineLimit = 1000

/** Reads `--info=progress2 --no-h --stats`: `done` gets the bytes of the file that the other side has, when they are more. */
export function createRsyncOutput(done: (bytes: number) => void): RsyncOutput {
  let rest = ''
  let most = -1
  const stats = { bytesSent: 0, bytesReceived: 0 }
  const line = (text: string): void => {
    const progress = /^\s*(\d{1,16})\s+\d{1,3}%\s/.exec(text)
    if (progress) {
      const bytes = Number(progress[1])
      if (bytes > most) done((most = bytes))
      return
    }
    const total = /^Total bytes (sent|received): (\d{1,16})$/.exec(text)
    if (total) stats[total[1] === 'sent' ? 'bytesSent' : 'bytesReceived'] = Number(total[2])
  }
  return {
    push(text) {
      // Each state of the progress begins with a carriage return.
      const lines = (rest + text).split(/[\r\n]/)
      rest = (lines.pop() ?? '').slice(0, lineLimit)
      for (const one of lines) line(one)
    },
    stats: () => ({ ...stats }),
  }
}

const hostKeyWords = [
  'Host key verification failed',
  'REMOTE HOST IDENTIFICATION HAS CHANGED',
  'no matching host key type found',
]
/** Of rsync: it could not talk to the other side, or that one went silent. */
const connectionCodes: ReadonlySet<number> = new Set([10, 12, 30, 35, 255])

/** Why `rsync` or `ssh` ended with that code. `stderr`: the last of what it said. */
export function sshFailure(
  tool: 'rsync' | 'ssh',
  code: number,
  stderr: string,
  peer: { readonly host: string },
): Problem {
  if (hostKeyWords.some((words) => stderr.includes(words))) {
    return new Problem('ssh_host_key_changed', { host: peer.host })
  }
  const detail = lastWords(stderr, code)
  if (tool === 'ssh' || connectionCodes.has(code)) return new Problem('ssh_failed', { detail })
  return new Problem('command_failed', { command: tool, code, detail })
}

/** rsync's own summary comes last and says less than what is before it. */
function lastWords(stderr: string, code: number): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.replaceAll(/\p{C}/gu, '').trim())
    .filter((line) => line !== '')
  const told = lines.filter((line) => !line.startsWith('rsync error:'))
  return (told.at(-1) ?? lines.at(-1) ?? `exit code ${code}`).slice(0, 300)
}

/** The oldest one that is known to work with what we ask of it. */
export const oldestRsync = [3, 2, 7] as const
/** From here on rsync has the security fixes of August 2026; distributions fix older ones without a new number. */
const fixedRsync = [3, 5, 0] as const

/** `old`: may not work. `unsure`: security fixes depend on the distribution. Null: no version in the text. */
export function rsyncStanding(
  text: string,
): { readonly version: string; readonly standing: 'good' | 'unsure' | 'old' } | null {
  const found = /\b(?:rsync|version)\s+v?(\d{1,3})\.(\d{1,3})\.(\d{1,3})/.exec(text)
  if (!found) return null
  const parts = found.slice(1, 4).map(Number)
  const standing = isBefore(parts, oldestRsync) ? 'old' : isBefore(parts, fixedRsync) ? 'unsure' : 'good'
  return { version: parts.join('.'), standing }
}

function isBefore(parts: readonly number[], than: readonly number[]): boolean {
  for (const [at, wanted] of than.entries()) {
    const part = parts[at] ?? 0
    if (part !== wanted) return part < wanted
  }
  return false
}
