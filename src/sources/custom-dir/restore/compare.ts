// Holds an unpacked tree against the archive, byte by byte, by another reader than the one that unpacked it.
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, type BigIntStats } from 'node:fs'
import { tarBytes } from '../../../archive/tar-stream.ts'
import type { TarMember } from '../../../archive/tar-scanner.ts'
import { errorCode } from '../../../sys/files.ts'
import type { SourceIo } from '../../source.ts'
import { bytes } from '../walk.ts'
import { againstFile } from './file-sinks.ts'
import { readMembers, type DataSink } from './member-data.ts'
import { deviceWatch, raw, shown, type Selection } from './selection.ts'

export interface Compared {
  files: number
  /** At most {@link keptMost} of each kind; `different` counts all. */
  readonly missing: string[]
  readonly differing: string[]
  different: number
}

const keptMost = 20
const flags = constants.O_RDONLY | constants.O_NOFOLLOW
const kinds: Readonly<Record<string, (stats: BigIntStats) => boolean>> = {
  '0': (stats) => stats.isFile(),
  '7': (stats) => stats.isFile(),
  S: (stats) => stats.isFile(),
  '2': (stats) => stats.isSymbolicLink(),
  '5': (stats) => stats.isDirectory(),
  '6': (stats) => stats.isFIFO(),
}

/**
 * Compares every selected member with what lies in `folder`, where the saved directory stands under its own name. Device
 * nodes are passed over. Throws `archive_truncated`, the system's error or the signal's reason.
 */
export async function compareWithArchive(
  call: {
    readonly archive: string
    readonly selection: Selection
    readonly folder: string
    readonly totalBytes: number
  },
  io: SourceIo,
): Promise<Compared> {
  const { selection } = call
  const compared: Compared = { files: 0, missing: [], differing: [], different: 0 }
  // The names that `--strip-components` leaves.
  const cut = selection.prefix.length - (selection.prefix.split('/').at(-1)?.length ?? 0)
  const pathOf = (name: Buffer): string =>
    `${raw(call.folder)}/${name.toString('latin1').replace(/\/+$/, '').slice(cut)}`
  const note = (list: string[], path: string): void => {
    compared.different += 1
    if (list.length < keptMost) list.push(shown(path))
  }
  const isDevice = deviceWatch()
  let done = 0
  const look = (member: TarMember): DataSink | null => {
    const relative = selection.relative(member)
    if (relative === null || selection.role(relative) === null || isDevice(member)) return null
    done += member.size
    io.progress(Math.min(done, call.totalBytes), call.totalBytes)
    compared.files += member.type === '5' ? 0 : 1
    const path = pathOf(member.name)
    const stats = statsOf(path)
    if (stats === null) note(compared.missing, relative)
    else if (!isAsSaved(member, path, stats, pathOf)) note(compared.differing, relative)
    else if (stats.isFile() && member.type !== '1') {
      return opened(path, member, () => note(compared.differing, relative))
    }
    return null
  }
  await readMembers(tarBytes(io.places.archivesDir, call.archive, { signal: io.signal }), look)
  return compared
}

/** Opens the file when the first of its data comes: a piece of a tar may hold a thousand small files. */
function opened(path: string, member: TarMember, onDifferent: () => void): DataSink {
  let fd: number | null = null
  let sink: DataSink | null = null
  let same = true
  return {
    data: (piece) => {
      fd ??= openSync(bytes(path), flags)
      sink ??= againstFile(fd, member, fstatSync(fd), (equal) => (same = equal))
      sink.data(piece)
    },
    end: () => {
      sink?.end()
      if (fd !== null) closeSync(fd)
      if (!same) onDifferent()
    },
  }
}

/** Everything but the contents of files. */
function isAsSaved(
  member: TarMember,
  path: string,
  stats: BigIntStats,
  pathOf: (name: Buffer) => string,
): boolean {
  if (member.type === '1') {
    const target = statsOf(pathOf(member.linkName))
    return target !== null && target.ino === stats.ino && target.dev === stats.dev
  }
  if (kinds[member.type]?.(stats) !== true) return false
  if (stats.isSymbolicLink()) return readlinkSync(bytes(path), { encoding: 'buffer' }).equals(member.linkName)
  if (stats.isFile() && Number(stats.size) !== member.realSize) return false
  return (Number(stats.mode) & 0o7777) === member.mode && stats.mtimeNs === member.mtimeNs
}

function statsOf(path: string): BigIntStats | null {
  try {
    return lstatSync(bytes(path), { bigint: true })
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null
    throw error
  }
}
