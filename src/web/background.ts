// Work that can take an hour: a page starts it, waits a moment, and does not wait for its end.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { isProblem, Problem } from '../domain/problem.ts'

/** What is quick, and refusals, are answered at once; what takes longer goes on behind the page. */
const patienceMs = 700
/** Failures that are remembered, so that one that comes after the answer can still be seen. */
const mostFailures = 100

export interface Background {
  /** What the work gave when that was quick, null when it goes on. Rejects with its problem when that was quick. */
  begin<R>(subject: string, work: () => Promise<R>): Promise<R | null>
  /** Why the last work on this subject could not be carried out; null when it could. */
  failureOf(subject: string): Problem | null
}

/** One kind of work; `what` goes into the log when it fails, with the subject. */
export function inBackground(log: Logger, what: string): Background {
  const failures = new Map<string, Problem>()
  const remember = (subject: string, error: unknown) => {
    log.warn({ err: error, subject }, what)
    failures.set(subject, isProblem(error) ? error : new Problem('internal', {}, { cause: error }))
    // A map keeps its order: the first key is the oldest.
    const [oldest] = failures.keys()
    if (failures.size > mostFailures && oldest !== undefined) failures.delete(oldest)
  }
  return {
    failureOf: (subject) => failures.get(subject) ?? null,
    async begin(subject, work) {
      failures.delete(subject)
      const result = work()
      const first = await Promise.race([result, sleep(patienceMs, null, { ref: false })])
      if (first === null) result.catch((error: unknown) => remember(subject, error))
      return first
    },
  }
}
