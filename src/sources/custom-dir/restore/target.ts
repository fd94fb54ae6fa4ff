// Looks at the place that a restore would change: what is there, what is mounted, how much room there is.
import { accessSync, constants, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { FieldErrorCode } from '../../../domain/problem.ts'
import { diskOf } from '../../../sys/disk.ts'
import { errorCode } from '../../../sys/files.ts'
import { readMounts, type Mounts } from '../../restore/mounts.ts'
import { safeFolder } from '../../restore/held.ts'
import type { SourceIo } from '../../source.ts'
import { nearOurs } from '../our-places.ts'
import type { SourcePath } from '../paths.ts'
import { bytes, walk } from '../walk.ts'
import { ancestors, raw, shown } from './selection.ts'

export interface TargetFacts {
  /** As it was asked for. */
  readonly shown: string
  /** Its real path: no parent is a symbolic link. */
  readonly path: string
  readonly kind: 'absent' | 'empty' | 'directory' | 'link' | 'other'
  /** Why a restore must not come near it. */
  readonly near: FieldErrorCode | null
  /** The directory above it that is there; what is missing between both, the outermost first. */
  readonly base: string
  readonly missing: readonly string[]
  /** What stands above it is no directory. */
  readonly baseIsFile: boolean
  readonly mountPoint: boolean
  readonly mountsBelow: readonly string[]
  /** Null: the file system does not tell. */
  readonly freeBytes: number | null
  readonly totalBytes: number | null
  /** Where nobody but root can move things about: on the way to `base`, and whether the target itself is such a place. */
  readonly safe: { readonly above: string | null; readonly own: boolean }
  /** Why nothing can be made there (`EROFS`, `EACCES`); null when it can. */
  readonly unwritable: string | null
  /** Bytes that are there now; null when counting them would take long. */
  readonly formerBytes: number | null
  /** At a mount point: file systems have this directory, no archive replaces it. */
  readonly lostAndFound: boolean
  readonly chosen: readonly ChosenFacts[]
}

/** Where a chosen path would be put. */
export interface ChosenFacts {
  /** Relative, as bytes in a latin1 text. */
  readonly path: string
  readonly exists: boolean
  /** Why nothing can be put there. */
  readonly blocked: 'path_is_link' | 'path_not_directory' | 'path_has_mounts' | null
  /** Directories above it that are missing, relative, the outermost first. */
  readonly missing: readonly string[]
}

/** Counting more takes longer than somebody waits for a plan. */
const countMost = 50_000

/** Looks at a target and the chosen paths in it. Rejects with the system's error or the signal's reason. */
export async function lookAtTarget(
  target: SourcePath,
  chosen: readonly string[] | null,
  io: Pick<SourceIo, 'places' | 'signal'>,
): Promise<TargetFacts> {
  const { base, missing, baseIsFile } = above(target.shown)
  const path = `${(missing.at(-1) ?? base).replace(/\/$/, '')}/${basename(target.shown)}`
  const kind = missing.length > 0 || baseIsFile ? 'absent' : kindOf(path)
  const mounts = await readMounts()
  const mountPoint = mounts.at(path)
  const isDirectory = kind === 'directory' || kind === 'empty'
  const disk = await diskOf(isDirectory ? path : base)
  return {
    shown: target.shown,
    path,
    kind,
    near: nearOurs(path, io.places),
    base,
    missing,
    baseIsFile,
    mountPoint,
    mountsBelow: mounts.below(path),
    freeBytes: disk.totalBytes === 0 ? null : disk.freeBytes,
    totalBytes: disk.totalBytes === 0 ? null : disk.totalBytes,
    safe: { above: baseIsFile ? null : safeFolder(base), own: isDirectory && safeFolder(path) === path },
    unwritable: unwritable(isDirectory && mountPoint ? path : base),
    formerBytes: kind === 'directory' ? await sizeOf(path, io.signal) : 0,
    lostAndFound: isDirectory && mountPoint && kindOf(`${path}/lost+found`) !== 'absent',
    chosen: (chosen ?? []).map((one) => lookAtChosen(path, one, mounts)),
  }
}

/** What is there, without following a link. */
function kindOf(path: string): TargetFacts['kind'] {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) return 'absent'
  if (stats.isSymbolicLink()) return 'link'
  if (!stats.isDirectory()) return 'other'
  return readdirSync(path, { encoding: 'buffer' }).length === 0 ? 'empty' : 'directory'
}

/** The nearest directory above that exists, by its real path, and the paths that are missing below it. */
function above(path: string): { base: string; missing: string[]; baseIsFile: boolean } {
  const names: string[] = []
  for (let at = dirname(path); ; at = dirname(at)) {
    const stats = statOf(at)
    if (stats === null && at !== '/') {
      names.unshift(basename(at))
      continue
    }
    const base = realOf(at)
    const missing = names.map((_, i) => `${base === '/' ? '' : base}/${names.slice(0, i + 1).join('/')}`)
    return { base, missing, baseIsFile: stats?.isDirectory() !== true }
  }
}

function unwritable(directory: string): string | null {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    return errorCode(error) ?? 'EACCES'
  }
}

function statOf(path: string): ReturnType<typeof statSync> | null {
  try {
    return statSync(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP'].includes(errorCode(error) ?? '')) return null
    throw error
  }
}

/** Without links; as it is where the real name is no text. */
function realOf(path: string): string {
  const real = realpathSync(path, { encoding: 'buffer' })
  const text = real.toString('utf8')
  return Buffer.from(text, 'utf8').equals(real) ? text : path
}

async function sizeOf(path: string, signal: AbortSignal): Promise<number | null> {
  let entries = 0
  const totals = await walk({
    root: raw(path),
    excludes: () => false,
    oneFileSystem: true,
    never: new Set(),
    signal,
    onEntry: () => (entries += 1) <= countMost,
  })
  return entries > countMost ? null : totals.bytes
}

function lookAtChosen(target: string, chosen: string, mounts: Mounts): ChosenFacts {
  const absolute = (path: string): Buffer => bytes(`${raw(target)}/${path}`)
  const missing: string[] = []
  const facts = (blocked: ChosenFacts['blocked'], exists = false): ChosenFacts => ({
    path: chosen,
    exists,
    blocked,
    missing,
  })
  for (const path of ancestors(chosen)) {
    const stats = lstatSync(absolute(path), { throwIfNoEntry: false })
    if (!stats) missing.push(path)
    else if (stats.isSymbolicLink()) return facts('path_is_link')
    else if (!stats.isDirectory()) return facts('path_not_directory')
  }
  const path = `${target}/${shown(chosen)}`
  if (mounts.between(target, path).length + mounts.below(path).length > 0) return facts('path_has_mounts')
  return facts(
    null,
    missing.length === 0 && lstatSync(absolute(chosen), { throwIfNoEntry: false }) !== undefined,
  )
}
