// The patience of one request: ends it when its caller wants that, when nothing happens for too long, or when all of it
// takes too long.
import { timeoutProblem } from './trouble.ts'

export interface Watch {
  /** Aborted with what the request is to fail with. */
  readonly signal: AbortSignal
  /** It is the other side's turn: from now on something must happen within the idle time. */
  waiting(): void
  /** It is our own turn, however long it takes. */
  resting(): void
  /** Stops watching. */
  end(): void
}

export interface Patience {
  readonly host: string
  /** All of these can end it. */
  readonly signals: readonly AbortSignal[]
  readonly idleMs: number
  readonly totalMs: number | null
  /** Asked when the idle time is over: true when something did happen, unseen by us. */
  readonly stirring: () => Promise<boolean>
}

/** Begins with the other side's turn. */
export function createWatch({ host, signals, idleMs, totalMs, stirring }: Patience): Watch {
  const stop = new AbortController()
  let idle: NodeJS.Timeout | undefined
  /** Changes with everything that happens. */
  let turn = 0
  let over = false
  const rest = (): void => {
    turn += 1
    clearTimeout(idle)
    idle = undefined
  }
  const watch: Watch = {
    signal: stop.signal,
    waiting() {
      if (over) return
      turn += 1
      if (idle) idle.refresh()
      else idle = setTimeout(() => void expire(), idleMs)
    },
    resting: rest,
    end() {
      over = true
      rest()
      clearTimeout(total)
      for (const signal of signals) signal.removeEventListener('abort', onAbort)
    },
  }
  const end = (reason: unknown): void => {
    watch.end()
    stop.abort(reason)
  }
  const onAbort = (): void => end(signals.find(({ aborted }) => aborted)?.reason)
  const expire = async (): Promise<void> => {
    const asked = turn
    const alive = await stirring().catch(() => false)
    // Otherwise something happened in the meantime, or it is over.
    if (turn !== asked) return
    if (alive) watch.waiting()
    else end(timeoutProblem(host, idleMs))
  }
  const total = totalMs === null ? undefined : setTimeout(() => end(timeoutProblem(host, totalMs)), totalMs)
  for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true })
  if (signals.some(({ aborted }) => aborted)) onAbort()
  else watch.waiting()
  return watch
}
