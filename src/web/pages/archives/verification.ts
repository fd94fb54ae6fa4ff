// Verification reads a whole archive, which can take an hour: the page starts it and does not wait for its end.
import type { Archive } from '../../../domain/archive.ts'
import type { Problem } from '../../../domain/problem.ts'
import { inBackground } from '../../background.ts'
import type { WebDeps } from '../../page.ts'

export interface Verifications {
  /** The archive when that was quick, null when it goes on. Rejects with the engine's problem when that was quick. */
  begin(name: string, actor: string): Promise<Archive | null>
  /** Why the last verification of this archive could not be carried out; null when it could. */
  failureOf(name: string): Problem | null
}

/** The verifications of one dashboard. */
export function verifications({ engine, log }: WebDeps): Verifications {
  const background = inBackground(log, 'an archive could not be verified')
  return {
    failureOf: (name) => background.failureOf(name),
    begin: (name, actor) => background.begin(name, () => engine.verifyArchive(name, actor)),
  }
}
