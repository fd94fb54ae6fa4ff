// Comparing reads a whole archive and a whole directory, which can take an hour: it goes on behind the page, which shows
// its end. The last result of each archive is remembered.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Comparison } from '../../../domain/contents.ts'
import { isProblem, Problem } from '../../../domain/problem.ts'
import type { WebDeps } from '../../page.ts'

/** Small directories are answered at once. */
const patienceMs = 1000
const longestMs = 6 * 3_600_000
const mostRemembered = 50

export interface ComparisonOrder {
  /** Empty: the directory that the archive was made of. */
  readonly against: string
  readonly thorough: boolean
}

export interface ComparisonState {
  readonly order: ComparisonOrder
  /** Epoch milliseconds. */
  readonly startedAt: number
  readonly outcome:
    | { readonly state: 'running' }
    | { readonly state: 'done'; readonly at: number; readonly result: Comparison }
    | { readonly state: 'failed'; readonly problem: Problem }
}

export interface Comparisons {
  /** Begins one unless one of this archive is going on; resolves when it is done, or soon. */
  begin(archive: string, order: ComparisonOrder): Promise<void>
  of(archive: string): ComparisonState | null
}

/** Remembers in memory only: a result is of its moment. */
export function comparisons({ engine, clock, log }: WebDeps): Comparisons {
  const known = new Map<string, ComparisonState>()

  async function compare(archive: string, order: ComparisonOrder): Promise<ComparisonState['outcome']> {
    try {
      const { against, thorough } = order
      const how = { thorough, ...(against === '' ? {} : { against }) }
      const result = await engine.contents.compare(archive, how, AbortSignal.timeout(longestMs))
      return { state: 'done', at: clock.now(), result }
    } catch (error) {
      if (!isProblem(error)) log.error({ err: error, archive }, 'a comparison failed')
      const problem = isProblem(error) ? error : new Problem('internal', { id: archive }, { cause: error })
      return { state: 'failed', problem }
    }
  }

  return {
    of: (archive) => known.get(archive) ?? null,
    async begin(archive, order) {
      if (known.get(archive)?.outcome.state === 'running') return
      const begun: ComparisonState = { order, startedAt: clock.now(), outcome: { state: 'running' } }
      known.delete(archive)
      known.set(archive, begun)
      forgetOldest(known)
      const work = compare(archive, order).then((outcome) => known.set(archive, { ...begun, outcome }))
      await Promise.race([work, sleep(patienceMs, null, { ref: false })])
    },
  }
}

/** A map keeps its order: the first keys are the oldest. */
function forgetOldest(known: Map<string, ComparisonState>): void {
  for (const [archive, { outcome }] of known) {
    if (known.size <= mostRemembered) return
    if (outcome.state !== 'running') known.delete(archive)
  }
}
