// What a chaos proxy does to connections and requests, drawn by seed.
import { randomOf } from '../../src/archive/fuzz-world.ts'

type Span = readonly [least: number, most: number]

/** Shares go from 0 (never) to 1 (always); what is left out never happens. */
export interface ChaosPlan {
  /**
   * The connection is reset after so many bytes of both directions. Clients keep connections: one that is spared stays, so
   * without `http` a share of 1 and a wide span make the most of it.
   */
  readonly cut?: { readonly share: number; readonly afterBytes: Span }
  /** Nothing is passed on for so long; with several connections that also changes their order. */
  readonly delay?: { readonly share: number; readonly ms: Span }
  readonly slow?: { readonly share: number; readonly bytesPerSecond: number }
  /** Closed before anything is passed on. */
  readonly refuse?: { readonly share: number }
  /** Needs `http`: the answer ends in the middle of its body, though its length was told. */
  readonly truncate?: { readonly share: number }
  /** Needs `http`: carried out, but the answer never comes back. */
  readonly lose?: { readonly share: number }
  /** Needs `http`: carried out twice, one after the other; bodies of at most {@link duplicateMost} bytes. */
  readonly duplicate?: { readonly share: number }
}

export const duplicateMost = 8 * 1024 * 1024

/** What happens to one connection, or to one request with `http`. */
export interface Fate {
  readonly refuse: boolean
  readonly cutAfter: number
  readonly delayMs: number
  readonly bytesPerSecond: number
  readonly truncate: boolean
  readonly lose: boolean
  readonly duplicate: boolean
}

/** Draws fates in the order in which they are asked for: the same ones for a seed. */
export function fates(seed: number): (plan: ChaosPlan) => Fate {
  const random = randomOf(seed)
  const hits = (chance: { readonly share: number } | undefined): boolean =>
    random.next() < (chance?.share ?? 0)
  const within = ([least, most]: Span): number => least + random.below(most - least + 1)
  // Everything is drawn each time, so that a change of one share does not shift the others.
  return (plan) => {
    const cut = hits(plan.cut)
    const cutAfter = within(plan.cut?.afterBytes ?? [0, 0])
    const delay = hits(plan.delay)
    const delayMs = within(plan.delay?.ms ?? [0, 0])
    return {
      refuse: hits(plan.refuse),
      cutAfter: cut ? cutAfter : Infinity,
      delayMs: delay ? delayMs : 0,
      bytesPerSecond: hits(plan.slow) ? (plan.slow?.bytesPerSecond ?? Infinity) : Infinity,
      truncate: hits(plan.truncate),
      lose: hits(plan.lose),
      duplicate: hits(plan.duplicate),
    }
  }
}
