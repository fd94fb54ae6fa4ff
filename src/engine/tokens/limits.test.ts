// What bounds guessing: addresses, failures, memory and proofs at one time.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressGroup } from './address-group.ts'
import { createFailureLimit } from './failure-limit.ts'
import { createGate } from './gate.ts'
import { createRemembered } from './remembered.ts'

const address = '192.0.2.1'

describe('addresses that count as one', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.33', '64:ff9b:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unix', 'unix'],
  ])('%s is of %s', (given, group) => {
    expect(addressGroup(given)).toBe(group)
  })

  test('two IPv6 addresses are of one group exactly when their first 64 bits are the same', () => {
    const word = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16))
    const four = fc.array(word, { minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(four, four, four, (network, one, other) => {
        const group = addressGroup([...network, ...one].join(':'))
        expect(addressGroup([...network, ...other].join(':'))).toBe(group)
        expect(addressGroup([...one, ...other].join(':')) === group).toBe(one.join() === network.join())
      }),
    )
  })
})

describe('an address', () => {
  test('has five proofs at once, then one a second', () => {
    const limit = createFailureLimit()
    const burst = [1, 2, 3, 4, 5, 6, 7].map(() => limit.takeProof(address, 0))
    expect(burst).toEqual([0, 0, 0, 0, 0, 1, 1])
    expect(limit.takeProof(address, 999)).toBe(1)
    expect(limit.takeProof(address, 1000)).toBe(0)
    expect(limit.takeProof(address, 1000)).toBe(1)
    expect(limit.takeProof('192.0.2.2', 1000)).toBe(0)
  })

  test('gets a proof back that was no guess', () => {
    const limit = createFailureLimit()
    for (let n = 0; n < 100; n += 1) {
      expect(limit.takeProof(address, 0)).toBe(0)
      limit.giveBack(address)
    }
  })

  test('may go on when what was charged before it was known was no failure', () => {
    const limit = createFailureLimit()
    limit.forgive(address)
    for (let n = 0; n < 100; n += 1) {
      expect(limit.blockedFor(address, 0)).toBe(0)
      limit.failed(address, 0)
      limit.forgive(address)
    }
    for (let n = 0; n < 21; n += 1) limit.failed(address, 0)
    limit.forgive('192.0.2.2')
    expect(limit.blockedFor(address, 0)).toBe(60)
    limit.forgive(address)
    expect(limit.blockedFor(address, 0)).toBe(0)
  })

  test('is not answered after more than 20 failures in a minute, until the minute is over', () => {
    const limit = createFailureLimit()
    for (let n = 0; n < 20; n += 1) limit.failed(address, n * 1000)
    expect(limit.blockedFor(address, 20_000)).toBe(0)
    limit.failed(address, 20_000)
    expect(limit.blockedFor(address, 20_000)).toBe(40)
    expect(limit.takeProof(address, 20_000)).toBe(40)
    expect(limit.blockedFor('192.0.2.2', 20_000)).toBe(0)
    expect(limit.blockedFor(address, 59_999)).toBe(1)
    expect(limit.blockedFor(address, 60_000)).toBe(0)
    limit.failed(address, 60_000)
    expect(limit.blockedFor(address, 60_000)).toBe(1)
  })

  test('is not locked out by a clock that was set back', () => {
    const limit = createFailureLimit()
    for (let n = 0; n < 30; n += 1) limit.failed(address, 1_000_000)
    expect(limit.blockedFor(address, 0)).toBe(0)
  })

  test('never has more proofs than a burst and one a second, whatever it does', () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 3000 }), fails: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const limit = createFailureLimit()
        let now = 0
        let proofs = 0
        const failures: number[] = []
        for (const { wait, fails } of steps) {
          now += wait
          const after = limit.takeProof(address, now)
          const lately = failures.filter((time) => time > now - 60_000).length
          if (lately > 20) expect(after).toBeGreaterThan(0)
          if (after > 0) continue
          proofs += 1
          expect(proofs).toBeLessThanOrEqual(5 + now / 1000 + 1e-6)
          if (!fails) continue
          limit.failed(address, now)
          failures.push(now)
        }
      }),
    )
  })

  test('is forgotten when too many others came after it', () => {
    const limit = createFailureLimit(100)
    for (let n = 0; n < 1000; n += 1) {
      limit.failed(`10.0.${n >> 8}.${n & 255}`, n)
      limit.takeProof(`10.1.${n >> 8}.${n & 255}`, n)
    }
    expect(limit.size()).toBe(100)
  })
})

describe('proven secrets', () => {
  test('are remembered for ten minutes after their last use', () => {
    const known = createRemembered()
    known.set('a', 'hash', 0)
    expect(known.get('a', 599_999)).toBe('hash')
    expect(known.get('a', 1_199_998)).toBe('hash')
    expect(known.get('a', 1_799_998)).toBeNull()
    expect(known.size()).toBe(0)
  })

  test('are never more than the bound, and those used last stay', () => {
    const known = createRemembered(3)
    for (const name of ['a', 'b', 'c']) known.set(name, name, 0)
    known.get('a', 1)
    known.set('d', 'd', 2)
    expect([known.get('a', 3), known.get('b', 3), known.get('d', 3), known.size()]).toEqual([
      'a',
      null,
      'd',
      3,
    ])
  })
})

describe('the gate', () => {
  test('lets two in, has three wait, and refuses the rest without beginning them', async () => {
    const gate = createGate(2, 3)
    let inside = 0
    let most = 0
    const doors: (() => void)[] = []
    const visit = () =>
      gate.pass(async () => {
        inside += 1
        most = Math.max(most, inside)
        await new Promise<void>((resolve) => doors.push(resolve))
        inside -= 1
        return 'done'
      })
    const visits = Array.from({ length: 7 }, visit)
    expect(await Promise.all(visits.slice(5))).toEqual([null, null])
    for (let left = 5; left > 0; left -= 1) {
      doors.shift()?.()
      await visits[5 - left]
    }
    expect(await Promise.all(visits.slice(0, 5))).toEqual(
      Array.from({ length: 5 }, () => ({ value: 'done' })),
    )
    expect(most).toBe(2)
  })

  test('goes on after work that failed', async () => {
    const gate = createGate(1, 1)
    await expect(gate.pass(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await gate.pass(() => Promise.resolve(1))).toEqual({ value: 1 })
  })
})
