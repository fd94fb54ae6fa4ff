// How fast a transfer is, over the last while: for "so many seconds left". In memory only.

/** What lies further back says nothing about now. */
const SPAN_MS = 30_000
/** Closer calls are put together. */
const GRAIN_MS = 500

export interface Pace {
  /** So many more bytes went over the wire. */
  moved(bytes: number): void
  /** `left`: bytes still to go, null when nobody knows. Null until there is something to go by. */
  read(left: number | null): { readonly bytesPerSecond: number; readonly secondsLeft: number | null } | null
}

/** `now`: milliseconds of any clock that only goes forward. */
export function createPace(now: () => number = () => performance.now()): Pace {
  const began = now()
  const marks: { readonly at: number; readonly done: number }[] = [{ at: began, done: 0 }]
  let done = 0
  return {
    moved(bytes) {
      const at = now()
      done += bytes
      const last = marks.at(-1)
      if (last && marks.length > 1 && at - (marks.at(-2)?.at ?? 0) < GRAIN_MS) marks.pop()
      marks.push({ at, done })
      while (marks.length > 2 && at - (marks[1]?.at ?? at) >= SPAN_MS) marks.shift()
    },
    read(left) {
      const [first] = marks
      const last = marks.at(-1)
      if (!first || !last || first === last) return null
      // Until now, not until the last mark: a transfer that stalls gets slower.
      const seconds = (now() - first.at) / 1000
      if (seconds <= 0) return null
      const bytesPerSecond = Math.max(0, (last.done - first.done) / seconds)
      const secondsLeft = left === null || bytesPerSecond === 0 ? null : Math.ceil(left / bytesPerSecond)
      return { bytesPerSecond, secondsLeft }
    },
  }
}
