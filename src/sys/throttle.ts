// Limits how fast bytes are sent. Who takes more than there is goes into debt, and the next one waits until it is paid.
import { setTimeout as wait } from 'node:timers/promises'

/** What may pile up while nobody takes anything, in seconds of the rate. */
const burstSeconds = 1
/** Often enough to notice a changed rate. */
const lookAgainMs = 1000

export interface Throttle {
  /** Resolves when these bytes may be sent; those who wait are served in turn. Rejects with the signal's reason. */
  take(bytes: number, signal: AbortSignal): Promise<void>
}

export interface ThrottleTimer {
  /** Resolves after so many milliseconds; rejects when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<unknown>
}

interface Waiter {
  readonly bytes: number
  go(): void
}

const systemTimer: ThrottleTimer = { sleep: (ms, signal) => wait(ms, undefined, { signal }) }

/** `rate`: bytes per second as of now, null for no limit; asked again and again, also for those who wait already. */
export function createThrottle(
  clock: { now(): number },
  rate: () => number | null,
  timer: ThrottleTimer = systemTimer,
): Throttle {
  const queue: Waiter[] = []
  let pause = new AbortController()
  let serving = false
  let credit = 0
  let countedAt = clock.now()
  let full = true

  /** Milliseconds until the next one may go; 0: now. */
  const due = (): number => {
    const now = clock.now()
    const bytesPerSecond = rate()
    if (bytesPerSecond === null) {
      full = true
      return 0
    }
    const most = bytesPerSecond * burstSeconds
    // A clock that was set back counts as one that stood still.
    const gained = (Math.max(0, now - countedAt) / 1000) * bytesPerSecond
    credit = full ? most : Math.min(most, credit + gained)
    full = false
    countedAt = now
    if (credit > 0) return 0
    return bytesPerSecond > 0
      ? Math.min(lookAgainMs, Math.ceil(((1 - credit) / bytesPerSecond) * 1000))
      : lookAgainMs
  }

  const serve = async (): Promise<void> => {
    while (queue.length > 0) {
      const ms = due()
      if (ms > 0) {
        pause = new AbortController()
        await timer.sleep(ms, pause.signal).catch(() => undefined)
        continue
      }
      const next = queue.shift()
      if (next === undefined) break
      credit -= next.bytes
      next.go()
    }
    serving = false
  }

  return {
    take(bytes, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const leave = (): void => {
          queue.splice(queue.indexOf(waiter), 1)
          // No timer is kept for nobody.
          if (queue.length === 0) pause.abort()
          reject(signal.reason)
        }
        const waiter: Waiter = {
          bytes,
          go() {
            signal.removeEventListener('abort', leave)
            resolve()
          },
        }
        signal.addEventListener('abort', leave, { once: true })
        queue.push(waiter)
        if (serving) return
        serving = true
        void serve()
      })
    },
  }
}
