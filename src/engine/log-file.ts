// The log of one piece of work: a text file that grows while it goes on and is read by byte cursor.
import { createWriteStream } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LogStream } from '../domain/helper-protocol.ts'

/** Bytes after which lines are only counted, but for the last ones: a flood must not fill the disk. */
const CAP = 10 * 1024 * 1024
const TAIL_LINES = 200
const LINE_MAX = 8 * 1024
/** Bytes of the end that are kept in the database, for when the file is gone. */
const DATABASE_TAIL = 16 * 1024

export interface LogFile {
  write(stream: LogStream, text: string): void
  /** Flushes and closes; the last 16 KiB of the text. */
  close(): Promise<string>
}

/**
 * Opens the log for appending. `stamp` gives the text of the time before each line.
 * Control characters but tab are replaced: a log line is one line whatever a program prints.
 */
export async function openLogFile(path: string, stamp: () => string, changed: () => void): Promise<LogFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = createWriteStream(path, { flags: 'a', mode: 0o600 })
  let failure: Error | null = null
  file.on('error', (error) => (failure ??= error))
  let written = 0
  let dropped = 0
  const late: string[] = []
  let tail = ''

  const put = (line: string) => {
    written += Buffer.byteLength(line)
    file.write(line)
    tail = (tail + line).slice(-DATABASE_TAIL)
  }

  return {
    write(stream, text) {
      for (const part of text.split('\n')) {
        const line = `${stamp()} ${marks[stream]} ${clean(part)}\n`
        if (written < CAP) put(line)
        else if (late.push(line) > TAIL_LINES) {
          late.shift()
          dropped += 1
        }
      }
      changed()
    },
    async close() {
      if (dropped > 0) put(`${stamp()} · … ${dropped} lines left out: the log was over ${CAP} bytes\n`)
      for (const line of late) put(line)
      await new Promise<void>((resolve) => file.end(resolve))
      changed()
      if (failure) throw failure
      return tail
    },
  }
}

const marks: Readonly<Record<LogStream, string>> = { out: '|', err: '!', info: '·' }

function clean(text: string): string {
  const cut = text.length > LINE_MAX ? `${text.slice(0, LINE_MAX)}…` : text
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return cut.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '\u{fffd}')
}

/** A piece of a log. `next` is the cursor to go on from; `end` says that the file had no more just now. */
export interface LogPiece {
  readonly text: string
  readonly next: number
  readonly end: boolean
}

/** Reads up to `maxBytes` from byte `from`; a missing file reads as empty. A character is never cut in two. */
export async function readLogFile(path: string, from: number, maxBytes: number): Promise<LogPiece> {
  let file
  try {
    file = await open(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { text: '', next: from, end: true }
    throw error
  }
  try {
    const { size } = await file.stat()
    const length = Math.max(0, Math.min(maxBytes, size - from))
    const buffer = Buffer.alloc(length)
    const { bytesRead } = await file.read(buffer, 0, length, from)
    const whole = from + bytesRead >= size ? bytesRead : endOfCharacter(buffer.subarray(0, bytesRead))
    return { text: buffer.toString('utf8', 0, whole), next: from + whole, end: from + whole >= size }
  } finally {
    await file.close()
  }
}

/** Length without a UTF-8 sequence that is cut at the end. */
function endOfCharacter(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return bytes.length
    if (byte >= 0xc0) {
      const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return back >= needs ? bytes.length : bytes.length - back
    }
  }
  return bytes.length
}
