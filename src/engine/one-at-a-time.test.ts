import { expect, test } from 'vitest'
import { oneAtATime } from './one-at-a-time.ts'

test('callers that come during a round share the next one, which begins after it', async () => {
  const releases: ((value: number) => void)[] = []
  const work = oneAtATime(() => new Promise<number>((resolve) => releases.push(resolve)))
  const first = work()
  const [second, third] = [work(), work()]
  expect(releases).toHaveLength(1)
  releases[0]?.(1)
  expect(await first).toBe(1)
  await Promise.resolve()
  await Promise.resolve()
  expect(releases).toHaveLength(2)
  releases[1]?.(2)
  expect(await Promise.all([second, third])).toEqual([2, 2])
})

test('a round that fails does not stop the next', async () => {
  let rounds = 0
  const work = oneAtATime(async () => {
    rounds += 1
    if (rounds === 1) throw new Error('no')
    return rounds
  })
  await expect(work()).rejects.toThrow('no')
  expect(await work()).toBe(2)
})
