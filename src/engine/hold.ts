// Keeps an archive from being deleted while somebody works with it.
import { randomUUID } from 'node:crypto'
import { Problem } from '../domain/problem.ts'
import { acquireHold, releaseHold, renewHold, type HoldReason } from '../store/holds.ts'
import type { EngineDeps } from './deps.ts'

const LEASE_MS = 5 * 60_000

/** Holds the archive during `work`, by a lease that a crash frees. `archive_in_use` when it is being deleted. */
export async function withHold<T>(
  deps: EngineDeps,
  name: string,
  reason: HoldReason,
  work: () => Promise<T>,
): Promise<T> {
  const holder = `${reason}:${randomUUID()}`
  if (!(await acquireHold(deps.db, name, holder, reason, deps.clock.now(), LEASE_MS))) {
    throw new Problem('archive_in_use', { archive: name })
  }
  const lease = setInterval(() => {
    renewHold(deps.db, name, holder, deps.clock.now(), LEASE_MS).catch((error: unknown) => {
      deps.log.warn({ err: error, archive: name, reason }, 'could not renew the hold of an archive in use')
    })
  }, LEASE_MS / 5)
  try {
    return await work()
  } finally {
    clearInterval(lease)
    await releaseHold(deps.db, name, holder)
  }
}
