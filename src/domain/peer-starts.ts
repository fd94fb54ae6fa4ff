// Which processes have answered as a peer: each has an id of its own from its start on. A restart brings a new one, and an old one
// never comes back, unless two run under one key or a whole machine was set back. Pure.

/** What is remembered of a peer's processes. */
export interface PeerStarts {
  /** Their ids, in the order in which they were first seen since; the last one answered last. */
  readonly seen: readonly string[]
  /** When one of them last came back after another one, epoch ms. */
  readonly backAt: number | null
}

/** Nothing was seen yet, or an admin has looked. */
export const noStarts: PeerStarts = { seen: [], backAt: null }

/** How long a peer is left alone after the last sign of a second one. */
export const clonedForMs = 86_400_000

const remembered = 16

/** What is known after an answer. `started`: the id it gave; undefined: of a version that gives none. */
export function withStart(before: PeerStarts, started: string | undefined, at: number): PeerStarts {
  const { seen, backAt } = before
  if (started === undefined || started === seen.at(-1)) return before
  return {
    seen: [...seen.filter((one) => one !== started), started].slice(-remembered),
    backAt: seen.includes(started) ? at : backAt,
  }
}

/** Whether two seem to answer under one key. A time written by a clock far ahead does not keep it so. */
export function isCloned({ backAt }: PeerStarts, at: number): boolean {
  return backAt !== null && Math.abs(at - backAt) < clonedForMs
}
