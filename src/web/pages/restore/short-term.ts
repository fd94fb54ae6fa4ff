// Remembers something for a user for a while, in memory only: what a form must not carry, such as a password.
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../sys/clock.ts'

export interface ShortTerm<T> {
  /** Remembers the value; the handle is good for this user alone. 128 random bits, URL-safe. */
  keep(user: string, value: T): string
  /** The value of a handle, which stays remembered; null when it is unknown, too old, or somebody else's. */
  look(user: string, handle: string): T | null
  /** Puts another value in its place, for the rest of its time. */
  replace(user: string, handle: string, value: T): void
  forget(user: string, handle: string): void
}

interface Entry<T> {
  readonly user: string
  value: T
  readonly until: number
  readonly timer: NodeJS.Timeout
}

/** Holds at most `most` values, each for `lifeMs`; the oldest goes when there are more. */
export function shortTerm<T>(options: {
  readonly clock: Clock
  readonly lifeMs: number
  readonly most: number
}): ShortTerm<T> {
  const entries = new Map<string, Entry<T>>()

  const drop = (handle: string) => {
    clearTimeout(entries.get(handle)?.timer)
    entries.delete(handle)
  }
  const find = (user: string, handle: string) => {
    const entry = entries.get(handle)
    if (entry === undefined || entry.user !== user) return null
    if (entry.until > options.clock.now()) return entry
    drop(handle)
    return null
  }

  return {
    keep(user, value) {
      const handle = randomBytes(16).toString('base64url')
      // The timer empties the memory, the clock decides: a machine that slept has late timers.
      const timer = setTimeout(() => drop(handle), options.lifeMs)
      timer.unref()
      entries.set(handle, { user, value, until: options.clock.now() + options.lifeMs, timer })
      // A map keeps its order: the first key is the oldest.
      const [oldest] = entries.keys()
      if (entries.size > options.most && oldest !== undefined) drop(oldest)
      return handle
    },
    look: (user, handle) => find(user, handle)?.value ?? null,
    replace(user, handle, value) {
      const entry = find(user, handle)
      if (entry !== null) entry.value = value
    },
    forget(user, handle) {
      if (find(user, handle) !== null) drop(handle)
    },
  }
}
