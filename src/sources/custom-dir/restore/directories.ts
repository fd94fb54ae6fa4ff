// Directories around what is restored: parents that are missing, and one that stays itself while its content is exchanged.
import { existsSync, fchmodSync, fchownSync, lstatSync, mkdirSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorCode, syncDirectory } from '../../../sys/files.ts'
import type { Changes, RestoreTransaction, SourceIo } from '../../source.ts'
import { heldIn, withDirectory } from '../../restore/held.ts'
import type { Settings } from '../settings.ts'
import type { DirectoryFacts } from './saved.ts'
import type { Ids } from './permissions.ts'
import { raw } from './selection.ts'

/** A directory that is made, with what the archive says of it, if it does. */
export interface MissingDirectory {
  readonly path: string
  readonly facts: DirectoryFacts | null
}

/** Announces and makes missing parents, the outermost first. `owner` finds the numbers for what the archive says. */
export async function makeParents(
  missing: readonly MissingDirectory[],
  owner: (facts: DirectoryFacts) => Ids,
  tx: RestoreTransaction,
): Promise<void> {
  if (missing.length === 0) return
  await tx.will({ kind: 'parents', data: { paths: missing.map(({ path }) => path) } })
  for (const { path, facts } of missing) {
    heldIn(raw(path), (held) => mkdirSync(held, { mode: 0o755 }))
    if (facts === null) continue
    const { uid, gid } = owner(facts)
    withDirectory(raw(path), (fd) => {
      fchownSync(fd, uid, gid)
      fchmodSync(fd, facts.mode)
    })
  }
  for (const { path } of missing) await syncDirectory(dirname(path))
}

/** Announces that a directory which stays will change. Call it first: then this is the last to be taken back. */
export async function rememberDirectory(path: string, tx: RestoreTransaction): Promise<void> {
  await tx.will({ kind: 'directory', data: { path, ...attributesOf(path) } })
}

/** Gives a directory that stays the owner, mode and time of the unpacked one. `wanted`: before that was emptied. */
export async function takeOver(
  wanted: Attributes,
  target: string,
  tx: RestoreTransaction,
  io: SourceIo,
): Promise<void> {
  await tx.will({ kind: 'directory_time', data: { path: target, mtime: wanted.mtime } })
  await give(target, wanted, io)
}

export interface Attributes {
  readonly uid: number
  readonly gid: number
  readonly mode: number
  /** Seconds with nine digits behind the point. */
  readonly mtime: string
}

/** Of what is there. */
export function attributesOf(path: string): Attributes {
  const { uid, gid, mode, mtimeNs } = lstatSync(path, { bigint: true })
  // Rounded down, also before 1970: the fraction always counts forward.
  const fraction = ((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  const seconds = (mtimeNs - fraction) / 1_000_000_000n
  const mtime = `${seconds}.${String(fraction).padStart(9, '0')}`
  return { uid: Number(uid), gid: Number(gid), mode: Number(mode) & 0o7777, mtime }
}

async function give(path: string, { uid, gid, mode, mtime }: Attributes, io: SourceIo): Promise<void> {
  withDirectory(raw(path), (fd) => {
    fchownSync(fd, uid, gid)
    fchmodSync(fd, mode)
  })
  await setTime(path, mtime, io)
}

/** By a program: ours counts in floating point, which loses the last digits. */
async function setTime(path: string, mtime: string, io: SourceIo): Promise<void> {
  await io.run('touch', ['--no-create', '--no-dereference', `--date=@${mtime}`, '-m', '--', path], {
    signal: io.signal,
  })
}

export const directoryChanges: Changes<Settings> = {
  parents: {
    undo: async ({ paths }) => {
      for (const path of (Array.isArray(paths) ? paths : []).toReversed()) {
        if (!removeIfEmpty(String(path))) break
      }
      return Promise.resolve()
    },
  },
  directory: {
    undo: async (data, _, io) => {
      const path = String(data['path'])
      if (!existsSync(path)) return
      const { uid, gid, mode, mtime } = data
      await give(path, { uid: Number(uid), gid: Number(gid), mode: Number(mode), mtime: String(mtime) }, io)
    },
  },
  directory_time: {
    /** The directory has been remembered as it was. */
    undo: () => Promise.resolve(),
    /** Removing our own directory from it was the last change. */
    finish: async ({ path, mtime }, _, io) => {
      if (existsSync(String(path))) await setTime(String(path), String(mtime), io)
    },
  },
}

/** False when somebody has put something there. */
function removeIfEmpty(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false
    throw error
  }
}
