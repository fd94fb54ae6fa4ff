// Lists a directory tree in a fixed order, once, with memory for one path and the open directories' names at a time.
// Names are bytes: they travel as latin1 strings (one character per byte) and are never taken for text.
import { lstatSync, readdirSync, statfsSync, statSync, type BigIntStats, type Stats } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { errorCode } from '../../sys/files.ts'
import type { Excludes } from './excludes.ts'

export interface WalkOptions {
  /** Absolute, as bytes; a symbolic link is followed here and nowhere else. */
  readonly root: string
  readonly excludes: Excludes
  readonly oneFileSystem: boolean
  /** `dev:ino` of directories that are never entered, wherever they are mounted. */
  readonly never: ReadonlySet<string>
  readonly signal: AbortSignal
  /**
   * Relative path of what is backed up: parents before children, siblings by their bytes. `false` ends the walk.
   * `isLinkedLink`: it is a symbolic link that has further names, hard links.
   */
  readonly onEntry: (path: string, isDirectory: boolean, isLinkedLink: boolean) => boolean | void
  /** Called before a directory is looked into: the root first, then the one that was handed out last. */
  readonly onEnter?: (directory: BigIntStats) => void
}

export interface WalkTotals {
  /** Entries handed out. */
  entries: number
  /** Entries that are no directories. */
  files: number
  /** Unpacked: hard links once, sparse files by what they occupy. */
  bytes: number
  /** Roughly what the members take in a tar, headers included. */
  tarBytes: number
  sockets: number
  excluded: number
  /** Relative paths; at most 100 are kept, `…Count` has all. */
  mounts: string[]
  mountCount: number
  unreadable: string[]
  unreadableCount: number
}

const keep = 100
const turnEvery = 500
/** A header, and a PAX header with its records: nearly every file has a fraction in its time. */
const headerBytes = 1536
/** Smaller files may have no blocks of their own at all, and are still there. */
const sparseFrom = 64 * 1024
/** File systems that compress say less than what comes out: btrfs, ZFS, bcachefs, f2fs. */
const compressing = new Set([0x9123683e, 0x2fc12fc1, 0xca451a4e, 0xf2f52010])

/** Rejects with the signal's reason, or the system's error when the root itself cannot be read. */
export async function walk(options: WalkOptions): Promise<WalkTotals> {
  const { root, excludes, onEntry } = options
  const totals: WalkTotals = {
    entries: 0,
    files: 0,
    bytes: 0,
    tarBytes: 0,
    sockets: 0,
    excluded: 0,
    mounts: [],
    mountCount: 0,
    unreadable: [],
    unreadableCount: 0,
  }
  const measure = measurer(totals)
  const top = statSync(bytes(root), { bigint: true })
  const device = Number(top.dev)
  options.onEnter?.(top)
  const open = [{ path: '', names: namesIn(root), next: 0 }]
  let looked = 0
  for (let inner = open.at(-1); inner; inner = open.at(-1)) {
    const name = inner.names[inner.next]
    if (name === undefined) {
      open.pop()
      continue
    }
    inner.next += 1
    looked += 1
    if (looked % turnEvery === 0) {
      await nextTurn()
      options.signal.throwIfAborted()
    }
    const path = inner.path === '' ? name : `${inner.path}/${name}`
    const absolute = `${root}/${path}`
    const stats = lstatSync(bytes(absolute), { throwIfNoEntry: false })
    // Gone since its directory was read: there is nothing to back up.
    if (!stats) continue
    const isDirectory = stats.isDirectory()
    if (excludes(path, isDirectory)) {
      totals.excluded += 1
      continue
    }
    if (stats.isSocket()) {
      totals.sockets += 1
      continue
    }
    const elsewhere =
      (options.oneFileSystem && stats.dev !== device) ||
      (isDirectory && options.never.has(`${stats.dev}:${stats.ino}`))
    if (elsewhere) {
      totals.mountCount += 1
      if (totals.mounts.length < keep) totals.mounts.push(path)
      // A mounted directory stays as an empty one, so that there is something to mount on after a restore.
      if (!isDirectory) continue
    }
    measure(absolute, stats)
    const isLinkedLink = stats.nlink > 1 && stats.isSymbolicLink()
    if (onEntry(path, isDirectory, isLinkedLink) === false) return totals
    if (!isDirectory || elsewhere) continue
    try {
      const exact = lstatSync(bytes(absolute), { bigint: true })
      if (!exact.isDirectory()) continue
      options.onEnter?.(exact)
      open.push({ path, names: namesIn(absolute), next: 0 })
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') continue
      totals.unreadableCount += 1
      if (totals.unreadable.length < keep) totals.unreadable.push(path)
    }
  }
  return totals
}

/** A path as the system takes it. */
export function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1')
}

function namesIn(directory: string): string[] {
  return readdirSync(bytes(directory), { encoding: 'latin1' }).toSorted()
}

/** Adds an entry to the totals. */
function measurer(totals: WalkTotals): (path: string, stats: Stats) => void {
  const linked = new Set<string>()
  const packs = new Map<number, boolean>()
  const compresses = (path: string, device: number): boolean => {
    const known = packs.get(device)
    if (known !== undefined) return known
    const is = compressing.has(statfsSync(bytes(path)).type)
    packs.set(device, is)
    return is
  }
  return (path, stats) => {
    totals.entries += 1
    totals.tarBytes += headerBytes
    if (stats.isDirectory()) {
      totals.bytes += stats.size
      return
    }
    totals.files += 1
    if (stats.nlink > 1) {
      // Inode numbers may be too large for a double; only these few are asked for again.
      const exact = lstatSync(bytes(path), { bigint: true, throwIfNoEntry: false })
      const key = exact ? `${exact.dev}:${exact.ino}` : path
      if (linked.has(key)) return
      linked.add(key)
    }
    if (!stats.isFile() && !stats.isSymbolicLink()) return
    const occupied = stats.blocks * 512
    const isSparse = stats.size >= sparseFrom && occupied < stats.size && !compresses(path, stats.dev)
    const size = isSparse ? occupied : stats.size
    totals.bytes += size
    if (stats.isFile()) totals.tarBytes += Math.ceil(size / 512) * 512
  }
}
