// Puts an upload that is whole into the archives directory. The upload keeps its own name until its archive has one: a crash at
// any moment loses nothing, and doing it again goes on from there. Only one of a name is published at a time.
import { createHash } from 'node:crypto'
import { constants, lstatSync, statSync } from 'node:fs'
import { link, lstat, open, type FileHandle } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Published } from '../domain/helper-protocol.ts'
import { invalid, isProblem, Problem } from '../domain/problem.ts'
import { errorCode, exists, removeIfExists, syncDirectory } from '../sys/files.ts'
import { backupInfoBytes } from './backup-info.ts'
import { fingerprintOf } from './fingerprint.ts'
import { archivePaths, blockSize, type ArchivePaths } from './format.ts'
import { archiveMode, giveNames, mustFit, taken } from './give-names.ts'
import { hashFile } from './hash.ts'
import { infoBytes } from './info-json.ts'
import { locate } from './locate.ts'
import { withNameLock } from './name-lock.ts'
import { readAt, readJsonFile } from './read-json.ts'
import { infoFault } from './sidecar.ts'
import { readTail } from './tail.ts'
import { readHeader } from './tar-fields.ts'
import { openPartFolder, refused, type PartFolder, type UploadPart } from './upload-part.ts'

const pieceBytes = 512 * 1024

export interface UploadOrder {
  /** Path of the upload's file. */
  readonly part: string
  readonly name: string
  /** `NAME.tar` or `NAME.tar.gz`. */
  readonly file: string
  readonly sizeBytes: number
  /** What the server found while it received it. */
  readonly sha256: string
  readonly info: Readonly<Record<string, unknown>>
  readonly backupInfo: Readonly<Record<string, unknown>> | null
}

export interface ReceiveIo {
  readonly signal: AbortSignal
  readonly places: { readonly archivesDir: string; readonly dataDir: string }
  progress(done: number, total: number | null): void
  /** Epoch milliseconds. */
  now(): number
}

/**
 * All or nothing; doing it again after it was done is a success. Rejects with `archive_exists`, `upload_not_found`,
 * `upload_checksum_mismatch`, `name_invalid`, `helper_refused` for what is no upload, `validation_failed` (`file`: no archive;
 * `info`: of no use to YunoHost), `insufficient_storage`, `disk_full`, `archives_dir_missing`, or the signal's reason.
 */
export async function publishUpload(order: UploadOrder, io: ReceiveIo): Promise<Published> {
  const { name, file } = order
  const { archivesDir } = io.places
  if (file !== `${name}.tar` && file !== `${name}.tar.gz`) throw new Problem('name_invalid', { name: file })
  const fault = infoFault(order.info)
  if (fault !== '')
    throw invalid({ field: 'info', code: 'not_an_archive', facts: { detail: `info.json: ${fault}` } })
  if (!(await exists(archivesDir))) throw new Problem('archives_dir_missing', { path: archivesDir })
  return withNameLock(archivesDir, name, io.signal, () => publishAlone(order, io))
}

async function publishAlone(order: UploadOrder, io: ReceiveIo): Promise<Published> {
  const { name, file } = order
  const { archivesDir } = io.places
  const folder = await openPartFolder(order.part, io.places)
  try {
    const part = await folder.open()
    if (part === null) {
      if (!(await isPublished(order, archivesDir))) throw await missing(order, archivesDir)
      await removeLeftovers(archivesDir, name)
    } else {
      try {
        await take(order, folder, part, io)
      } catch (error) {
        await giveBack(part, io.places.dataDir)
        throw error
      } finally {
        await part.handle.close()
      }
      await folder.remove()
    }
    const fingerprint = await fingerprintOf(archivesDir, file)
    return { file, fingerprint, sizeBytes: order.sizeBytes }
  } finally {
    await folder.close()
  }
}

async function missing({ name }: UploadOrder, archivesDir: string): Promise<Problem> {
  const paths = archivePaths(archivesDir, name)
  for (const path of [paths.tar, paths.gzip, paths.sidecar]) if (await exists(path)) return taken(name)
  return new Problem('upload_not_found')
}

/** Leaves the upload's own name to the caller. */
async function take(order: UploadOrder, folder: PartFolder, part: UploadPart, io: ReceiveIo): Promise<void> {
  const { name, sizeBytes } = order
  const { archivesDir } = io.places
  const paths = archivePaths(archivesDir, name)
  if (part.stats.size !== BigInt(sizeBytes))
    throw refused(`it has ${part.stats.size} bytes, not ${sizeBytes}`)
  await removeLeftovers(archivesDir, name)
  if (await isPublished(order, archivesDir, part, io.signal)) return
  for (const path of [paths.tar, paths.gzip, paths.sidecar, paths.backupInfo, paths.partial]) {
    if (await exists(path)) throw taken(name)
  }
  const { nlink } = await part.handle.stat({ bigint: true })
  if (nlink !== 1n) throw refused('it has other names')
  const gzip = order.file.endsWith('.gz')
  await mustBegin(part.handle, gzip)
  const inside = gzip ? null : await readTail(`/proc/self/fd/${part.handle.fd}`, part.stats)
  const described = inside === null && order.backupInfo !== null ? backupInfoBytes(order.backupInfo) : null

  const own: string[] = []
  let sealed = false
  let handle: FileHandle | undefined
  try {
    handle = await named(order.name, folder, part, paths, own, io.now())
    handle ??= await copied(order, part, paths, own, io)
    const mine = handle
    await syncDirectory(archivesDir)
    io.signal.throwIfAborted()
    const files = { partial: paths.received, gzip, sidecar: infoBytes(order.info), backupInfo: described }
    await giveNames(paths, name, files, own, async () => {
      await makeOurs(mine)
      sealed = true
    })
  } catch (error) {
    // Ours only when it was us who gave it.
    if (
      sealed &&
      handle &&
      !isProblem(error, 'archive_exists') &&
      (await isSame(handle, gzip ? paths.gzip : paths.tar))
    )
      own.push(gzip ? paths.gzip : paths.tar)
    // The file in progress last: until it has gone, it says that the rest is ours.
    for (const path of own.toReversed()) await removeIfExists(path)
    throw error
  } finally {
    if (handle !== part.handle) await handle?.close()
  }
}

/** A tar or a gzip stream, as its name says. What is in it is looked at before it is restored. */
async function mustBegin(handle: FileHandle, gzip: boolean): Promise<void> {
  const start = await readAt(handle, 0, blockSize)
  const zipped = start[0] === 0x1f && start[1] === 0x8b
  const header = start.length === blockSize ? readHeader(start) : 'cut off'
  if (gzip ? zipped : typeof header !== 'string') return
  const detail = gzip ? 'it is not compressed by gzip' : 'it does not begin like a tar'
  throw invalid({ field: 'file', code: 'not_an_archive', facts: { detail } })
}

/** Gives the upload a second name in the archives directory; undefined where the file system cannot. */
async function named(
  name: string,
  folder: PartFolder,
  part: UploadPart,
  paths: ArchivePaths,
  own: string[],
  now: number,
): Promise<FileHandle | undefined> {
  // It may have lain there for days; nothing of ours that is stale may be cleared up while it is being named.
  await part.handle.utimes(now / 1000, now / 1000)
  try {
    await link(folder.path, paths.received)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST') throw taken(name, error)
    // Another file system, or one without hard links.
    if (['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code ?? '')) return undefined
    throw error
  }
  own.push(paths.received)
  const { ino, dev } = await lstat(paths.received, { bigint: true })
  if (ino !== part.stats.ino || dev !== part.stats.dev) throw refused('it was exchanged for another')
  return part.handle
}

/** The upload's bytes in a file of our own, found to be what was received. */
async function copied(
  order: UploadOrder,
  part: UploadPart,
  paths: ArchivePaths,
  own: string[],
  io: ReceiveIo,
): Promise<FileHandle> {
  await mustFit(io.places.archivesDir, order.sizeBytes)
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const to = await open(paths.received, flags, archiveMode)
  own.push(paths.received)
  try {
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafeSlow(pieceBytes)
    let position = 0
    for (;;) {
      io.signal.throwIfAborted()
      const { bytesRead } = await part.handle.read(buffer, 0, pieceBytes, position)
      if (bytesRead === 0) break
      const writing = writeAll(to, buffer.subarray(0, bytesRead), position)
      hash.update(buffer.subarray(0, bytesRead))
      await writing
      position += bytesRead
      io.progress(position, order.sizeBytes)
    }
    const found = hash.digest('hex')
    if (found === order.sha256) return to
    throw new Problem('upload_checksum_mismatch', { found, expected: order.sha256 })
  } catch (error) {
    await to.close()
    throw error
  }
}

async function writeAll(to: FileHandle, data: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < data.length;) {
    const { bytesWritten } = await to.write(data, at, data.length - at, position + at)
    at += bytesWritten
  }
}

/** The server can neither read nor change it any more. On the disk afterwards. */
async function makeOurs(handle: FileHandle): Promise<void> {
  if (process.geteuid?.() === 0) await handle.chown(0, 0)
  await handle.chmod(archiveMode)
  await handle.sync()
}

/** Whether the file has this name, too: the disk failed after it was given. */
async function isSame(handle: FileHandle, path: string): Promise<boolean> {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  const { ino, dev } = await handle.stat({ bigint: true })
  return stats?.ino === ino && stats.dev === dev
}

/** To the server, also when an earlier attempt that died had taken it over: else it could never go on with it. */
async function giveBack({ handle, stats }: UploadPart, dataDir: string): Promise<void> {
  const { nlink } = await handle.stat({ bigint: true })
  // An archive that stands in its place is root's.
  if (nlink !== 1n) return
  const taken = stats.uid === 0n
  const owner = taken ? statSync(dataDir, { bigint: true }) : stats
  if (process.geteuid?.() === 0) await handle.chown(Number(owner.uid), Number(owner.gid))
  await handle.chmod(taken ? 0o600 : Number(stats.mode & 0o7777n))
}

/**
 * What an earlier attempt left when it died: its file in progress, and half of the archive where the tar has no name yet. A tar
 * of no bytes only reserves the name, on file systems without hard links.
 */
async function removeLeftovers(archivesDir: string, name: string): Promise<void> {
  const paths = archivePaths(archivesDir, name)
  if (!(await exists(paths.received))) return
  const tars = [paths.tar, paths.gzip].map((path) => ({
    path,
    stats: lstatSync(path, { throwIfNoEntry: false }),
  }))
  if (tars.every(({ stats }) => stats === undefined || (stats.isFile() && stats.size === 0))) {
    for (const path of [...tars.map(({ path }) => path), paths.backupInfo, paths.sidecar])
      await removeIfExists(path)
    await syncDirectory(archivesDir)
  }
  await removeIfExists(paths.received)
  await syncDirectory(archivesDir)
}

/** Whether the archive is there already, with this very sidecar; while its upload is there too, also with the same bytes. */
async function isPublished(
  order: UploadOrder,
  archivesDir: string,
  part?: UploadPart,
  signal?: AbortSignal,
): Promise<boolean> {
  const found = locate(archivesDir, order.name)
  if (found === null || found.link !== null || found.file !== order.file) return false
  if (found.stats.size !== BigInt(order.sizeBytes)) return false
  const sidecar = await readJsonFile(archivePaths(archivesDir, order.name).sidecar)
  if (!sidecar.ok || !isDeepStrictEqual(sidecar.value, order.info)) return false
  if (part === undefined) return true
  if (part.stats.ino === found.stats.ino && part.stats.dev === found.stats.dev) return true
  return (await hashFile(found.path, signal === undefined ? {} : { signal })).sha256 === order.sha256
}
