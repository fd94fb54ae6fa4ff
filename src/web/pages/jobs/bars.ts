// The last runs of a job as small bars: one look tells thirty runs, and the same facts in words for who cannot look.
import type { RunStatus } from '../../../domain/run.ts'
import type { MessageKey } from '../../../../locales/en.ts'
import type { T } from '../../i18n.ts'

/** How many runs the bars show; older ones are on the job's page. */
export const barCount = 30
const pitch = 6

/** Paths of one drawing, 178 by 16 pixels. An empty path is left out by the template. */
export interface HistoryBars {
  /** Whole bars, drawn as dashed lines: equal neighbours are one path command. */
  readonly ok: string
  /** A bar broken like an exclamation mark: dashes break it. */
  readonly warning: string
  /** A cross. */
  readonly failed: string
  /** A low bar: cancelled, or not ended yet. */
  readonly other: string
  /** Dots where there was no run yet. */
  readonly none: string
  /** The same in words. */
  readonly label: string
}

type Bar = 'ok' | 'warning' | 'failed' | 'other'

const barOf: Readonly<Record<RunStatus, Bar>> = {
  success: 'ok',
  warning: 'warning',
  error: 'failed',
  interrupted: 'failed',
  cancelled: 'other',
  queued: 'other',
  running: 'other',
}

const barWords: readonly (readonly [Bar, MessageKey])[] = [
  ['ok', 'jobs.bars.ok'],
  ['warning', 'jobs.bars.warning'],
  ['failed', 'jobs.bars.failed'],
  ['other', 'jobs.bars.other'],
]

/** Bars of the given statuses, oldest first; only the newest {@link barCount} are drawn, the newest at the right. */
export function historyBars(statuses: readonly RunStatus[], t: T): HistoryBars {
  const bars = statuses.slice(-barCount).map((status) => barOf[status])
  const empty = barCount - bars.length
  return {
    ok: spans(bars, 'ok', empty, 8),
    warning: marks(bars, 'warning', empty, (x) => `M${x + 2} 1v14`),
    failed: marks(bars, 'failed', empty, (x) => `M${x} 2l4 12m-4 0l4-12`),
    other: spans(bars, 'other', empty, 12),
    none: empty === 0 ? '' : `M0 14h${empty * pitch - 2}`,
    label: inWords(bars, t),
  }
}

/** Neighbours of one kind as one line of their length; dashes cut it into bars. Later ones begin where the one before ended. */
function spans(bars: readonly Bar[], kind: Bar, offset: number, y: number): string {
  let path = ''
  let end = 0
  for (let i = 0; i < bars.length; i++) {
    if (bars[i] !== kind) continue
    const start = i
    while (bars[i + 1] === kind) i++
    const x = (start + offset) * pitch
    const length = (i - start + 1) * pitch - 2
    path += path === '' ? `M${x} ${y}h${length}` : `m${x - end} 0h${length}`
    end = x + length
  }
  return path
}

function marks(bars: readonly Bar[], kind: Bar, offset: number, draw: (x: number) => string): string {
  return bars.map((bar, i) => (bar === kind ? draw((i + offset) * pitch) : '')).join('')
}

function inWords(bars: readonly Bar[], t: T): string {
  if (bars.length === 0) return t('jobs.bars.never')
  const parts = barWords
    .map(([kind, key]) => ({ key, count: bars.filter((bar) => bar === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ key, count }) => t(key, { count }))
  return t('jobs.bars.label', { count: bars.length, parts: parts.join(', ') })
}
