// How an archive differs from a directory, in words. Pure.
import type { ContentsChange } from '../../../domain/contents.ts'
import { type Formats, isMessageKey, type Moment, type T } from '../../i18n.ts'
import { problemText, type ProblemText } from '../../problem-text.ts'
import { visibleName } from '../../visible-name.ts'
import { archivePath } from '../archives/state.ts'
import type { ComparisonState } from './comparisons.ts'

/** Changes that the page lists; the command line lists all of them. */
export const mostChanges = 300

export interface CompareView {
  readonly archive: string
  readonly href: string
  /** As it was asked last, for the form. */
  readonly against: string
  readonly thorough: boolean
  readonly running: string
  readonly problem: ProblemText | null
  readonly result: {
    readonly at: Moment
    readonly against: string
    readonly counts: readonly { readonly mark: string; readonly text: string }[]
    readonly changes: readonly {
      readonly mark: string
      readonly word: string
      readonly path: string
      readonly what: string
    }[]
    readonly more: string
  } | null
}

const marks: Readonly<Record<ContentsChange['change'], string>> = { added: '+', removed: '−', changed: '≠' }

/** The page; `state` null: it has not been compared lately. */
export function compareView(
  archive: string,
  state: ComparisonState | null,
  now: number,
  { t, f }: { readonly t: T; readonly f: Formats },
): CompareView {
  const outcome = state?.outcome
  return {
    archive,
    href: archivePath(archive),
    against: state?.order.against ?? '',
    thorough: state?.order.thorough ?? false,
    running:
      state !== null && outcome?.state === 'running'
        ? t('contents.compare.running', { duration: f.duration(Math.max(0, now - state.startedAt)) })
        : '',
    problem:
      outcome?.state === 'failed' ? problemText({ t, f }, outcome.problem.code, outcome.problem.facts) : null,
    result: outcome?.state === 'done' ? resultOf(outcome, t, f) : null,
  }
}

function resultOf(
  { at, result }: Extract<ComparisonState['outcome'], { state: 'done' }>,
  t: T,
  f: Formats,
): CompareView['result'] {
  const count = (key: 'same' | ContentsChange['change']) => ({
    mark: key === 'same' ? '=' : marks[key],
    text: t(`contents.compare.${key}`, { count: result[key], number: f.number(result[key]) }),
  })
  const all = result.added + result.removed + result.changed
  const shown = result.changes.slice(0, mostChanges)
  return {
    at: f.moment(at),
    against: visibleName(result.against),
    counts: [count('same'), count('changed'), count('removed'), count('added')],
    changes: shown.map((change) => ({
      mark: marks[change.change],
      word: t(`contents.change.${change.change}`),
      path: visibleName(change.path),
      what: change.change === 'changed' ? change.what.map((what) => whatInWords(what, t)).join(', ') : '',
    })),
    more: all > shown.length ? t('contents.compare.more', { count: all - shown.length }) : '',
  }
}

function whatInWords(what: string, t: T): string {
  const key = `contents.what.${what}`
  return isMessageKey(key) ? t(key) : what
}
