// What changes places in a restore, and which directories are missing around it.
import { readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { Problem } from '../../../domain/problem.ts'
import { readMounts } from '../../restore/mounts.ts'
import { bytes } from '../walk.ts'
import type { Way } from './seen.ts'
import type { MissingDirectory } from './directories.ts'
import type { Saved } from './saved.ts'
import { raw, shown } from './selection.ts'
import type { Staging } from './staging.ts'
import type { Unit } from './swap.ts'
import type { TargetFacts } from './target.ts'

/** Of ext2 and its successors, at the top of a file system. */
const lostAndFound = 'lost+found'

/**
 * The directory in which the staging directory is made: on the target's own file system, and where nobody but root can put
 * something else in its place. Null when there is none.
 */
export function stagingFolder(inside: boolean, target: TargetFacts): string | null {
  const { safe } = target
  if (!inside) return safe.above
  return safe.own ? target.path : null
}

/** Whether the staging directory has to be in the target itself: nothing else is on its file system. */
export function stagedInside(way: Way | null, target: TargetFacts): boolean {
  const isDirectory = target.kind === 'directory' || target.kind === 'empty'
  return way === 'entries' || (isDirectory && target.mountPoint)
}

/** The exchanges. `fresh`: the unpacked directory. Throws `restore_failed` when something was mounted meanwhile. */
export async function unitsOf(
  way: Way,
  fresh: string,
  target: TargetFacts,
  chosen: readonly string[],
  staging: Staging,
): Promise<readonly Unit[]> {
  const unit = (name: string): Unit => ({
    target: `${raw(target.path)}/${name}`,
    fresh: `${raw(fresh)}/${name}`,
  })
  if (way === 'paths') return chosen.map(unit)
  const [mounted] = (await readMounts()).below(target.path)
  if (mounted !== undefined)
    throw new Problem('restore_failed', { detail: `something is mounted at ${mounted}` })
  if (way === 'whole') return [{ target: raw(target.path), fresh: raw(fresh) }]
  const saved = new Set(namesIn(fresh))
  const there = namesIn(target.path).filter(
    (name) =>
      !saved.has(name) &&
      name !== raw(basename(staging.path)) &&
      !(target.mountPoint && name === lostAndFound),
  )
  return [...[...saved].map(unit), ...there.map((name) => ({ ...unit(name), fresh: null }))]
}

/** Directories to be made before the exchange, the outermost first, with what the archive says of them. */
export function missingDirectories(way: Way, target: TargetFacts, saved: Saved): MissingDirectory[] {
  const { directories } = saved.payload
  const factsAt = (path: string) => directories.get(path) ?? null
  // The same names as in the archive, counted from the target upwards: a parent may be reached through a link.
  let above = target.shown
  const parents = target.missing
    .toReversed()
    .map((path) => ({ path, facts: factsAt(raw((above = dirname(above)))) }))
    .toReversed()
  if (way !== 'paths') return parents
  const own =
    target.kind === 'absent' ? [{ path: target.path, facts: factsAt(saved.source?.root ?? '') }] : []
  const inside = new Set(target.chosen.flatMap(({ missing }) => missing))
  const below = [...inside]
    .toSorted()
    .map((path) => ({ path: `${target.path}/${shown(path)}`, facts: factsAt(path) }))
  return [...parents, ...own, ...below]
}

function namesIn(directory: string): string[] {
  return readdirSync(bytes(raw(directory)), { encoding: 'latin1' })
}
