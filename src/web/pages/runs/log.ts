// Reads what a page shows of a log: its end, with the cursor to go on from.
import { stat } from 'node:fs/promises'
import type { Formats, T } from '../../i18n.ts'
import { readLogFile } from '../../../engine/log-file.ts'

/** Bytes of the log in the page itself; the whole is a link. */
export const shownLogBytes = 48 * 1024

export interface LogEnd {
  readonly text: string
  /** Byte cursor behind the text. */
  readonly next: number
  /** Bytes before the text that the page leaves out. */
  readonly before: number
}

/** The last lines of the log, whole ones, at most `maxBytes`. A log that is not there reads as empty. */
export async function endOfLog(path: string, maxBytes: number): Promise<LogEnd> {
  const size = await sizeOf(path)
  const from = Math.max(0, size - maxBytes)
  const piece = await readLogFile(path, from, size - from)
  if (from === 0) return { text: piece.text, next: piece.next, before: 0 }
  const cut = piece.text.indexOf('\n') + 1
  // Half a character at the beginning was read as a replacement of another length: count from the end.
  const kept = Buffer.byteLength(piece.text.slice(cut))
  return { text: piece.text.slice(cut), next: piece.next, before: piece.next - kept }
}

/** What the page shows of a log: its end, or `tail` where the file is gone. */
export function logView(log: LogEnd, tail: string | null, t: T, f: Formats) {
  const cut = log.before > 0 ? t('runs.log.cut', { size: f.size(log.before) }) : ''
  return { text: tail ?? log.text, cursor: log.next, note: tail !== null ? t('runs.log.tail') : cut }
}

/** The log from a byte on, in pieces, up to its end as it is now. */
export function streamLog(path: string, from: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let cursor = from
  return new ReadableStream({
    async pull(controller) {
      const piece = await readLogFile(path, cursor, 256 * 1024)
      if (piece.text !== '') controller.enqueue(encoder.encode(piece.text))
      if (piece.end || piece.next === cursor) controller.close()
      cursor = piece.next
    },
  })
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0
    throw error
  }
}
