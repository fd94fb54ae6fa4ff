import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createThrottle } from './throttle.ts'

/** A clock that is moved by hand, and whose sleepers wake when it has moved far enough. */
function handClock() {
  let time = 1_000_000
  const sleepers = new Set<{ at: number; wake: () => void }>()
  return {
    now: () => time,
    sleepers,
    sleep: (ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        const sleeper = { at: time + ms, wake: resolve }
        sleepers.add(sleeper)
        signal.addEventListener('abort', () => {
          sleepers.delete(sleeper)
          reject(signal.reason)
        })
      }),
    set: (to: number) => (time = to),
    /** Goes on in small steps, so that everybody who wakes can act at his time. */
    async pass(ms: number): Promise<void> {
      for (const end = time + ms; time < end;) {
        time = Math.min(end, time + 50)
        for (const sleeper of sleepers) {
          if (sleeper.at > time) continue
          sleepers.delete(sleeper)
          sleeper.wake()
        }
        await nextTurn()
      }
    },
  }
}

const { signal } = new AbortController()

/** Takes pieces one after the other for ever; `sent` is what it got. */
function sender(throttle: ReturnType<typeof createThrottle>, piece: number): { sent: number } {
  const it = { sent: 0 }
  void (async () => {
    for (;;) {
      await throttle.take(piece, signal)
      it.sent += piece
    }
  })()
  return it
}

describe('bytes per second', () => {
  test('are kept to in the long run, after one second at once', async () => {
    const clock = handClock()
    const one = sender(
      createThrottle(clock, () => 1000, clock),
      300,
    )
    await nextTurn()
    expect(one.sent).toBe(1200)
    await clock.pass(10_000)
    expect(one.sent).toBeGreaterThan(10_500)
    expect(one.sent).toBeLessThan(11_500)
  })

  test('are shared evenly by those who wait', async () => {
    const clock = handClock()
    const throttle = createThrottle(clock, () => 1000, clock)
    const all = [sender(throttle, 100), sender(throttle, 100), sender(throttle, 100)]
    await clock.pass(30_000)
    for (const { sent } of all) expect(sent).toBeGreaterThan(9500)
    expect(Math.max(...all.map(({ sent }) => sent)) - Math.min(...all.map(({ sent }) => sent))).toBeLessThan(
      400,
    )
  })

  test('hold for a piece that is larger than a second’s worth, too: the next one waits longer', async () => {
    const clock = handClock()
    const throttle = createThrottle(clock, () => 1000, clock)
    await throttle.take(5000, signal)
    let gone = false
    void throttle.take(1, signal).then(() => (gone = true))
    await clock.pass(3900)
    expect(gone).toBe(false)
    await clock.pass(400)
    expect(gone).toBe(true)
  })

  test('may change while somebody waits, and cease to be limited', async () => {
    const clock = handClock()
    let rate: number | null = 10
    const throttle = createThrottle(clock, () => rate, clock)
    await throttle.take(100_000, signal)
    let gone = false
    void throttle.take(1, signal).then(() => (gone = true))
    await clock.pass(10_000)
    expect(gone).toBe(false)
    rate = null
    await clock.pass(1100)
    expect(gone).toBe(true)
  })

  test('are not gained by a clock that jumps', async () => {
    const clock = handClock()
    const one = sender(
      createThrottle(clock, () => 1000, clock),
      100,
    )
    await nextTurn()
    const before = one.sent
    clock.set(clock.now() + 3_600_000)
    await clock.pass(1000)
    expect(one.sent - before).toBeLessThan(2500)
    clock.set(0)
    await clock.pass(1)
    clock.set(2_000_000_000_000)
    await clock.pass(1000)
    expect(one.sent - before).toBeLessThan(4700)
  })
})

test('without a limit nobody waits', async () => {
  const clock = handClock()
  const throttle = createThrottle(clock, () => null, clock)
  for (let n = 0; n < 100; n += 1) await throttle.take(1e9, signal)
  expect(clock.sleepers.size).toBe(0)
})

test('who leaves is not counted, and the last one who leaves takes the timer along', async () => {
  const clock = handClock()
  const throttle = createThrottle(clock, () => 1000, clock)
  await throttle.take(2000, signal)
  const stop = new AbortController()
  const first = throttle.take(1e9, stop.signal).catch((error: unknown) => error)
  const second = throttle.take(1, stop.signal).catch((error: unknown) => error)
  await nextTurn()
  expect(clock.sleepers.size).toBe(1)
  stop.abort(new Error('gone'))
  expect(await first).toMatchObject({ message: 'gone' })
  expect(await second).toMatchObject({ message: 'gone' })
  expect(clock.sleepers.size).toBe(0)
  await expect(throttle.take(1, stop.signal)).rejects.toThrow('gone')
  let gone = false
  void throttle.take(1, signal).then(() => (gone = true))
  await clock.pass(1200)
  expect(gone).toBe(true)
})
