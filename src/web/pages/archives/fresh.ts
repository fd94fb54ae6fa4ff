// Looks at the archives' folder before its list is shown, at most once a minute and never for long.
import { setTimeout as sleep } from 'node:timers/promises'
import type { CatalogueScan } from '../../../domain/helper-protocol.ts'
import { isProblem, Problem } from '../../../domain/problem.ts'
import type { WebDeps } from '../../page.ts'

const keptMs = 60_000
const patienceMs = 1500

export interface Freshness {
  readonly unfinished: CatalogueScan['unfinished']
  /** Why the folder could not be looked at: the list is what was known before. */
  readonly problem: Problem | null
}

/** Makes the function that brings the catalogue up to date; concurrent visitors share one look. */
export function freshCatalogue({ engine, clock, log }: WebDeps): (again?: boolean) => Promise<Freshness> {
  let last: Freshness = { unfinished: [], problem: null }
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | null = null

  async function look(): Promise<void> {
    try {
      const { unfinished } = await engine.rescan()
      last = { unfinished, problem: null }
    } catch (error) {
      log.warn({ err: error }, 'the folder of the archives could not be read')
      last = { ...last, problem: isProblem(error) ? error : new Problem('internal', {}, { cause: error }) }
    }
    lookedAt = clock.now()
    looking = null
  }

  return async (again = false) => {
    if (again || clock.now() - lookedAt >= keptMs) {
      looking ??= look()
      await Promise.race([looking, sleep(patienceMs, null, { ref: false })])
    }
    return last
  }
}
