// Takes a tar from anywhere on this machine into the archives directory: copied, hashed and walked in one go, and visible
// only when it was found to be a whole archive that YunoHost could restore and nobody has to be afraid of.
import { createHash } from 'node:crypto'
import { constants, type BigIntStats } from 'node:fs'
import { copyFile, open, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Imported } from '../domain/helper-protocol.ts'
import { invalid, isProblem, Problem } from '../domain/problem.ts'
import { errorCode, exists, removeIfExists } from '../sys/files.ts'
import { fingerprintOf } from './fingerprint.ts'
import { archivePaths, type ArchivePaths } from './format.ts'
import { archiveMode, giveNames, mustFit, taken } from './give-names.ts'
import { openRegular } from './open-regular.ts'
import { cleanName, pathGuard, type Unsafe } from './path-guard.ts'
import { parseObject, readJsonFile } from './read-json.ts'
import { infoFault } from './sidecar.ts'
import { readTail } from './tail.ts'
import { gunzipWalk, plainWalk } from './tar-walk.ts'
import type { TarMember } from './tar-scanner.ts'

const chunkSize = 512 * 1024

export interface ImportIo {
  readonly signal: AbortSignal
  readonly places: { readonly archivesDir: string }
  progress(done: number, total: number | null): void
}

/**
 * Rejects with `archive_exists`, `archive_unsafe`, `insufficient_storage`, `disk_full`, `archives_dir_missing`, the signal's
 * reason, or `validation_failed` on the field `file`: missing, not a regular file, damaged, no archive of YunoHost's.
 */
export async function importArchive(
  order: { readonly path: string; readonly name: string },
  io: ImportIo,
): Promise<Imported> {
  const { path, name } = order
  const source = await openSource(path)
  try {
    const stats = await source.stat({ bigint: true })
    const paths = archivePaths(io.places.archivesDir, name)
    for (const file of [paths.tar, paths.gzip, paths.sidecar, paths.backupInfo]) {
      if (await exists(file)) throw taken(name)
    }
    await mustFit(io.places.archivesDir, Number(stats.size))
    const vouched = await vouchedFor(path, stats)
    const partial = await createPartial(source, paths.partial, name)
    const own: string[] = [paths.partial]
    try {
      const read = await copyAndLook(source, partial, stats, vouched, io)
      mustBeGood(name, read, vouched)
      await partial.handle.sync()
      const described = await publish(paths, name, path, read, own)
      const file = basename(read.gzip ? paths.gzip : paths.tar)
      const { sha256, sizeBytes, members } = read
      const backupInfo = described ?? vouched?.value ?? null
      return {
        file,
        sizeBytes,
        sha256,
        members,
        backupInfo,
        fingerprint: await fingerprintOf(io.places.archivesDir, file),
      }
    } finally {
      await partial.handle.close()
      for (const file of own) await removeIfExists(file)
    }
  } finally {
    await source.close()
  }
}

async function openSource(path: string): Promise<FileHandle> {
  const refuse = (code: 'file_missing' | 'not_regular_file') =>
    invalid({ field: 'file', code, facts: { path } })
  try {
    return await openRegular(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw refuse('file_missing')
    // A link, a folder, a socket, a device without its driver.
    if (isProblem(error) || ['ELOOP', 'EISDIR', 'ENXIO', 'ENODEV'].includes(errorCode(error) ?? ''))
      throw refuse('not_regular_file')
    throw error
  }
}

interface Vouched {
  /** The description inside the tar. */
  readonly value: Readonly<Record<string, unknown>>
  /** It says that so many bytes in front of it have this hash; null when it says nothing. */
  readonly sha256: string | null
  readonly bytes: number | null
}

async function vouchedFor(path: string, stats: BigIntStats): Promise<Vouched | null> {
  const value = await readTail(path, stats)
  if (value === null) return null
  const { sha256, sha256_bytes: bytes } = value
  const told = typeof sha256 === 'string' && typeof bytes === 'number'
  return { value, sha256: told ? sha256 : null, bytes: told ? bytes : null }
}

interface Partial {
  readonly handle: FileHandle
  /** All of it is there already: the file system shares the blocks. */
  readonly cloned: boolean
}

async function createPartial(source: FileHandle, path: string, name: string): Promise<Partial> {
  const cloned = await cloneInto(source, path)
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | (cloned ? 0 : constants.O_CREAT | constants.O_EXCL)
  try {
    const handle = await open(path, flags, archiveMode)
    await handle.chmod(archiveMode)
    return { handle, cloned }
  } catch (error) {
    throw errorCode(error) === 'EEXIST' ? taken(name, error) : error
  }
}

/** False where the file system cannot, or the name is taken. */
async function cloneInto(source: FileHandle, path: string): Promise<boolean> {
  try {
    // By the open file, not by its name: what stands there may have changed.
    await copyFile(
      `/proc/self/fd/${source.fd}`,
      path,
      constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE,
    )
    return true
  } catch {
    return false
  }
}

interface Read {
  readonly sha256: string
  readonly sizeBytes: number
  /** Hash of the first bytes that the description inside vouches for; null when it does not. */
  readonly inner: string | null
  readonly gzip: boolean
  readonly members: number
  readonly damage: string
  readonly unsafe: Unsafe | null
  readonly info: Buffer | null
}

/** What is hashed and walked is read back from the copy: it is what the file really holds. */
async function copyAndLook(
  source: FileHandle,
  { handle, cloned }: Partial,
  stats: BigIntStats,
  vouched: Vouched | null,
  io: ImportIo,
): Promise<Read> {
  const total = Number(stats.size)
  const innerBytes = vouched?.bytes ?? null
  // What we did not write ourselves will be unpacked by YunoHost.
  const guard = pathGuard({ strict: vouched === null })
  let unsafe: Unsafe | null = null
  const onMember = (member: TarMember): void => void (unsafe ??= guard(member, cleanName(member.name)))
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafeSlow(chunkSize)
  let inner: string | null = null
  let walk = plainWalk(onMember)
  let gzip = false
  let position = 0
  for (;;) {
    io.signal.throwIfAborted()
    const length = cloned ? chunkSize : await copyPiece(source, handle, buffer, position)
    const { bytesRead } = await handle.read(buffer, 0, length, position)
    if (bytesRead === 0) break
    const piece = buffer.subarray(0, bytesRead)
    const left = innerBytes === null ? -1 : innerBytes - position
    if (left >= 0 && left <= piece.length) {
      hash.update(piece.subarray(0, left))
      inner ??= hash.copy().digest('hex')
      hash.update(piece.subarray(left))
    } else hash.update(piece)
    if (position === 0 && piece[0] === 0x1f && piece[1] === 0x8b) {
      gzip = true
      walk = gunzipWalk(onMember)
    }
    await walk.push(piece)
    position += bytesRead
    io.progress(Math.min(position, total), total)
  }
  return { sha256: hash.digest('hex'), sizeBytes: position, inner, gzip, unsafe, ...(await walk.end()) }
}

async function copyPiece(
  from: FileHandle,
  to: FileHandle,
  buffer: Buffer,
  position: number,
): Promise<number> {
  const { bytesRead } = await from.read(buffer, 0, buffer.length, position)
  for (let at = 0; at < bytesRead;) {
    const { bytesWritten } = await to.write(buffer, at, bytesRead - at, position + at)
    at += bytesWritten
  }
  return bytesRead
}

function mustBeGood(archive: string, read: Read, vouched: Vouched | null): void {
  const refuse = (code: 'archive_damaged' | 'not_an_archive', detail: string) =>
    invalid({ field: 'file', code, facts: { detail } })
  if (read.unsafe) {
    const facts = { path: read.unsafe.member, why: read.unsafe.why }
    const errors = [{ field: 'file', code: 'archive_unsafe', facts } as const]
    throw new Problem('archive_unsafe', { archive, ...facts }, { errors })
  }
  if (read.damage !== '') throw refuse(read.members === 0 ? 'not_an_archive' : 'archive_damaged', read.damage)
  if (vouched !== null && vouched.sha256 !== null && vouched.sha256 !== read.inner) {
    throw refuse(
      'archive_damaged',
      `backup_info.json promises SHA-256 ${vouched.sha256}, found ${read.inner ?? 'less'}`,
    )
  }
  if (read.info === null) throw refuse('not_an_archive', 'info.json is missing in it')
  const info = parseObject(read.info)
  const fault = info.ok ? infoFault(info.value) : info.error
  if (fault !== '') throw refuse('not_an_archive', `info.json: ${fault}`)
}

/** `own` names what must be taken away again unless all of it succeeds. */
async function publish(
  paths: ArchivePaths,
  name: string,
  from: string,
  read: Read,
  own: string[],
): Promise<Readonly<Record<string, unknown>> | null> {
  const beside = await readJsonFile(besideOf(from))
  const fits =
    beside.ok && beside.value['sha256'] === read.sha256 && beside.value['sha256_bytes'] === undefined
  // Whatever stands beside the given file: what YunoHost wrote is the same as the member, in other bytes at most.
  const sidecar = read.info ?? Buffer.alloc(0)
  const backupInfo = fits ? beside.bytes : null
  await giveNames(paths, name, { partial: paths.partial, gzip: read.gzip, sidecar, backupInfo }, own)
  return fits ? beside.value : null
}

/** `NAME.backup_info.json` beside the given file. */
function besideOf(file: string): string {
  const base = basename(file).replace(/\.tar(?:\.gz)?$/, '')
  return `${dirname(file)}/${base}.backup_info.json`
}
