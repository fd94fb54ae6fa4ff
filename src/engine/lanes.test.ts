import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Run } from '../domain/run.ts'
import type { Lane } from '../sources/source.ts'
import { chooseRuns } from './lanes.ts'

const free = { capacity: { yunohost: 1, general: 2 }, active: { yunohost: 0, general: 0 } }

function queued(id: number, notBefore = 0): Run {
  return { id, jobId: id, notBefore, status: 'queued' } as Run
}

/** Odd runs belong to YunoHost's lane. */
function laneOf(run: Run): Lane {
  return run.id % 2 === 1 ? 'yunohost' : 'general'
}

describe('lanes', () => {
  test('one yunohost run and two others start; the rest waits and knows why', () => {
    const { start, waiting } = chooseRuns(
      [1, 2, 3, 4, 5, 6].map((id) => queued(id)),
      laneOf,
      free,
      0,
    )
    expect(start.map((run) => run.id)).toEqual([1, 2, 4])
    expect(waiting.map(({ run, lane, because }) => [run.id, lane, because])).toEqual([
      [3, 'yunohost', 'lane_full'],
      [5, 'yunohost', 'lane_full'],
      [6, 'general', 'lane_full'],
    ])
  })

  test('a run that is spread over time holds no place and says when to look again', () => {
    const { start, waiting, wakeAt } = chooseRuns(
      [queued(1, 500), queued(3), queued(5, 300)],
      laneOf,
      free,
      100,
    )
    expect(start.map((run) => run.id)).toEqual([3])
    expect(waiting.map((one) => one.because)).toEqual(['not_before', 'not_before'])
    expect(wakeAt).toBe(300)
  })

  test('never starts more than a lane holds, and forgets no run', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1000)), fc.nat(3), fc.nat(3), fc.nat(1000), (ids, a, b, now) => {
        const runs = ids.map((id) => queued(id, id))
        const lanes = { capacity: { yunohost: 1, general: 2 }, active: { yunohost: a, general: b } }
        const { start, waiting } = chooseRuns(runs, laneOf, lanes, now)
        expect(start.length + waiting.length).toBe(runs.length)
        expect(start.filter((run) => laneOf(run) === 'yunohost').length).toBeLessThanOrEqual(
          Math.max(0, 1 - a),
        )
        expect(start.filter((run) => laneOf(run) === 'general').length).toBeLessThanOrEqual(
          Math.max(0, 2 - b),
        )
        expect(start.every((run) => run.notBefore <= now)).toBe(true)
      }),
    )
  })
})
