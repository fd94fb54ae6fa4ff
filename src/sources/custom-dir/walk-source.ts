// Walks the source as its settings say. Checking, estimating and listing must all see the same tree.
import { statSync } from 'node:fs'
import type { Places } from '../source.ts'
import { excludesOf } from './excludes.ts'
import type { SourcePath } from './paths.ts'
import type { Settings } from './settings.ts'
import { walk, type WalkOptions, type WalkTotals } from './walk.ts'

/** See {@link walk}; archives and data directories are never entered. */
export function walkSource(
  settings: Settings,
  source: SourcePath,
  io: { readonly places: Places; readonly signal: AbortSignal },
  told: Pick<WalkOptions, 'onEntry' | 'onEnter'>,
): Promise<WalkTotals> {
  return walk({
    root: source.root,
    excludes: excludesOf(settings.excludes),
    oneFileSystem: settings.one_file_system,
    never: neverEntered(io.places),
    signal: io.signal,
    ...told,
  })
}

/** `dev:ino` of the directories that must never be entered, be they mounted into the source by another way. */
function neverEntered(places: Places): Set<string> {
  const found = [places.archivesDir, places.dataDir].map((path) => statSync(path, { throwIfNoEntry: false }))
  return new Set(found.filter((stats) => stats !== undefined).map((stats) => `${stats.dev}:${stats.ino}`))
}
