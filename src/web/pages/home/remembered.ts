// Facts that cost a program to ask (installed apps, the disk): remembered a while, renewed behind the reader's back.

/** The last answer, or why there is none. */
export type Known<A> = { readonly value: A } | { readonly failure: unknown }

/**
 * A function that gives the last answer at once and asks again when it is older than `maxAgeMs`; only the very first
 * caller waits. `now` is epoch milliseconds. A failure is remembered too, but a good answer outlives it.
 */
export function remembered<A>(
  ask: () => Promise<A>,
  now: () => number,
  maxAgeMs: number,
): () => Promise<Known<A>> {
  let known: Known<A> | null = null
  let at = -Infinity
  let asking: Promise<Known<A>> | null = null
  const renew = async (): Promise<Known<A>> => {
    try {
      known = { value: await ask() }
    } catch (failure) {
      if (known === null || 'failure' in known) known = { failure }
    } finally {
      at = now()
      asking = null
    }
    return known ?? { failure: new Error('nothing was asked') }
  }
  return () => {
    if (now() - at > maxAgeMs) asking ??= renew()
    return known === null ? (asking ?? renew()) : Promise.resolve(known)
  }
}
