// Tells pages that something about a run has changed. Within one process only; others look at the database.

export interface RunEvents {
  watch(runId: number, changed: () => void): () => void
  changed(runId: number): void
}

export function createRunEvents(): RunEvents {
  const watchers = new Map<number, Set<() => void>>()
  return {
    watch(runId, changed) {
      const set = watchers.get(runId) ?? new Set()
      watchers.set(runId, set)
      set.add(changed)
      return () => {
        set.delete(changed)
        if (set.size === 0 && watchers.get(runId) === set) watchers.delete(runId)
      }
    },
    changed(runId) {
      for (const watcher of watchers.get(runId) ?? []) watcher()
    },
  }
}
