// Files that hold a key: made once, mode 600, and refused when others could have read or replaced them.
import { randomBytes } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode, writeFileAtomic } from './files.ts'

/** A key file that must not be used; the message says what to do. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError'
}

const secretBytes = 32

/**
 * A symmetric key of 32 bytes in `<data>/keys/<name>`, made at the first use. Throws {@link KeyFileError} when it is
 * damaged or not private.
 */
export async function loadKeyFile(dataDir: string, name: string): Promise<Buffer> {
  const path = join(dataDir, 'keys', name)
  const key = await keyFile(path, () => randomBytes(secretBytes))
  if (key.length === secretBytes) return key
  throw new KeyFileError(
    `${path} is damaged (${key.length} bytes instead of ${secretBytes}). Put the saved one back.`,
  )
}

/**
 * The bytes of a key file, which `make` provides when there is none. Two processes that come at the same time get the
 * same key. Throws {@link KeyFileError} when group or others may read or write it.
 */
export async function keyFile(path: string, make: () => Uint8Array): Promise<Buffer> {
  const found = await readKey(path)
  if (found !== null) return found
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  try {
    await writeFileAtomic(path, make(), { mode: 0o600, exclusive: true })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  const made = await readKey(path)
  if (made === null) throw new KeyFileError(`${path} was removed while it was being made`)
  return made
}

async function readKey(path: string): Promise<Buffer | null> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  })
  if (handle === null) return null
  try {
    const { mode } = await handle.stat()
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8)
      throw new KeyFileError(`${path} has mode ${octal}: others may know this key. It must have mode 600.`)
    }
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}
