// Room on the archives' disk that backups, fetches and uploads under way have been promised and have not used yet: free bytes
// that are not free. One account for all of them.

export interface Space {
  /**
   * Promises `bytes` (0 when nobody can tell) to `who`, unless `check` throws, which is told what all others still have to
   * write. Nothing else is promised between the two.
   */
  take(who: string, bytes: number, check: (othersBytes: number) => void): Promise<void>
  /** What it has written so far. */
  wrote(who: string, bytes: number): void
  release(who: string): void
  /** Bytes still to be written by backups and fetches but this one. Uploads are counted by their rows. */
  promised(except?: string): number
}

/** `toCome`: bytes that open uploads still have to write. */
export function createSpace(toCome: () => Promise<number> = () => Promise.resolve(0)): Space {
  const promises = new Map<string, { readonly needed: number; written: number }>()
  const promised = (except?: string): number => {
    let sum = 0
    for (const [who, { needed, written }] of promises) {
      if (who !== except) sum += Math.max(0, needed - written)
    }
    return sum
  }
  return {
    async take(who, bytes, check) {
      const uploads = await toCome()
      check(uploads + promised(who))
      promises.set(who, { needed: bytes, written: 0 })
    },
    wrote(who, bytes) {
      const one = promises.get(who)
      if (one) one.written = Math.max(one.written, bytes)
    },
    release: (who) => void promises.delete(who),
    promised,
  }
}

/** The account's names of those that are promised something. */
export const runSpace = (id: number): string => `run ${id}`
export const restoreSpace = (id: number): string => `restore ${id}`
export const fetchSpace = (id: number): string => `fetch ${id}`
