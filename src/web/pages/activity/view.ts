// The audit log in sentences: who did what to what, and when.
import type { Activity } from '../../../store/activity.ts'
import type { Facts } from '../../../domain/problem.ts'
import { actorInWords } from '../../actor.ts'
import { type Formats, isMessageKey, type Moment, type T } from '../../i18n.ts'
import { archivePath } from '../archives/state.ts'
import { reasonInWords } from '../jobs/reasons.ts'

export interface ActivityRow {
  readonly at: Moment
  readonly actor: string
  readonly action: string
  readonly subject: string
  /** Empty when there is no page for it. */
  readonly href: string
  readonly detail: string
}

/** One row of the page. */
export function activityRow(entry: Activity, { t, f }: { readonly t: T; readonly f: Formats }): ActivityRow {
  const action = `activity.action.${entry.action}`
  return {
    at: f.moment(entry.at),
    actor: actorInWords(entry.actor, t),
    action: isMessageKey(action) ? t(action) : entry.action,
    subject: entry.subject,
    href: hrefOf(entry),
    detail: detailOf(entry.facts, t, f),
  }
}

function hrefOf({ action, subject, jobId }: Activity): string {
  if (action === 'run.cancel') return `/runs/${encodeURIComponent(subject)}`
  if (action === 'archive.delete' || action === 'job.delete') return ''
  if (/^(?:archive|drill|restore)\./.test(action)) return archivePath(subject)
  if (jobId !== null) return `/jobs/${jobId}`
  return pages.find(([actions]) => actions.test(action))?.[1] ?? ''
}

/** Where what is no job and no archive is listed. */
const pages: readonly (readonly [actions: RegExp, path: string])[] = [
  [/^peer\.(?:gone|back)$/, '/network'],
  [/^peer\.(?!remove$)/, '/peers'],
  [/^token\./, '/tokens'],
  [/^transfer\./, '/transfers'],
]

/** Where the words of a fact are. */
const words: Readonly<Record<string, string>> = {
  reason: 'activity.reason',
  status: 'restore.state',
  outcome: 'transfer.status',
  depth: 'drills.short',
}

/** Sizes and times in words, known reasons and states in words, the rest as it was noted. */
function detailOf(facts: Facts, t: T, f: Formats): string {
  return Object.entries(facts)
    .map(([key, value]) => {
      const word = Object.hasOwn(words, key) ? `${words[key]}.${String(value).replaceAll(' ', '_')}` : ''
      if (isMessageKey(word)) return t(word)
      if (key === 'told_by') return t('activity.told_by', { name: String(value) })
      if (key === 'reason') return reasonInWords(String(value), t)
      if (typeof value !== 'number') return value
      if (key === 'members') return t('activity.members', { count: value, number: f.number(value) })
      if (key === 'bytes') return f.size(value)
      if (key === 'due') return t('activity.due', { when: f.exact(value) })
      return `${key}: ${f.number(value)}`
    })
    .filter((text) => text !== undefined && text !== '')
    .join(' · ')
}
