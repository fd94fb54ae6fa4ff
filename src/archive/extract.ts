// Unpacks an archive, or parts of it, into a folder of its own: all of what was asked for, or nothing.
import { chmod, chown, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { invalid, Problem } from '../domain/problem.ts'
import { diskOf } from '../sys/disk.ts'
import { errorCode, syncDirectory } from '../sys/files.ts'
import type { Run } from '../sys/process.ts'
import { extractTarget, type ExtractTarget } from './extract-target.ts'
import { sliceTar, type Wanted } from './slice.ts'
import { openStaging } from './staging.ts'
import { mustBeSafe, surveyTar } from './survey.ts'
import type { OpenTar } from './tar-stream.ts'
import { padded, type TarMember } from './tar-scanner.ts'
import { unpack } from './unpack.ts'

/** What a file takes at least on most file systems. */
const blockBytes = 4096

export interface ExtractIo {
  readonly run: Run
  readonly signal: AbortSignal
  readonly operation: string
  readonly places: { readonly archivesDir: string; readonly dataDir: string }
  progress(done: number, total: number | null): void
}

export interface ExtractOrder {
  /** Absolute: a folder that is not there yet, or an empty one. */
  readonly to: string
  /** Paths in the archive as `cleanName` gives them (latin1: bytes); empty: everything. */
  readonly paths: readonly string[]
  /** Also device nodes. */
  readonly devices: boolean
}

/**
 * How many members and bytes there were. Rejects with `archive_unsafe`, `archive_truncated`, `member_not_found`,
 * `insufficient_storage`, `disk_full`, `validation_failed` (fields `to`, `devices`), the signal's reason, or what tar said.
 */
export async function extractArchive(
  tar: OpenTar,
  archive: string,
  order: ExtractOrder,
  io: ExtractIo,
): Promise<{ files: number; bytes: number }> {
  const target = extractTarget(order.to, io.places)
  const found = await look(tar, archive, order, io.signal)
  await mustFit(target, found.needed)

  const staging = await openStaging(io.places.archivesDir, io.operation, target.path)
  try {
    const { signal } = io
    const onRead = (position: number): void => io.progress(Math.min(position, tar.sizeBytes), tar.sizeBytes)
    const whole = order.paths.length === 0
    await unpack(
      whole
        ? tar.bytes({ signal, onRead })
        : sliceTar(tar, archive, withParents(order.paths), { signal, onRead }),
      staging.folder,
      io.run,
    )
    // Under its final name everything is on the disk.
    await io.run('sync', ['--file-system', staging.folder])
    signal.throwIfAborted()
    await publish(staging.folder, target, order.to)
    return { files: found.files, bytes: found.bytes }
  } finally {
    await staging.dispose()
  }
}

interface Found {
  files: number
  bytes: number
  /** Bytes on the disk, roughly. */
  needed: number
}

/** Reads all headers; refuses what must not, or cannot, be unpacked. */
async function look(tar: OpenTar, archive: string, order: ExtractOrder, signal: AbortSignal): Promise<Found> {
  const wanted = anyOf(order.paths)
  const missing = new Set(order.paths)
  const found: Found = { files: 0, bytes: 0, needed: 0 }
  let device: string | null = null
  const count = (member: TarMember, name: string): void => {
    if (!wanted(name)) return
    if (missing.size > 0) for (const path of [...parentsOf(name), name, '']) missing.delete(path)
    if (member.type === '3' || member.type === '4') device ??= shown(name)
    if (member.type !== '5') found.files += 1
    found.bytes += member.realSize
    found.needed += Math.max(padded(member.size), blockBytes)
  }
  mustBeSafe(archive, await surveyTar(tar, { signal, onMember: count }))
  for (const path of missing) throw new Problem('member_not_found', { archive, path: shown(path) })
  if (device !== null && !order.devices) {
    throw invalid({ field: 'devices', code: 'device_in_archive', facts: { path: device } })
  }
  return found
}

/** The chosen paths with all that is below them. */
function anyOf(paths: readonly string[]): Wanted {
  if (paths.length === 0) return () => true
  const chosen = new Set(paths)
  return (name) => chosen.has('') || chosen.has(name) || parentsOf(name).some((parent) => chosen.has(parent))
}

/** Also the folders above, for their modes: what was closed to others must not be open in between. */
function withParents(paths: readonly string[]): Wanted {
  const parents = new Set(['', ...paths.flatMap(parentsOf)])
  const chosen = anyOf(paths)
  return (name) => parents.has(name) || chosen(name)
}

function parentsOf(path: string): string[] {
  const parents: string[] = []
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) parents.push(path.slice(0, at))
  return parents
}

async function mustFit(target: ExtractTarget, needed: number): Promise<void> {
  const { freeBytes } = await diskOf(dirname(target.path))
  if (needed <= freeBytes) return
  throw new Problem('insufficient_storage', {
    needed,
    free: freeBytes,
    reserve: 0,
    short: needed - freeBytes,
  })
}

/** Replaces nothing but an empty folder: that is all that the system's rename does. */
async function publish(folder: string, target: ExtractTarget, to: string): Promise<void> {
  const { stats } = target
  if (stats && process.getuid?.() === 0) await chown(folder, stats.uid, stats.gid)
  await chmod(folder, stats ? stats.mode & 0o7777 : 0o755)
  try {
    await rename(folder, target.path)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error
    throw invalid({ field: 'to', code: 'path_not_empty', facts: { path: to } })
  }
  await syncDirectory(dirname(target.path))
}

function shown(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}
