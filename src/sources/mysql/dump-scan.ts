// Reads a dump while it is written: does it begin and end as a whole one does, and which tables are in it? It also
// changes one line: dates like 2024-02-31, which the server may hold, are refused or emptied by a server that loads them
// unless it is told to take them.

/** The head of a dump is shorter than this. */
const headMax = 8 * 1024
const tailSize = 256
/** Bytes of a quoted name, at most. */
const nameMax = 1024
const mode = "SQL_MODE='NO_AUTO_VALUE_ON_ZERO'"
const tolerantMode = "SQL_MODE='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
const needles = ['TABLE', 'SEQUENCE'].map((kind) => ({ kind, bytes: Buffer.from(`\nCREATE ${kind} \``) }))
const longestNeedle = Math.max(...needles.map(({ bytes }) => bytes.length))

export interface DumpScan {
  /** Takes the next piece; gives what is to be written for it, which may be behind. */
  push(chunk: Buffer): Buffer
  end(): DumpEnd
}

export interface DumpEnd {
  /** Still to be written. */
  readonly rest: Buffer
  /** Empty for a whole dump; else what is wrong with it, in English. */
  readonly fault: string
  readonly tables: ReadonlySet<string>
  readonly sequences: ReadonlySet<string>
  /** Bytes of the longest line: a row that the server has to take at one go. */
  readonly longestLine: number
}

/** For one run of the dump program. Memory is bounded. */
export function dumpScan(): DumpScan {
  let head: Buffer | null = Buffer.alloc(0)
  let tail = Buffer.alloc(0)
  let fault = ''
  let seen = Buffer.alloc(0)
  let line = 0
  let longestLine = 0
  const found = { TABLE: new Set<string>(), SEQUENCE: new Set<string>() }

  const take = (chunk: Buffer): Buffer => {
    tail = Buffer.concat([tail, chunk.subarray(-tailSize)]).subarray(-tailSize)
    const first = chunk.indexOf(0x0a)
    longestLine = Math.max(longestLine, line + (first === -1 ? chunk.length : first))
    line = first === -1 ? line + chunk.length : chunk.length - chunk.lastIndexOf(0x0a) - 1
    // A line inside of one chunk is no longer than the chunk, and chunks are short beside any limit.
    const text = Buffer.concat([seen, chunk])
    let keep = Math.max(0, text.length - longestNeedle)
    for (const { kind, bytes } of needles) {
      for (let at = text.indexOf(bytes); at !== -1; at = text.indexOf(bytes, at + 1)) {
        const name = nameAt(text, at + bytes.length)
        if (name === null) keep = text.length - at < nameMax ? Math.min(keep, at) : keep
        else found[kind === 'TABLE' ? 'TABLE' : 'SEQUENCE'].add(name)
      }
    }
    seen = text.subarray(keep)
    return chunk
  }
  const begin = (bytes: Buffer): Buffer => {
    head = null
    const text = bytes.toString('latin1')
    if (!/^(?:\/\*M!999999[^\n]*\n)?-- (?:MariaDB|MySQL) dump /.test(text))
      fault = 'it does not begin like a dump'
    else if (!text.includes(mode)) fault = 'its head lacks the mode of dates'
    return take(Buffer.from(text.replace(mode, tolerantMode), 'latin1'))
  }

  return {
    push: (chunk) => {
      if (head === null) return take(chunk)
      head = Buffer.concat([head, chunk])
      return head.length < headMax ? Buffer.alloc(0) : begin(head)
    },
    end: () => {
      const rest = head === null ? Buffer.alloc(0) : begin(head)
      if (fault === '' && !endsWhole(tail.toString('latin1'))) fault = 'it does not end like a dump'
      return { rest, fault, tables: found.TABLE, sequences: found.SEQUENCE, longestLine }
    },
  }
}

/** A name behind its first backtick; null when the text ends before the name does. */
function nameAt(text: Buffer, from: number): string | null {
  for (
    let at = text.indexOf(0x60, from);
    at !== -1 && at + 1 < text.length;
    at = text.indexOf(0x60, at + 2)
  ) {
    if (text[at + 1] !== 0x60) return text.toString('utf8', from, at).replaceAll('``', '`')
  }
  return null
}

/** True when a dump, or the part of one, ends as it should. `tail`: at least its last 100 bytes. */
export function endsWhole(tail: string): boolean {
  return /(?:^|\n)-- Dump completed(?: on [^\n]*)?\n*$/.test(tail)
}
