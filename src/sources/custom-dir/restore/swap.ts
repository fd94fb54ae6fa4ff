// Exchanges what is there for what was unpacked, by renames, and back. Which of them were made is seen from what lies where:
// after a crash nobody knows more.
import { lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Problem } from '../../../domain/problem.ts'
import { errorCode, syncDirectory } from '../../../sys/files.ts'
import type { Change, Changes, RestoreTransaction } from '../../source.ts'
import type { Settings } from '../settings.ts'
import { heldIn } from '../../restore/held.ts'
import { bytes } from '../walk.ts'
import { raw, shown } from './selection.ts'
import { strayPath, type Staging } from './staging.ts'

/** One thing that changes places. Absolute paths, as bytes in latin1 texts. */
export interface Unit {
  readonly target: string
  /** What takes its place; null when nothing does: it is not in the archive. */
  readonly fresh: string | null
}

/**
 * Announces and makes all exchanges; no parent of a target may be a symbolic link. What is at a target goes to the staging directory's `former`, by its number. All
 * directories that change are synced afterwards.
 */
export async function swap(units: readonly Unit[], staging: Staging, tx: RestoreTransaction): Promise<void> {
  const had = units.map(({ target }) => isThere(target))
  await tx.will({
    kind: 'swap',
    data: {
      staging: staging.path,
      targets: units.map(({ target }) => coded(target)),
      fresh: units.map(({ fresh }) => (fresh === null ? '' : coded(fresh))),
      had: had.map((there) => (there ? 'yes' : 'no')),
    },
  })
  units.forEach(({ target, fresh }, i) => {
    if (had[i] === true) move(target, formerPath(staging.path, i))
    if (fresh === null) return
    // A rename would replace a file that somebody has just made.
    if (isThere(target))
      throw new Problem('restore_failed', { detail: `something has appeared at ${shown(target)}` })
    move(fresh, target)
  })
  await syncParents(units, staging.path)
}

export const swapChanges: Changes<Settings> = {
  swap: {
    undo: async (data) => {
      const staging = String(data['staging'])
      // It is the last thing that is removed: without it everything is back already.
      if (!isThere(raw(staging))) return
      const { units, had } = unitsOf(data)
      for (const [i, unit] of [...units.entries()].toReversed()) putBack(unit, i, had[i] === true, staging)
      await syncParents(units, staging)
    },
  },
}

function putBack({ target, fresh }: Unit, index: number, had: boolean, staging: string): void {
  const former = formerPath(staging, index)
  const freshWaits = fresh !== null && isThere(fresh)
  if (isThere(former)) {
    // Ours, or something that was made in the moment in which nothing was there.
    if (isThere(target) && fresh !== null && !freshWaits) move(target, fresh)
    else if (isThere(target) && !removedEmpty(target)) move(target, stray(staging, index))
    move(former, target)
  } else if (!had && fresh !== null && !freshWaits && isThere(target)) {
    move(target, fresh)
  }
}

function stray(staging: string, index: number): string {
  const folder = strayPath(staging)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = `${raw(folder)}/${index}`
  if (isThere(path)) throw new Problem('put_back_failed', { detail: `something is still in ${shown(path)}` })
  return path
}

/** What a service makes at its start is mostly an empty directory. */
function removedEmpty(path: string): boolean {
  try {
    heldIn(path, (held) => rmdirSync(held))
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false
    throw error
  }
}

function formerPath(staging: string, index: number): string {
  return `${raw(staging)}/former/${index}`
}

function unitsOf(data: Change['data']): { units: Unit[]; had: boolean[] } {
  const list = (key: string): readonly string[] => {
    const value = data[key]
    return Array.isArray(value) ? value.map(String) : []
  }
  const fresh = list('fresh')
  const units = list('targets').map((target, i) => ({
    target: decoded(target),
    fresh: fresh[i] === undefined || fresh[i] === '' ? null : decoded(fresh[i]),
  }))
  return { units, had: list('had').map((one) => one === 'yes') }
}

async function syncParents(units: readonly Unit[], staging: string): Promise<void> {
  const folders = new Set([raw(`${staging}/former`)])
  for (const { target, fresh } of units) {
    folders.add(dirname(target))
    if (fresh !== null) folders.add(dirname(fresh))
  }
  for (const folder of folders) if (isThere(folder)) await syncDirectory(bytes(folder))
}

/** Both parents are held: somebody may put a link in the place of a directory that belongs to them. */
function move(from: string, to: string): void {
  heldIn(from, (held) => heldIn(to, (there) => renameSync(held, there)))
}

function isThere(path: string): boolean {
  try {
    return heldIn(path, (held) => lstatSync(held, { throwIfNoEntry: false })) !== undefined
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR' || errorCode(error) === 'ENOENT') return false
    throw error
  }
}

/** A path for the journal, which holds texts only: as it is, or in hexadecimal where it is no text. */
function coded(path: string): string {
  const text = shown(path)
  return raw(text) === path ? text : `hex:${Buffer.from(path, 'latin1').toString('hex')}`
}

function decoded(path: string): string {
  return path.startsWith('hex:') ? Buffer.from(path.slice(4), 'hex').toString('latin1') : raw(path)
}
