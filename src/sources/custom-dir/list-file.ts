// The names that tar is to archive, in a file of their own, separated by NUL: a million of them need no memory.
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'

const bufferSize = 64 * 1024

export interface ListFile {
  readonly path: string
  /** A name as bytes, in a latin1 string. */
  add(name: string): void
  /** Names so far. */
  count(): number
  /** Writes out what {@link ListFile.add} still holds back: then others can read the file by its name. */
  finish(): void
  /**
   * The names again, one after the other, from the file that was created here: whoever puts another one in its place
   * deceives tar, but not us. Each call begins anew.
   */
  names(): Generator<string, undefined>
  close(): void
}

/** Creates the file; the system's EEXIST when it is there already. */
export function createList(path: string): ListFile {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const fd = openSync(path, flags, 0o600)
  let open = true
  let waiting: string[] = []
  let length = 0
  let count = 0
  const flush = (): void => {
    const data = Buffer.from(waiting.join(''), 'latin1')
    for (let written = 0; written < data.length;) written += writeSync(fd, data, written)
    waiting = []
    length = 0
  }
  return {
    path,
    add: (name) => {
      waiting.push(name, '\0')
      length += name.length + 1
      count += 1
      if (length >= bufferSize) flush()
    },
    count: () => count,
    finish: flush,
    names: () => readNames(fd),
    close: () => {
      if (open) closeSync(fd)
      open = false
    },
  }
}

function* readNames(fd: number): Generator<string, undefined> {
  const buffer = Buffer.allocUnsafeSlow(bufferSize)
  let rest = ''
  let position = 0
  for (;;) {
    const read = readSync(fd, buffer, 0, bufferSize, position)
    if (read === 0) return undefined
    position += read
    const names = (rest + buffer.toString('latin1', 0, read)).split('\0')
    rest = names.pop() ?? ''
    yield* names
  }
}
