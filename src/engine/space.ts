// Room on the archives' disk that running backups have been promised and have not used yet: free bytes that are not free.

export interface Space {
  /** A run will need so many bytes; 0 when nobody can tell. */
  promise(runId: number, bytes: number): void
  /** What it has written so far. */
  wrote(runId: number, bytes: number): void
  release(runId: number): void
  /** Bytes still to be written by all runs but this one. */
  promisedToOthers(runId: number): number
}

export function createSpace(): Space {
  const runs = new Map<number, { readonly needed: number; written: number }>()
  return {
    promise: (runId, bytes) => void runs.set(runId, { needed: bytes, written: 0 }),
    wrote(runId, bytes) {
      const run = runs.get(runId)
      if (run) run.written = Math.max(run.written, bytes)
    },
    release: (runId) => void runs.delete(runId),
    promisedToOthers(runId) {
      let sum = 0
      for (const [id, { needed, written }] of runs) if (id !== runId) sum += Math.max(0, needed - written)
      return sum
    },
  }
}
