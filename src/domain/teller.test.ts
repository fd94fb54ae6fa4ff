import { describe, expect, test } from 'vitest'
import { tellerOf, type Watcher } from './teller.ts'

const watcher = (id: string, change: Partial<Watcher> = {}): Watcher => ({
  ...{ id, name: id.toUpperCase(), present: true, agrees: true },
  ...change,
})

describe('who tells that an instance is gone', () => {
  test('is one of all that watch it, and each of them knows which', () => {
    const all = ['b', 'd', 'a', 'c']
    const tellers = all.map((own) => {
      const others = all.filter((id) => id !== own).map((id) => watcher(id))
      return tellerOf(own, others)?.id ?? own
    })
    expect(tellers).toEqual(['a', 'a', 'a', 'a'])
  })

  test('is us when nobody else is there, or nobody else has lost sight of it', () => {
    expect(tellerOf('m', [])).toBeNull()
    expect(tellerOf('m', [watcher('a', { present: false }), watcher('b', { agrees: false })])).toBeNull()
    expect(tellerOf('m', [watcher('z')])).toBeNull()
  })
})
