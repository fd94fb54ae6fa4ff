// Who is an admin of this YunoHost, as the system itself says.
import type { Clock } from '../sys/clock.ts'
import type { Run } from '../sys/process.ts'

const keptMs = 30_000

/** `unknown`: the group could not be read, so nobody can be let in. */
export type Membership = 'member' | 'stranger' | 'unknown'

/**
 * Asks `getent group admins`, at most once in 30 seconds. Names are compared exactly; the answer to a failed
 * question is `unknown` and is not kept.
 */
export function adminsGroup(deps: { readonly run: Run; readonly clock: Clock }) {
  let known: { readonly members: ReadonlySet<string>; readonly until: number } | null = null
  return async (user: string): Promise<Membership> => {
    const now = deps.clock.now()
    if (known === null || now >= known.until) {
      const members = await readMembers(deps.run)
      if (members === null) {
        known = null
        return 'unknown'
      }
      known = { members, until: now + keptMs }
    }
    return known.members.has(user) ? 'member' : 'stranger'
  }
}

/** The members named in `admins:*:4001:alice,bob`; null when there is no such answer. */
async function readMembers(run: Run): Promise<ReadonlySet<string> | null> {
  try {
    const { stdout } = await run('getent', ['group', 'admins'], { timeoutMs: 5000, maxStdout: 1024 * 1024 })
    const fields = stdout.trimEnd().split(':')
    if (fields.length !== 4 || fields[0] !== 'admins') return null
    return new Set((fields[3] ?? '').split(',').filter((name) => name !== ''))
  } catch {
    // Missing command, missing group, a directory that does not answer: all mean that nobody is let in.
    return null
  }
}
