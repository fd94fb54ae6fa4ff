// Restores as rows of a list: the history, and the last ones of an archive. Pure.
import type { Restore } from '../../../domain/restore.ts'
import { actorInWords } from '../../actor.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { problemText } from '../../problem-text.ts'
import { visibleName } from '../../visible-name.ts'
import { archivePath } from '../archives/state.ts'
import type { ShownState } from '../runs/state.ts'
import { stateOfRestore } from './state.ts'

export interface RestoreRow {
  readonly id: number
  readonly href: string
  readonly state: ShownState
  readonly archive: string
  readonly archiveHref: string
  readonly target: string
  readonly at: Moment
  readonly took: string
  readonly by: string
  /** Why it did not succeed; empty otherwise. */
  readonly note: string
}

/** One row. */
export function restoreRow(restore: Restore, { t, f }: { readonly t: T; readonly f: Formats }): RestoreRow {
  const { startedAt, finishedAt } = restore
  return {
    id: restore.id,
    href: `/restores/${restore.id}`,
    state: stateOfRestore(restore.status, t),
    archive: visibleName(restore.archiveName),
    archiveHref: archivePath(restore.archiveName),
    target: visibleName(restore.target),
    at: f.moment(startedAt ?? restore.requestedAt),
    took: startedAt === null || finishedAt === null ? '' : f.duration(Math.max(0, finishedAt - startedAt)),
    by: actorInWords(restore.actor, t),
    note:
      restore.errorCode === null ? '' : problemText({ t, f }, restore.errorCode, restore.errorFacts).title,
  }
}
