// Puts backup_info.json into a tar that another program has finished, so that a crash at any moment leaves a tar that can
// be read, with our member or without it.
//
// Where the end blocks begin (byte P) our header will stand. First everything behind it is written and synced: a reader
// still stops at P, where nothing but zeros is. Then the header, one block by one write, makes all of it visible.
import { createHash } from 'node:crypto'
import { constants, type BigIntStats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diskOf } from '../sys/disk.ts'
import { errorCode, syncDirectory } from '../sys/files.ts'
import { backupInfoBytes } from './backup-info.ts'
import { readChunks } from './chunks.ts'
import { archivePaths, backupInfoMaxBytes, backupInfoMember, blockSize, recordSize } from './format.ts'
import { locate } from './locate.ts'
import { openRegular } from './open-regular.ts'
import { readAt } from './read-json.ts'
import { readHeader } from './tar-fields.ts'
import { tarEnd, tarFile } from './tar-header.ts'
import { padded, tarScanner } from './tar-scanner.ts'

/** What may stand behind the members: a description and the end of a tar. Where there is more, we did not write it. */
const farthestEnd = padded(backupInfoMaxBytes) + blockSize + 2 * recordSize

export interface DescribeOptions {
  readonly signal?: AbortSignal
  /** Bytes read so far. */
  onBytes?(done: number): void
  /** Gives backup_info.json. `bytes`: the hash is that of the file's first bytes, so many; null: of all of it. */
  describe(sha256: string, bytes: number | null): Readonly<Record<string, unknown>>
  /** Called when our member is about to be written at byte `end`; false leaves the tar as it is. */
  before?(end: number): Promise<boolean>
}

export interface DescribedTar {
  /** Why the description could not be put inside, in English; null when it is inside. */
  readonly beside: string | null
  /** Of the file as it is now. */
  readonly sha256: string
  readonly sizeBytes: number
  readonly backupInfo: Readonly<Record<string, unknown>>
}

/**
 * Hashes a finished archive by reading it once, and appends its description where that is safe: to a whole, uncompressed
 * tar that has one name and can be written. Everything is on the disk afterwards. Any other regular file is hashed and
 * left alone: the caller puts the description beside it. Rejects with the signal's reason or the system's error.
 */
export async function describeTar(path: string, options: DescribeOptions): Promise<DescribedTar> {
  const opened = await openForWriting(path)
  try {
    const stats = await opened.handle.stat({ bigint: true })
    const read = await readOnce(path, stats, options)
    const beside = (reason: string): DescribedTar => {
      const { sha256, sizeBytes } = read
      return { beside: reason, sha256, sizeBytes, backupInfo: options.describe(sha256, null) }
    }
    const reason = opened.why ?? (await whyNot(opened.handle, stats)) ?? read.why
    if (reason !== null || read.end === null) return beside(reason ?? 'it has no end')
    const { at, hash } = read.end
    const backupInfo = options.describe(hash.copy().digest('hex'), at)
    const member = tarFile(backupInfoMember, backupInfoBytes(backupInfo), mtimeOf(backupInfo))
    const total = Math.max(read.sizeBytes, at + member.length + tarEnd(at + member.length).length)
    if (total - at > farthestEnd) return beside('its end is unusually long')
    if (!(await hasRoom(path, total - read.sizeBytes))) return beside('there is no room for it')
    if (options.before && !(await options.before(at))) return beside('its end could not be noted')
    try {
      await writeMember(opened.handle, at, member, total)
    } catch (error) {
      await wipe(opened.handle, at, read.sizeBytes)
      return beside(`it could not be written (${errorCode(error) ?? 'error'})`)
    }
    // What is hashed is what the file really holds.
    hash.update(await readAt(opened.handle, at, total - at))
    return { beside: null, sha256: hash.digest('hex'), sizeBytes: total, backupInfo }
  } finally {
    await opened.handle.close()
  }
}

/**
 * After a crash in the middle of {@link describeTar}: takes away what stands behind the end of `name`'s tar, if our header
 * does not make it a member. Only where the archive's marker says that we were writing there.
 */
export async function settleAppend(archivesDir: string, name: string): Promise<void> {
  const end = await notedEnd(archivePaths(archivesDir, name).marker)
  const found = locate(archivesDir, name)
  if (end === null || found === null || found.link !== null) return
  const { handle } = await openForWriting(found.path)
  try {
    const { nlink, size } = await handle.stat()
    if (nlink !== 1 || end % blockSize !== 0 || size < end + blockSize || size - end > farthestEnd) return
    if (typeof readHeader(await readAt(handle, end, blockSize)) !== 'string') return
    await wipe(handle, end, end + tarEnd(end).length)
  } finally {
    await handle.close()
  }
}

/** What a marker says for {@link settleAppend}; its file is there already. */
export async function noteEnd(marker: string, end: number): Promise<void> {
  const handle = await open(marker, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    await handle.writeFile(JSON.stringify({ end }))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await syncDirectory(dirname(marker))
}

async function notedEnd(marker: string): Promise<number | null> {
  try {
    const handle = await openRegular(marker)
    try {
      const text = (await readAt(handle, 0, 100)).toString('latin1')
      const digits = /^\{"end":(\d{1,15})\}$/.exec(text)?.[1]
      return digits === undefined ? null : Number(digits)
    } finally {
      await handle.close()
    }
  } catch {
    // Not there, or not ours: nothing is known, nothing is touched.
    return null
  }
}

interface OpenedTar {
  readonly handle: FileHandle
  /** Why nothing may be written to it. */
  readonly why: string | null
}

/** A symbolic link is refused with the system's `ELOOP`. */
async function openForWriting(path: string): Promise<OpenedTar> {
  try {
    const handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    return { handle, why: null }
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (!['EACCES', 'EPERM', 'EROFS', 'ETXTBSY'].includes(code)) throw error
    return { handle: await openRegular(path), why: `it cannot be written (${code})` }
  }
}

async function whyNot(handle: FileHandle, before: BigIntStats): Promise<string | null> {
  const now = await handle.stat({ bigint: true })
  if (now.nlink !== 1n) return 'the file has several names'
  const same = now.size === before.size && now.mtimeNs === before.mtimeNs
  return same ? null : 'it changed while it was read'
}

interface ReadOnce {
  /** Of the whole file. */
  readonly sha256: string
  readonly sizeBytes: number
  /** Where the end blocks begin, and the hash of what is before them; null for anything but a whole plain tar. */
  readonly end: { readonly at: number; readonly hash: ReturnType<typeof createHash> } | null
  readonly why: string | null
}

async function readOnce(path: string, stats: BigIntStats, options: DescribeOptions): Promise<ReadOnce> {
  const members = createHash('sha256')
  const scanner = tarScanner()
  let whole = members
  let plain: boolean | null = null
  let done = 0
  const sizeBytes = await readChunks(path, {
    signal: options.signal,
    known: stats,
    onChunk: (chunk) => {
      plain ??= !(chunk[0] === 0x1f && chunk[1] === 0x8b)
      const before = plain ? scanner.push(chunk) : chunk.length
      if (whole !== members) whole.update(chunk)
      else if (before === chunk.length) members.update(chunk)
      else {
        members.update(chunk.subarray(0, before))
        whole = members.copy()
        whole.update(chunk.subarray(before))
      }
      done += chunk.length
      options.onBytes?.(done)
    },
  })
  const { damage, payloadEnd } = scanner.end()
  const why = plain === false ? 'it is compressed' : damage === '' ? null : `the tar is damaged: ${damage}`
  const end = why === null && payloadEnd !== null ? { at: payloadEnd, hash: members } : null
  return { sha256: whole.copy().digest('hex'), sizeBytes, end, why }
}

async function hasRoom(path: string, growth: number): Promise<boolean> {
  return growth <= 0 || (await diskOf(path)).freeBytes >= growth
}

/** Behind the header first, the header last: see the top of this file. `member`: header of one block, data, padding. */
async function writeMember(handle: FileHandle, at: number, member: Buffer, total: number): Promise<void> {
  const header = member.subarray(0, blockSize)
  await handle.truncate(total)
  await writeAt(handle, member.subarray(blockSize), at + blockSize)
  await handle.sync()
  await writeAt(handle, header, at)
  await handle.sync()
}

async function writeAt(handle: FileHandle, data: Buffer, position: number): Promise<void> {
  const { bytesWritten } = await handle.write(data, 0, data.length, position)
  if (bytesWritten !== data.length) throw new Error('a write was cut short')
}

/** Nothing but zeros from `at` on, `size` bytes in all. In between it has no end blocks, which every reader takes. */
async function wipe(handle: FileHandle, at: number, size: number): Promise<void> {
  await handle.truncate(at)
  await handle.truncate(size)
  await handle.sync()
}

function mtimeOf(backupInfo: Readonly<Record<string, unknown>>): number {
  const at = Date.parse(String(backupInfo['created_at']))
  return Number.isFinite(at) ? Math.floor(at / 1000) : 0
}
