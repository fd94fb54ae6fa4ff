// Waits for a condition instead of a time.
import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves with the first value that is neither undefined, null nor false; rejects after `withinMs`. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  what = 'the condition',
  withinMs = 10_000,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== null && found !== false) {
      return found as Exclude<T, undefined | null | false>
    }
    if (performance.now() > deadline) throw new Error(`${what} did not come true within ${withinMs} ms`)
    await sleep(10)
  }
}
