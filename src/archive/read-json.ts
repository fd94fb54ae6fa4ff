// Reads small JSON files that others may have written: bounded, never hanging, and errors never show what was in them.
import type { FileHandle } from 'node:fs/promises'
import { isProblem } from '../domain/problem.ts'
import { errorCode } from '../sys/files.ts'
import { openRegular } from './open-regular.ts'

export const jsonMaxBytes = 4 * 1024 * 1024

export type JsonRead =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>>; readonly bytes: Buffer }
  | { readonly ok: false; readonly missing: boolean; readonly error: string }

/** A JSON object from a regular file of at most 4 MiB, or why not. A symbolic link is refused, wherever it leads. */
export async function readJsonFile(path: string): Promise<JsonRead> {
  let handle: FileHandle
  try {
    handle = await openRegular(path)
  } catch (error) {
    if (errorCode(error) === 'ELOOP') return failed('a symbolic link')
    if (isProblem(error)) return failed('not a regular file')
    return failed(errorCode(error) ?? 'unreadable', errorCode(error) === 'ENOENT')
  }
  try {
    const stats = await handle.stat()
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
  return isObject(value) ? { ok: true, value, bytes } : failed('not a JSON object')
}

/** A JSON object: neither null nor a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function failed(error: string, missing = false): JsonRead {
  return { ok: false, missing, error }
}
