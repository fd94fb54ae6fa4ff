// How an archive's state is said: shape, word, and a sentence on its own page.
import type { ArchiveState } from '../../../domain/archive.ts'
import type { MessageKey } from '../../../../locales/en.ts'
import type { T } from '../../i18n.ts'

/** For `partials/badge`. */
export interface Badge {
  readonly state: 'ok' | 'warning' | 'failed' | 'running' | 'never'
  readonly label: string
}

interface Facts {
  readonly state: ArchiveState
  readonly missing_at: number | null
  readonly deleting: number
  readonly name: string
}

type Word = 'verifying' | 'deleting' | 'missing' | ArchiveState

const badges: Readonly<Record<Word, Badge['state']>> = {
  verifying: 'running',
  deleting: 'running',
  missing: 'failed',
  ok: 'ok',
  unverified: 'never',
  corrupted: 'failed',
}

/** The state of an archive, where what is being done with it comes before what is known of it. */
export function stateOf(
  archive: Facts,
  verifying: readonly string[],
  t: T,
): Badge & { readonly meaning: MessageKey } {
  const word = wordOf(archive, verifying)
  return { state: badges[word], label: t(`archives.state.${word}`), meaning: `archives.meaning.${word}` }
}

function wordOf(archive: Facts, verifying: readonly string[]): Word {
  if (archive.deleting === 1) return 'deleting'
  if (archive.missing_at !== null) return 'missing'
  return verifying.includes(archive.name) ? 'verifying' : archive.state
}

/** The path of an archive's page. */
export function archivePath(name: string): string {
  return `/archives/${encodeURIComponent(name)}`
}
