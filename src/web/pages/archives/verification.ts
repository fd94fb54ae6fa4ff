// Verification reads a whole archive, which can take an hour: the page starts it and does not wait for its end.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Archive } from '../../../domain/archive.ts'
import { isProblem, Problem } from '../../../domain/problem.ts'
import type { WebDeps } from '../../page.ts'

/** Small archives and refusals are answered at once; what takes longer goes on behind the page. */
const patienceMs = 700

export interface Verifications {
  /** The archive when that was quick, null when it goes on. Rejects with the engine's problem when that was quick. */
  begin(name: string, actor: string): Promise<Archive | null>
  /** Why the last verification of this archive could not be carried out; null when it could. */
  failureOf(name: string): Problem | null
}

/** Keeps the last failures, so that one that comes after the answer can still be seen on the archive's page. */
export function verifications({ engine, log }: WebDeps): Verifications {
  const failures = new Map<string, Problem>()
  return {
    failureOf: (name) => failures.get(name) ?? null,
    async begin(name, actor) {
      failures.delete(name)
      const work = engine.verifyArchive(name, actor)
      const first = await Promise.race([work, sleep(patienceMs, null, { ref: false })])
      if (first !== null) return first
      work.catch((error: unknown) => {
        log.warn({ err: error, archive: name }, 'an archive could not be verified')
        failures.set(name, isProblem(error) ? error : new Problem('internal', { id: name }, { cause: error }))
        forgetOldest(failures)
      })
      return null
    },
  }
}

/** A map keeps its order: the first key is the oldest. */
function forgetOldest(failures: Map<string, Problem>): void {
  const [oldest] = failures.keys()
  if (failures.size > 100 && oldest !== undefined) failures.delete(oldest)
}
