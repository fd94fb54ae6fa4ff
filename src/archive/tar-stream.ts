// The bytes of an archive: of the file itself, and of the tar in it, whatever the compression. Flat memory.
import { lstatSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Problem } from '../domain/problem.ts'
import { errorCode } from '../sys/files.ts'
import { fingerprint } from './fingerprint.ts'
import { archivePaths } from './format.ts'
import { mustLocate } from './locate.ts'
import { openRegular } from './open-regular.ts'

const largestChunk = 256 * 1024

export interface Region {
  readonly offset: number
  /** Absent: to the end. */
  readonly length?: number
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes of the file read so far, of {@link OpenTar.sizeBytes}. */
  onRead?(position: number): void
}

/** An archive's file, held open: what is read twice is the same file twice, whatever happens to its name. */
export interface OpenTar {
  readonly gzip: boolean
  /** Of the file. */
  readonly sizeBytes: number
  /** See `fingerprint.ts`: as it was when it was opened. */
  readonly fingerprint: string
  /** Every byte of the tar, or a region of it: `archive_truncated` when it ends before. The chunks may be kept. */
  bytes(options?: ReadOptions & { readonly region?: Region }): AsyncGenerator<Buffer>
  /** Bytes of the file as it is, from `offset` to its end or `length` of them. */
  raw(options?: ReadOptions & { readonly offset?: number; readonly length?: number }): AsyncGenerator<Buffer>
  /** The tar from byte `from` on, for who wants to pass over parts of it. */
  reader(options?: ReadOptions & { readonly from?: number }): TarReader
  close(): Promise<void>
}

export interface TarReader {
  /** The next piece of the tar, null at its end. It may be kept. */
  next(): Promise<Buffer | null>
  /** Passes over bytes without reading them where the file allows it; how many there were. */
  skip(bytes: number): Promise<number>
  close(): void
}

/** Rejects with `archive_not_found`, or as {@link openRegular}. The caller closes it. */
export async function openTar(archivesDir: string, name: string): Promise<OpenTar> {
  const found = mustLocate(archivesDir, name)
  const handle = await openRegular(found.path, found.stats)
  try {
    const { sidecar } = archivePaths(archivesDir, name)
    const beside = lstatSync(sidecar, { bigint: true, throwIfNoEntry: false }) ?? null
    return await tarOf(handle, name, fingerprint(await handle.stat({ bigint: true }), beside))
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** The same for a file that is open already; {@link OpenTar.close} closes it. `name` is for problems. */
export async function tarOf(handle: FileHandle, name: string, mark = ''): Promise<OpenTar> {
  const sizeBytes = (await handle.stat()).size
  const gzip = await isGzip(handle)
  const reader = ({ from = 0, ...options }: ReadOptions & { readonly from?: number } = {}): TarReader =>
    gzip
      ? startingAt(gzipReader(handle, name, options), from)
      : plainReader(handle, { ...options, from, sizeBytes })
  return {
    gzip,
    sizeBytes,
    fingerprint: mark,
    reader,
    bytes: ({ region, ...options } = {}) =>
      within(reader({ ...options, ...(region && { from: region.offset }) }), region?.length, name),
    raw: ({ offset = 0, length, ...options } = {}) =>
      within(plainReader(handle, { ...options, from: offset, sizeBytes }), length, name),
    close: () => handle.close(),
  }
}

/** {@link OpenTar.bytes} of an archive that is opened and closed for it. */
export async function* tarBytes(
  archivesDir: string,
  name: string,
  options: ReadOptions & { readonly region?: Region } = {},
): AsyncGenerator<Buffer> {
  const tar = await openTar(archivesDir, name)
  try {
    yield* tar.bytes(options)
  } finally {
    await tar.close()
  }
}

async function isGzip(handle: FileHandle): Promise<boolean> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0)
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
}

function plainReader(
  handle: FileHandle,
  options: ReadOptions & { readonly from: number; readonly sizeBytes: number },
): TarReader {
  const { signal, from, sizeBytes } = options
  let position = from
  // Who jumps from header to header does not want what lies between: pieces grow only while nothing is passed over.
  let length = largestChunk
  return {
    async next() {
      signal?.throwIfAborted()
      const buffer = Buffer.allocUnsafeSlow(length)
      const { bytesRead } = await handle.read(buffer, 0, length, position)
      signal?.throwIfAborted()
      length = Math.min(largestChunk, length * 2)
      position += bytesRead
      options.onRead?.(position)
      return bytesRead === 0 ? null : buffer.subarray(0, bytesRead)
    },
    skip(bytes) {
      const there = Math.max(0, Math.min(bytes, sizeBytes - position))
      position += there
      length = 16 * 1024
      return Promise.resolve(there)
    },
    close: () => undefined,
  }
}

function gzipReader(handle: FileHandle, archive: string, options: ReadOptions): TarReader {
  const gunzip = createGunzip({ chunkSize: largestChunk })
  pipeline(pieces(plainReader(handle, { ...options, from: 0, sizeBytes: 0 })), gunzip, () => undefined)
  const source: AsyncIterator<Buffer> = gunzip[Symbol.asyncIterator]()
  let rest: Buffer | null = null
  const next = async (): Promise<Buffer | null> => {
    if (rest !== null) {
      const kept = rest
      rest = null
      return kept
    }
    try {
      const { done, value } = await source.next()
      return done === true ? null : value
    } catch (error) {
      options.signal?.throwIfAborted()
      throw gzipProblem(error, archive)
    }
  }
  return {
    next,
    async skip(bytes) {
      let left = bytes
      while (left > 0) {
        const piece = await next()
        if (piece === null) break
        if (piece.length > left) rest = piece.subarray(left)
        left -= Math.min(left, piece.length)
      }
      return bytes - left
    },
    close: () => void gunzip.destroy(),
  }
}

async function* pieces(reader: TarReader): AsyncGenerator<Buffer> {
  for (let piece = await reader.next(); piece !== null; piece = await reader.next()) yield piece
}

/** Decompression can only begin at the beginning. */
function startingAt(reader: TarReader, from: number): TarReader {
  let before = from
  const reach = async (): Promise<boolean> => {
    const passed = before === 0 ? 0 : await reader.skip(before)
    const reached = passed === before
    before = 0
    return reached
  }
  return {
    next: async () => ((await reach()) ? reader.next() : null),
    skip: async (bytes) => ((await reach()) ? reader.skip(bytes) : 0),
    close: () => reader.close(),
  }
}

async function* within(
  reader: TarReader,
  length: number | undefined,
  archive: string,
): AsyncGenerator<Buffer> {
  try {
    if (length === undefined) {
      yield* pieces(reader)
      return
    }
    for (let left = length; left > 0;) {
      const piece = await reader.next()
      if (piece === null)
        throw new Problem('archive_truncated', { archive, detail: `${left} bytes are missing` })
      const part = piece.subarray(0, left)
      left -= part.length
      yield part
    }
  } finally {
    reader.close()
  }
}

/** What is wrong with compressed data, as the problem that it is; any other error as it came. */
function gzipProblem(error: unknown, archive: string): unknown {
  const code = errorCode(error) ?? ''
  if (!code.startsWith('Z_')) return error
  return new Problem(
    'archive_truncated',
    { archive, detail: `gzip: the data is damaged (${code})` },
    { cause: error },
  )
}
