// Who of several instances tells people that another one is gone: one death is one message.

/** A watcher of the instance that is gone. */
export interface Watcher {
  /** Instance id. */
  readonly id: string
  /** As we know it. */
  readonly name: string
  /** We reach it, and its last word is fresh. */
  readonly present: boolean
  /** It watches the instance that is gone, and has lost sight of it too. */
  readonly agrees: boolean
}

/**
 * The watcher that tells, null: we do. Of those that are there and have lost sight of it the lowest id does; each one comes
 * to the same answer by itself. Who knows of nobody else tells, so that a message may come twice but is never missing.
 */
export function tellerOf(ownId: string, watchers: readonly Watcher[]): Watcher | null {
  const able = watchers.filter((one) => one.present && one.agrees && one.id < ownId)
  return able.toSorted((a, b) => (a.id < b.id ? -1 : 1))[0] ?? null
}
