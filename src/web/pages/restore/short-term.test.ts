import { describe, expect, test } from 'vitest'
import { shortTerm } from './short-term.ts'

function memory(most = 3) {
  const clock = { time: 1000, now: () => clock.time }
  return { clock, held: shortTerm<string>({ clock, lifeMs: 900, most }) }
}

describe('what is remembered for a while', () => {
  test('is given back as often as wanted, until it is forgotten', () => {
    const { held } = memory()
    const handle = held.keep('alice', 'hunter2')
    expect([held.look('alice', handle), held.look('alice', handle)]).toEqual(['hunter2', 'hunter2'])
    held.forget('alice', handle)
    expect(held.look('alice', handle)).toBeNull()
  })

  test('is nobody else’s: others neither see, change nor forget it', () => {
    const { held } = memory()
    const handle = held.keep('alice', 'hunter2')
    held.replace('bob', handle, 'mine')
    held.forget('bob', handle)
    expect([held.look('bob', handle), held.look('alice', '')]).toEqual([null, null])
    expect(held.look('alice', handle)).toBe('hunter2')
  })

  test('can give way to another value, which lives no longer than the first', () => {
    const { held, clock } = memory()
    const handle = held.keep('alice', 'hunter2')
    clock.time += 800
    held.replace('alice', handle, 'begun')
    expect(held.look('alice', handle)).toBe('begun')
    clock.time += 100
    expect(held.look('alice', handle)).toBeNull()
  })

  test('is forgotten when its time is over', () => {
    const { held, clock } = memory()
    const handle = held.keep('alice', 'hunter2')
    clock.time += 899
    expect(held.look('alice', handle)).toBe('hunter2')
    clock.time += 1
    expect(held.look('alice', handle)).toBeNull()
  })

  test('makes room for what is newer', () => {
    const { held } = memory(2)
    const handles = ['one', 'two', 'three'].map((value) => held.keep('alice', value))
    expect(handles.map((handle) => held.look('alice', handle))).toEqual([null, 'two', 'three'])
  })

  test('has handles that cannot be guessed', () => {
    const { held } = memory(1000)
    const handles = new Set(Array.from({ length: 200 }, () => held.keep('alice', 'x')))
    expect(handles.size).toBe(200)
    for (const handle of handles) expect(handle).toMatch(/^[\w-]{22}$/)
  })
})
