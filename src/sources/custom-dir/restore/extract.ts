// Unpacks the members of a restore with GNU tar, and holds what came out against what the archive holds.
import { basename, dirname } from 'node:path'
import { fingerprintOf } from '../../../archive/fingerprint.ts'
import { cleanName, pathGuard } from '../../../archive/path-guard.ts'
import { tarBytes } from '../../../archive/tar-stream.ts'
import { padded, type TarMember } from '../../../archive/tar-scanner.ts'
import { Problem } from '../../../domain/problem.ts'
import { membersOnly } from '../../restore/members-only.ts'
import type { SourceIo } from '../../source.ts'
import type { Saved } from './saved.ts'
import { deviceWatch, shown, type Selection } from './selection.ts'
import { runTar, type TarReport } from './tar-run.ts'
import { eachEntry } from './tree.ts'

/** What was unpacked. */
export interface Extracted extends TarReport {
  readonly files: number
  readonly bytes: number
  /** How it differs from what the archive holds, in English; empty when all of it is there. */
  readonly incomplete: string
}

export interface ExtractCall {
  readonly archive: string
  readonly saved: Saved
  readonly selection: Selection
  /** An empty directory that only root can enter; the saved directory appears in it under its own name. */
  readonly into: string
  readonly devices: boolean
}

interface Sums {
  files: number
  folders: number
  bytes: number
}

const regular = new Set(['0', '7', 'S'])

/**
 * Names of owners come before numbers, as everywhere with tar; a number counts where this machine does not know the name.
 * Throws `archive_unsafe`, `archive_truncated`, `disk_full`, `restore_failed`, `cancelled`.
 */
export async function extract(call: ExtractCall, io: SourceIo): Promise<Extracted> {
  const { saved, selection } = call
  const all = selection.chosen === null && (call.devices || saved.payload.devices === 0)
  const { expected, report } = all && !saved.file.gzip ? await fromFile(call, io) : await fromStream(call, io)
  const found = await countTree(call.into, io.signal)
  const told = (sums: Sums): string => `${sums.folders} folders, ${sums.files} files, ${sums.bytes} bytes`
  const whole =
    found.files === expected.files &&
    found.bytes === expected.bytes &&
    // tar makes those that have no member.
    found.folders >= expected.folders
  const incomplete = whole ? '' : `unpacked ${told(found)} instead of ${told(expected)}`
  return { files: found.files, bytes: found.bytes, incomplete, ...report }
}

interface Unpacked {
  readonly expected: Sums
  readonly report: TarReport
}

/** tar reads the file itself, which is quicker: the same one that was found safe. */
async function fromFile(call: ExtractCall, io: SourceIo): Promise<Unpacked> {
  const { saved, selection } = call
  const { path, fingerprint } = saved.file
  const from = { file: path, member: shown(selection.prefix), bytes: saved.payload.tarBytes }
  const report = await runTar({ into: call.into, depth: selection.depth, from }, io)
  if (contents(await fingerprintOf(dirname(path), basename(path))) !== contents(fingerprint)) {
    throw new Problem('restore_failed', {
      archive: call.archive,
      detail: 'the archive has changed meanwhile',
    })
  }
  const { files, folders, bytes } = saved.payload
  return { expected: { files, folders, bytes }, report }
}

/** Without the sidecar beside it. */
function contents(fingerprint: string): string {
  return fingerprint.slice(0, fingerprint.lastIndexOf(':'))
}

/** tar is given the bytes of the wanted members alone, each looked at again on its way. */
async function fromStream(call: ExtractCall, io: SourceIo): Promise<Unpacked> {
  const { archive, selection, saved } = call
  const expected: Sums = { files: 0, folders: 0, bytes: 0 }
  const guard = pathGuard()
  const isDevice = deviceWatch()
  const total = saved.payload.tarBytes
  let done = 0
  const wanted = (member: TarMember): boolean => {
    const unsafe = guard(member, cleanName(member.name))
    if (unsafe) throw new Problem('archive_unsafe', { archive, path: unsafe.member, why: unsafe.why })
    const relative = selection.relative(member)
    if (relative === null || selection.role(relative) === null) return false
    if (isDevice(member) && !call.devices) return false
    if (member.type === '5') expected.folders += 1
    else expected.files += 1
    if (regular.has(member.type)) expected.bytes += member.realSize
    done += member.dataOffset - member.offset + padded(member.size)
    io.progress(Math.min(done, total), total)
    return true
  }
  const tar = membersOnly(tarBytes(io.places.archivesDir, archive, { signal: io.signal }), wanted)
  const report = await runTar({ into: call.into, depth: selection.depth, from: { stream: tar } }, io)
  return { expected, report }
}

/** What lies in a directory, without itself. */
async function countTree(root: string, signal: AbortSignal): Promise<Sums> {
  const sums: Sums = { files: 0, folders: -1, bytes: 0 }
  const linked = new Set<string>()
  await eachEntry(root, signal, (_, stats) => {
    if (stats.isDirectory()) sums.folders += 1
    else sums.files += 1
    if (!stats.isFile()) return
    const inode = `${stats.dev}:${stats.ino}`
    if (stats.nlink > 1n && linked.has(inode)) return
    if (stats.nlink > 1n) linked.add(inode)
    sums.bytes += Number(stats.size)
  })
  return sums
}
