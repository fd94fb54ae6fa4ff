// One member of an archive beside what stands at its place now, by what the system says without opening it.
import { lstatSync, readlinkSync, realpathSync, type BigIntStats } from 'node:fs'
import { errorCode } from '../sys/files.ts'
import { kindOf } from './member-records.ts'
import type { TarMember } from './tar-scanner.ts'

/** A directory as it is now. */
export interface LiveTree {
  /** Absolute, without symbolic links, as bytes in a latin1 text; '' for `/`. */
  readonly root: string
}

export interface Differences {
  /** `size`, `mtime`, `mode`, `owner`, `kind`, `link`; empty: it looks the same. */
  readonly what: readonly string[]
  /** Two regular files of equal size: their contents can be compared. */
  readonly comparable: boolean
}

/**
 * Null when there is nothing at `path` (relative, latin1: bytes) any more. `target` of a hard link in the same way, null when
 * it leads out of the directory. The time of directories changes with every file in them, and nobody looks at that of links: only
 * files' times count.
 */
export function differences(
  live: LiveTree,
  path: string,
  member: TarMember,
  target: string | null,
): Differences | null {
  const stats = statsOf(live, path)
  if (stats === null) return null
  const kind = kindOf(member)
  const isFile = kind === 'file' || kind === 'hardlink'
  // A hard link may be one to a symbolic link or to a device: what it is stands at its target.
  const sameKind = kind === 'hardlink' ? !stats.isDirectory() : kind === liveKind(stats)
  if (!sameKind) return { what: ['kind'], comparable: false }
  const what: string[] = []
  const hasSize = kind === 'file'
  if (hasSize && stats.size !== BigInt(member.realSize)) what.push('size')
  if (isFile && stats.isFile() && !sameTime(stats.mtimeNs, member.mtimeNs)) what.push('mtime')
  if (!stats.isSymbolicLink() && (Number(stats.mode) & 0o7777) !== member.mode) what.push('mode')
  if (stats.uid !== BigInt(member.uid) || stats.gid !== BigInt(member.gid)) what.push('owner')
  if (kind === 'link' && !readlinkSync(absolute(live, path), 'buffer').equals(member.linkName))
    what.push('link')
  if (kind === 'hardlink' && target !== null && !isSameFile(stats, statsOf(live, target))) what.push('link')
  return { what, comparable: hasSize && !what.includes('size') }
}

/** The path as the system takes it. */
export function absolute(live: LiveTree, path: string): Buffer {
  return Buffer.from(path === '' ? live.root || '/' : `${live.root}/${path}`, 'latin1')
}

/** Null when there is nothing, or only behind a symbolic link that stands where a directory was. */
function statsOf(live: LiveTree, path: string): BigIntStats | null {
  try {
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
    if (parent !== '' && !isReal(live, parent)) return null
    return lstatSync(absolute(live, path), { bigint: true, throwIfNoEntry: false }) ?? null
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(errorCode(error) ?? '')) return null
    throw error
  }
}

/** Whether a directory is reached without passing through a symbolic link. Most members share theirs with the one before. */
const isReal = (() => {
  let last = { root: '', path: '', real: false }
  return (live: LiveTree, path: string): boolean => {
    if (last.path !== path || last.root !== live.root) {
      const wanted = absolute(live, path)
      last = { root: live.root, path, real: realpathSync.native(wanted, 'buffer').equals(wanted) }
    }
    return last.real
  }
})()

function liveKind(stats: BigIntStats): string {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  if (stats.isSymbolicLink()) return 'link'
  if (stats.isFIFO()) return 'fifo'
  return stats.isCharacterDevice() || stats.isBlockDevice() ? 'device' : 'socket'
}

/** Tars without PAX records know whole seconds only. */
function sameTime(live: bigint, told: bigint): boolean {
  const second = 1_000_000_000n
  return told % second === 0n ? live / second === told / second : live === told
}

function isSameFile(a: BigIntStats, b: BigIntStats | null): boolean {
  return b !== null && a.ino === b.ino && a.dev === b.dev
}
