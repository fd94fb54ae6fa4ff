// Reads small JSON files that others may have written: bounded, never hanging, and errors never show what was in them.
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { errorCode } from '../sys/files.ts'

export const jsonMaxBytes = 4 * 1024 * 1024

export type JsonRead =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly missing: boolean; readonly error: string }

/** A JSON object from a regular file of at most 4 MiB, or why not. */
export async function readJsonFile(path: string): Promise<JsonRead> {
  let handle: FileHandle
  try {
    // A fifo would hang without O_NONBLOCK.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    return failed(errorCode(error) ?? 'unreadable', errorCode(error) === 'ENOENT')
  }
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) return failed('not a regular file')
    if (stats.size > jsonMaxBytes) return failed(`larger than ${jsonMaxBytes} bytes`)
    return parseObject(await readAt(handle, 0, stats.size))
  } catch (error) {
    return failed(errorCode(error) ?? 'unreadable')
  } finally {
    await handle.close()
  }
}

/** `length` bytes from `position`, fewer at the end of the file. */
export async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

/** A JSON object; lists, texts and invalid JSON are refused, without a word of their contents. */
export function parseObject(bytes: Buffer): JsonRead {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return failed('not valid JSON')
  }
  return isObject(value) ? { ok: true, value } : failed('not a JSON object')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function failed(error: string, missing = false): JsonRead {
  return { ok: false, missing, error }
}
