// Understands what GNU tar (LC_ALL=C, --quoting-style=escape) says on stderr while it creates. Pure.

export interface TarMessage {
  /**
   * `vanished`, `unreadable`, `socket`: the file is not in the archive. `changed`, `shrank`, `damaged`: it is, but not
   * as it should be, or without its attributes. `full`: the archive's disk. `other`: unknown.
   */
  readonly kind:
    | 'vanished'
    | 'unreadable'
    | 'socket'
    | 'changed'
    | 'shrank'
    | 'damaged'
    | 'full'
    | 'summary'
    | 'other'
  /** The name as tar was given it, as bytes in a latin1 string. */
  readonly path: string | null
}

const gone = 'No such file or directory'

/** What one line means. */
export function parseTarMessage(line: string): TarMessage {
  const said = line.replace(/^(?:\/\S*\/)?tar: /, '')
  if (said.startsWith('Exiting with failure status') || said.startsWith('Error is not recoverable')) {
    return { kind: 'summary', path: null }
  }
  // A colon inside a name is escaped: the first bare one ends it.
  const parts = /^((?:[^\\:]|\\.)*): (?:Warning: )?(.*)$/.exec(said)
  if (!parts) return { kind: 'other', path: null }
  const [path, text] = [unescapeName(parts[1] ?? ''), parts[2] ?? '']
  if (path === '-') return { kind: isFull(text) ? 'full' : 'other', path: null }
  return { kind: kindOf(text), path }
}

function kindOf(text: string): TarMessage['kind'] {
  if (text.startsWith('File removed before we read it')) return 'vanished'
  if (text.startsWith('file changed as we read it')) return 'changed'
  if (/^File shrank by \d+ bytes?; padding with zeros/.test(text)) return 'shrank'
  if (/^Read error at byte \d+|^Cannot seek/.test(text)) return 'damaged'
  if (/^Cannot (?:stat|open|readlink|read|savedir)\b/.test(text))
    return text.endsWith(gone) ? 'vanished' : 'unreadable'
  if (/^socket ignored|^door ignored|^Unknown file type; file ignored/.test(text)) return 'socket'
  if (/^Cannot \S*(?:xattr|acl_)/.test(text)) return 'damaged'
  return 'other'
}

function isFull(text: string): boolean {
  return /No space left on device|Disk quota exceeded|^Wrote only \d+ of/.test(text)
}

const letters: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** Undoes tar's escaping of a name. */
export function unescapeName(escaped: string): string {
  return escaped.replace(/\\([0-7]{3}|.)/gs, (_, what: string) =>
    what.length === 3 ? String.fromCharCode(Number.parseInt(what, 8)) : (letters[what] ?? what),
  )
}
