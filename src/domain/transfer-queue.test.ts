import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseTransfers, type LaneRules, type QueuedTransfer } from './transfer-queue.ts'

const zone = 'Europe/Paris'
const noon = Date.parse('2026-05-08T12:00:00+02:00')
const tonight = Date.parse('2026-05-08T22:00:00+02:00')
const free: LaneRules = { enabled: true, window: null }
const atNight: LaneRules = { enabled: true, window: { fromMinute: 22 * 60, toMinute: 6 * 60 } }

function row(id: number, change: Partial<QueuedTransfer> = {}): QueuedTransfer {
  return {
    id,
    direction: 'send',
    destinationId: 1,
    status: 'queued',
    trigger: 'automatic',
    notBefore: 0,
    wanted: null,
    ...change,
  }
}

function choose(
  open: readonly QueuedTransfer[],
  {
    rules = free,
    active = [],
    now = noon,
  }: { rules?: LaneRules; active?: readonly number[]; now?: number } = {},
) {
  return chooseTransfers(open, () => rules, new Set(active), now, zone)
}

describe('which transfers begin', () => {
  test('one per destination, the first come first', () => {
    const open = [row(1), row(2), row(3, { destinationId: 2 }), row(4, { destinationId: 2 })]
    expect(choose(open).start).toEqual([1, 3])
  })

  test('one that is under way keeps its own lane busy and no other', () => {
    const open = [row(1, { status: 'running' }), row(2), row(3, { destinationId: 2 })]
    expect(choose(open, { active: [1] }).start).toEqual([3])
  })

  test('one that waits for another try lets the next one go first', () => {
    const open = [row(1, { status: 'waiting', notBefore: noon + 5000 }), row(2)]
    expect(choose(open)).toMatchObject({ start: [2], wakeAt: noon + 5000 })
  })

  test('one whose time a clock far ahead has set goes at once, in its hours', () => {
    const open = [row(1, { status: 'waiting', notBefore: noon + 400 * 86_400_000 })]
    expect(choose(open)).toMatchObject({ start: [1] })
    expect(choose(open, { rules: atNight })).toMatchObject({ start: [], delay: [{ id: 1, until: tonight }] })
    // The longest pause there is: hours that have just gone by, on the day of 25 hours.
    expect(choose([row(1, { status: 'waiting', notBefore: noon + 25 * 3_600_000 })]).start).toEqual([])
  })

  test('what a restore waits for goes beside the others, whatever the hour', () => {
    const open = [
      row(1, { status: 'running' }),
      row(2, { trigger: 'restore' }),
      row(3, { trigger: 'restore' }),
    ]
    expect(choose(open, { active: [1] }).start).toEqual([2])
    expect(choose([row(2, { trigger: 'restore' })], { rules: atNight }).start).toEqual([2])
  })

  test('nothing is sent to a destination that is switched off, but what lies there is fetched', () => {
    const open = [row(1), row(2, { direction: 'fetch' })]
    expect(choose(open, { rules: { ...free, enabled: false } }).start).toEqual([2])
  })

  test('one that is to be paused or cancelled does not begin', () => {
    expect(choose([row(1, { wanted: 'cancel' })]).start).toEqual([])
  })

  test('outside their hours they wait until those come', () => {
    expect(choose([row(1)], { rules: atNight })).toEqual({
      start: [],
      stop: [],
      delay: [{ id: 1, until: tonight }],
      wakeAt: tonight,
    })
  })
})

describe('which transfers stop', () => {
  const running = row(1, { status: 'running' })

  test('those that somebody paused or cancelled', () => {
    expect(choose([{ ...running, wanted: 'pause' }], { active: [1] }).stop).toEqual([
      { id: 1, reason: 'paused' },
    ])
    expect(choose([{ ...running, wanted: 'cancel' }], { active: [1] }).stop).toEqual([
      { id: 1, reason: 'cancelled' },
    ])
  })

  test('those whose hours have ended, and until then there is a time to look', () => {
    expect(choose([running], { active: [1], rules: atNight }).stop).toEqual([{ id: 1, reason: 'window' }])
    const morning = Date.parse('2026-05-09T06:00:00+02:00')
    expect(choose([running], { active: [1], rules: atNight, now: tonight })).toMatchObject({
      stop: [],
      wakeAt: morning,
    })
  })

  test('those to a destination that was switched off', () => {
    expect(choose([running], { active: [1], rules: { ...free, enabled: false } }).stop).toEqual([
      { id: 1, reason: 'disabled' },
    ])
  })
})

test('a lane never has two, whatever lies in the queue', () => {
  const transfer = fc.record({
    destinationId: fc.integer({ min: 1, max: 4 }),
    status: fc.constantFrom('queued' as const, 'waiting' as const, 'running' as const),
    trigger: fc.constantFrom('manual' as const, 'automatic' as const),
    notBefore: fc.constantFrom(0, noon + 1),
    here: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(transfer, { maxLength: 30 }), (given) => {
      const open = given.map(({ destinationId, status, trigger, notBefore }, id) =>
        row(id, { destinationId, status, trigger, notBefore }),
      )
      const busy = new Set<number>()
      const active = given.flatMap((one, id) => {
        if (one.status !== 'running' || !one.here || busy.has(one.destinationId)) return []
        busy.add(one.destinationId)
        return [id]
      })
      const after = [...active, ...choose(open, { active }).start].map((id) => open[id]?.destinationId)
      return new Set(after).size === after.length
    }),
  )
})
