// The names that tar is to archive, in a file of their own, separated by NUL: a million of them need no memory.
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'

const bufferSize = 64 * 1024

export interface ListWriter {
  /** A name as bytes, in a latin1 string. */
  add(name: string): void
  close(): void
}

/** Creates the file; the system's EEXIST when it is there already. */
export function writeList(path: string): ListWriter {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const fd = openSync(path, flags, 0o600)
  let open = true
  let waiting: string[] = []
  let length = 0
  const flush = (): void => {
    const data = Buffer.from(waiting.join(''), 'latin1')
    for (let written = 0; written < data.length;) written += writeSync(fd, data, written)
    waiting = []
    length = 0
  }
  return {
    add: (name) => {
      waiting.push(name, '\0')
      length += name.length + 1
      if (length >= bufferSize) flush()
    },
    close: () => {
      if (!open) return
      open = false
      try {
        flush()
      } finally {
        closeSync(fd)
      }
    },
  }
}

/** The names again, one after the other. Stop early with `return()`. */
export function* readList(path: string): Generator<string, undefined> {
  const fd = openSync(path, 'r')
  try {
    const buffer = Buffer.allocUnsafeSlow(bufferSize)
    let rest = ''
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) {
      const names = (rest + buffer.toString('latin1', 0, read)).split('\0')
      rest = names.pop() ?? ''
      yield* names
    }
  } finally {
    closeSync(fd)
  }
  return undefined
}
