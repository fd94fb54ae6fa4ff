// Holds an unpacked tree against the archive it came out of, byte by byte, by another reader than the one that unpacked it.
import { closeSync, constants, lstatSync, openSync, readlinkSync, type BigIntStats } from 'node:fs'
import { cleanName } from '../../archive/path-guard.ts'
import type { TarMember } from '../../archive/tar-scanner.ts'
import { tarBytes } from '../../archive/tar-stream.ts'
import type { DrillFinding } from '../../domain/drill.ts'
import { errorCode } from '../../sys/files.ts'
import type { SourceIo } from '../source.ts'
import { againstFile, type FileComparison } from './against-file.ts'
import { readMembers, type DataSink } from './member-data.ts'

/** What was unpacked, and how it is compared. */
export interface Unpacked {
  readonly archive: string
  /** Absolute, as text. */
  readonly folder: string
  /** So many bytes of every name, as {@link cleanName} gives it, were left out in the folder. */
  readonly stripped: number
  /** What a member is called when it is told of (latin1: bytes); null: it was not unpacked. Called in the tar's order. */
  nameOf(member: TarMember): string | null
  /** Also modes, times, and what is in sparse files: GNU tar wrote the archive for us, and was told to unpack all of that. */
  readonly exact: boolean
  /** What the progress is measured by. */
  readonly totalBytes: number
}

export interface Compared {
  /** Members that are no directories. */
  readonly files: number
  /** Of their data in the tar. */
  readonly bytes: number
  /** `file_missing` and `file_differs` in the order of the tar; at most {@link keptMost}. */
  readonly wrong: readonly DrillFinding[]
}

const keptMost = 1000
const flags = constants.O_RDONLY | constants.O_NOFOLLOW
const regular = new Set(['0', '7', 'S'])
const kinds: Readonly<Record<string, (stats: BigIntStats) => boolean>> = {
  '2': (stats) => stats.isSymbolicLink(),
  '5': (stats) => stats.isDirectory(),
  '6': (stats) => stats.isFIFO(),
}

/** Reads the archive once more. Throws `archive_truncated`, the system's error or the signal's reason. */
export async function compareUnpacked(unpacked: Unpacked, io: SourceIo): Promise<Compared> {
  const { archive, exact, totalBytes } = unpacked
  let files = 0
  let bytes = 0
  const wrong = new Map<string, 'file_missing' | 'file_differs'>()
  const note = (name: string, code: 'file_missing' | 'file_differs' | null): void => {
    // Of several members of one name the last one counts.
    if (code === null) wrong.delete(name)
    else if (wrong.size < keptMost) wrong.set(name, code)
  }
  const look = (member: TarMember): DataSink | null => {
    const name = unpacked.nameOf(member)
    if (name === null) return null
    if (member.type !== '5') files += 1
    bytes += member.size
    io.progress(Math.min(bytes, totalBytes), totalBytes)
    const path = placeOf(unpacked, member.name)
    const stats = statsOf(path)
    if (stats === null) note(name, 'file_missing')
    else if (!isAsSaved(unpacked, member, path, stats)) note(name, 'file_differs')
    else if (hasContents(member, exact)) {
      return contents(path, member, (same) => note(name, same ? null : 'file_differs'))
    } else note(name, null)
    return null
  }
  await readMembers(tarBytes(io.places.archivesDir, archive, { signal: io.signal }), look)
  return {
    files,
    bytes,
    wrong: [...wrong].map(([name, code]) => ({ code, facts: { path: shown(name) } })),
  }
}

/** Whether the data of a member are the contents of a file, in a form that can be compared. */
function hasContents(member: TarMember, exact: boolean): boolean {
  if (!regular.has(member.type)) return false
  // Where the holes of a sparse file are is told in several ways, of which we know the one that we use.
  return exact || (member.type !== 'S' && member.realSize === member.size)
}

/** Opens the file when the first of its data comes: a piece of a tar may hold a thousand small files. */
function contents(path: Buffer, member: TarMember, onEnd: (same: boolean) => void): DataSink {
  let fd: number | null = null
  let comparison: FileComparison | null = null
  return {
    data: (piece) => {
      fd ??= openSync(path, flags)
      comparison ??= againstFile(fd, member)
      comparison.data(piece)
    },
    end: () => onEnd(comparison?.same() ?? true),
    close: () => {
      if (fd !== null) closeSync(fd)
    },
  }
}

/** Everything but the contents of files. */
function isAsSaved(unpacked: Unpacked, member: TarMember, path: Buffer, stats: BigIntStats): boolean {
  if (member.type === '1') {
    const target = statsOf(placeOf(unpacked, member.linkName))
    return target !== null && target.ino === stats.ino && target.dev === stats.dev
  }
  const isKind = regular.has(member.type) ? stats.isFile() : kinds[member.type]?.(stats)
  if (isKind !== true) return false
  if (stats.isSymbolicLink()) return readlinkSync(path, { encoding: 'buffer' }).equals(member.linkName)
  if (stats.isFile() && Number(stats.size) !== member.realSize) return false
  if (!unpacked.exact) return true
  return (Number(stats.mode) & 0o7777) === member.mode && stats.mtimeNs === member.mtimeNs
}

function placeOf({ folder, stripped }: Unpacked, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(cleanName(name).slice(stripped), 'latin1')])
}

function statsOf(path: Buffer): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true })
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null
    throw error
  }
}

function shown(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}
