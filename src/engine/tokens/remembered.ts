// Secrets that were proven lately, so that bcrypt is not paid for each request. Only their SHA-256 is in here.

const MOST = 1000
/** Longer than the time between two polls of a peer. Revocation does not wait for it: each request reads the row. */
const REMEMBER_MS = 10 * 60_000

export interface Remembered {
  /** The hash that the secret proved; null when it is not remembered. Each use makes it last longer. */
  get(digest: string, now: number): string | null
  set(digest: string, hash: string, now: number): void
  forget(digest: string): void
  size(): number
}

/** At most `most`, those that were used last. */
export function createRemembered(most = MOST): Remembered {
  const known = new Map<string, { readonly hash: string; readonly at: number }>()
  const put = (digest: string, hash: string, now: number) => {
    known.delete(digest)
    known.set(digest, { hash, at: now })
    if (known.size <= most) return
    const oldest = known.keys().next()
    if (!oldest.done) known.delete(oldest.value)
  }
  return {
    get(digest, now) {
      const found = known.get(digest)
      if (!found) return null
      if (now < found.at || now - found.at >= REMEMBER_MS) {
        known.delete(digest)
        return null
      }
      put(digest, found.hash, now)
      return found.hash
    },
    set: put,
    forget: (digest) => void known.delete(digest),
    size: () => known.size,
  }
}
