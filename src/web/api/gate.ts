// How much work at one time callers may have the root helper do: each piece is a process, and backups need some, too.
import { Problem } from '../../domain/problem.ts'

/** For the same caller, and for all of them. */
export interface GateLimits {
  readonly each: number
  readonly all: number
}

const usual: GateLimits = { each: 4, all: 16 }
/** Seconds until it is worth asking again. */
const againS = 5

export interface Gate {
  /** Takes a place until the returned function is called, which does no harm twice. `too_many_requests` when there is none. */
  enter(owner: string): () => void
  /** Has a place for as long as the work goes on. */
  during<R>(owner: string, work: () => Promise<R>): Promise<R>
}

export function createGate(limits: GateLimits = usual): Gate {
  const inside = new Map<string, number>()
  let all = 0
  const gate: Gate = {
    enter(owner) {
      const own = inside.get(owner) ?? 0
      if (own >= limits.each) throw refused(limits.each)
      if (all >= limits.all) throw refused(limits.all)
      inside.set(owner, own + 1)
      all += 1
      let left = false
      return () => {
        if (left) return
        left = true
        all -= 1
        const now = (inside.get(owner) ?? 1) - 1
        if (now > 0) inside.set(owner, now)
        else inside.delete(owner)
      }
    },
    async during(owner, work) {
      const leave = gate.enter(owner)
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
  return gate
}

function refused(limit: number): Problem {
  return new Problem('too_many_requests', { limit, retryAfterS: againS })
}
