// Gathers what did not stop a run but must be seen, from tar's messages and from the walk.
import type { RunWarning } from '../../domain/run.ts'
import { notes } from '../../domain/run.ts'
import type { SourceIo } from '../source.ts'
import { shownPath, tarName, type SourcePath } from './paths.ts'
import { parseTarMessage } from './tar-messages.ts'
import type { WalkTotals } from './walk.ts'

const kept = 1000

export interface Warnings {
  /** One line of tar's stderr. */
  tarSaid(line: string): void
  add(warning: RunWarning): void
  /** Entries that tar says it left out. */
  leftOut(): number
  /** Lines that are not understood, for a failure's detail. */
  unknown(): readonly string[]
  /** Whether the archive's own disk is full. */
  full(): boolean
  result(): { readonly list: readonly RunWarning[]; readonly count: number; readonly serious: boolean }
}

/** For a backup of `source`. */
export function gatherWarnings(source: SourcePath, io: Pick<SourceIo, 'log'>): Warnings {
  const list: RunWarning[] = []
  const unknown: string[] = []
  const above = new Set(source.parents)
  let count = 0
  let serious = false
  let leftOut = 0
  let lateSockets = 0
  let full = false

  const add = (warning: RunWarning): void => {
    count += 1
    if (list.length < kept) list.push(warning)
    if (!notes.has(warning.code)) serious = true
  }
  const tarSaid = (line: string): void => {
    const { kind, path } = parseTarMessage(line)
    const where = { path: shownPath(path ?? '') }
    if (kind === 'changed' && path !== null && above.has(path)) return
    io.log('err', line)
    if (kind === 'vanished' || kind === 'unreadable' || kind === 'socket') leftOut += 1
    if (kind === 'vanished') add({ code: 'file_vanished', ...where })
    else if (kind === 'changed') add({ code: 'file_changed', ...where })
    else if (kind === 'shrank') add({ code: 'file_shrank', ...where })
    else if (kind === 'unreadable' || kind === 'damaged') add({ code: 'file_unreadable', ...where })
    else if (kind === 'socket') lateSockets += 1
    else if (kind === 'full') full = true
    else if (kind === 'other' && unknown.length < 20) unknown.push(line)
  }
  return {
    tarSaid,
    add,
    leftOut: () => leftOut,
    unknown: () => unknown,
    full: () => full,
    result: () => {
      if (lateSockets > 0) add({ code: 'sockets_skipped', facts: { count: lateSockets } })
      lateSockets = 0
      return { list, count, serious }
    },
  }
}

/** What the walk left out. */
export function addWalkWarnings(warnings: Warnings, source: SourcePath, totals: WalkTotals): void {
  const shown = (path: string): { path: string } => ({ path: shownPath(tarName(source, path)) })
  if (totals.sockets > 0) warnings.add({ code: 'sockets_skipped', facts: { count: totals.sockets } })
  if (totals.mountCount > 0) {
    const [first] = totals.mounts
    const facts = { count: totals.mountCount }
    warnings.add({ code: 'mounts_skipped', ...(first !== undefined && shown(first)), facts })
  }
  for (const path of totals.unreadable) warnings.add({ code: 'file_unreadable', ...shown(path) })
  const more = totals.unreadableCount - totals.unreadable.length
  if (more > 0) warnings.add({ code: 'file_unreadable', path: source.shown, facts: { count: more } })
}
