// Remembers which directories were looked into, and shows afterwards that each was the same one all the time: tar opens
// what is in them by its path, and would follow a link that somebody put in a directory's place meanwhile.
import { lstatSync, type BigIntStats } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { bytes } from './walk.ts'

export interface Entered {
  /** The directory whose name for tar is the last of the `count` names in the list so far. */
  add(count: number, directory: BigIntStats): void
  /**
   * The first one, in the list's `names`, in whose place something else is now; null if there is none. One that is gone
   * is no harm. One that was made anew meanwhile (programs do that to their caches) is told to `onRenewed`.
   */
  exchanged(
    names: Iterable<string>,
    signal: AbortSignal,
    onRenewed: (name: string) => void,
  ): Promise<string | null>
}

const turnEvery = 500

/** Takes 24 bytes of memory for a directory; their names stay in the list. */
export function entered(): Entered {
  let places = new BigUint64Array(3 * 1024)
  let used = 0
  return {
    add: (count, { dev, ino }) => {
      if (used === places.length) {
        const larger = new BigUint64Array(2 * used)
        larger.set(places)
        places = larger
      }
      places.set([BigInt(count), dev, ino], used)
      used += 3
    },
    exchanged: async (names, signal, onRenewed) => {
      let count = 0n
      let at = 0
      for (const name of names) {
        if (at === used) return null
        count += 1n
        if (places[at] !== count) continue
        const is = lstatSync(bytes(name.slice(1)), { bigint: true, throwIfNoEntry: false })
        if (is && !is.isDirectory()) return name
        if (is && (is.dev !== places[at + 1] || is.ino !== places[at + 2])) onRenewed(name)
        at += 3
        if ((at / 3) % turnEvery !== 0) continue
        await nextTurn()
        signal.throwIfAborted()
      }
      return null
    },
  }
}
