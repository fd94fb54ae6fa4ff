// A few at a time, a few waiting, the rest refused: expensive work must not fill the threads that everything needs.

export interface Gate {
  /** The work's result; null, without having begun, when too many wait already. */
  pass<T>(work: () => Promise<T>): Promise<{ readonly value: T } | null>
}

export function createGate(most: number, mostWaiting: number): Gate {
  let inside = 0
  const waiting: (() => void)[] = []
  return {
    async pass(work) {
      if (inside < most) inside += 1
      else if (waiting.length >= mostWaiting) return null
      // Whoever leaves hands its place over.
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return { value: await work() }
      } finally {
        const next = waiting.shift()
        if (next) next()
        else inside -= 1
      }
    },
  }
}
