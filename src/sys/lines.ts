// Cuts a stream of bytes into lines of bounded length.

const newline = 0x0a

export interface LineReader {
  push(chunk: Uint8Array): void
  /** The next `bytes` bytes are no lines: they go to `onBytes`, in pieces. For the caller's `onLine`. */
  raw(bytes: number, onBytes: (piece: Uint8Array) => void): void
  /** Hands out the last line when it had no newline. */
  end(): void
}

/**
 * Calls `onLine` for every line, without its newline. What a line has beyond `limit` bytes is left out.
 * Bytes that are not UTF-8 become U+FFFD.
 */
export function lineReader(limit: number, onLine: (line: string) => void): LineReader {
  let parts: Uint8Array[] = []
  let held = 0
  let open = false
  let rawLeft = 0
  let rawTo: (piece: Uint8Array) => void = () => undefined

  const keep = (bytes: Uint8Array): void => {
    open = true
    const room = limit - held
    if (room <= 0) return
    const part = bytes.length > room ? bytes.subarray(0, room) : bytes
    parts.push(part)
    held += part.length
  }
  const flush = (): void => {
    const [first] = parts
    const line =
      parts.length === 1 && first !== undefined ? text(first) : Buffer.concat(parts).toString('utf8')
    parts = []
    held = 0
    open = false
    onLine(line)
  }

  return {
    raw(bytes, onBytes) {
      rawLeft = bytes
      rawTo = onBytes
    },
    push(chunk) {
      let from = 0
      while (from < chunk.length) {
        if (rawLeft > 0) {
          const piece = chunk.subarray(from, from + rawLeft)
          rawLeft -= piece.length
          from += piece.length
          rawTo(piece)
          continue
        }
        const at = chunk.indexOf(newline, from)
        if (at === -1) return keep(chunk.subarray(from))
        keep(chunk.subarray(from, at))
        from = at + 1
        flush()
      }
    },
    end() {
      if (open) flush()
    },
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
