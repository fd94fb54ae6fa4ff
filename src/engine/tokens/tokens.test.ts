// Tokens over a real database: who is let in, for how long, and what is stored of a secret.
import { setImmediate as turn } from 'node:timers/promises'
import bcrypt from 'bcrypt'
import { describe, expect, onTestFinished, test } from 'vitest'
import { engineBench } from '../../../test/support/engine.ts'
import { insertPeer, updatePeer } from '../../store/peers.ts'
import { listActivity } from '../../store/activity.ts'
import { openDatabase } from '../../store/database.ts'
import { listTokens, revokeToken } from '../../store/tokens.ts'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { createTokens } from './tokens.ts'
import { createVerify } from './verify.ts'

const address = '192.0.2.1'
const wrong = 'ab'.repeat(32)
const hour = 3_600_000

async function bench() {
  const world = await engineBench()
  let proofs = 0
  const verify = createVerify(world.deps, (secret, hash) => {
    proofs += 1
    return bcrypt.compare(secret, hash)
  })
  const tokens = createTokens(world.deps)
  onTestFinished(() => tokens.close())
  return { ...world, tokens, verify, proofs: () => proofs }
}

function addPeer(world: { readonly deps: Parameters<typeof createVerify>[0] }, uid: string | null) {
  return insertPeer(
    world.deps.db,
    {
      uid,
      name: 'tom',
      url: 'https://tom.example',
      sealedKey: '',
      publicKey: null,
      certPin: null,
      scopes: null,
      quotaBytes: null,
      quotaCount: null,
      holdDays: 0,
      ssh: null,
    },
    world.deps.clock.now(),
  )
}

describe('a new token', () => {
  test('lets its bearer in, as who it is', async () => {
    const { tokens, verify } = await bench()
    const { token, secret } = await tokens.create(
      { name: ' nightly ', scopes: ['run', 'read', 'run'] },
      'ana',
    )
    expect(secret).toMatch(/^[0-9a-f]{64}$/)
    expect(await verify(secret, address)).toEqual({
      ok: true,
      caller: {
        tokenId: token.id,
        actor: 'token:nightly',
        owner: `token:${token.id}`,
        name: 'nightly',
        peerId: null,
        scopes: ['read', 'run'],
      },
    })
  })

  test('of a peer acts for the peer', async () => {
    const world = await bench()
    const peerId = await addPeer(world, 'u'.repeat(43))
    const { secret } = await world.tokens.create({ name: 'x', scopes: ['read'], peerId }, 'ana')
    // It says that it is `uuu…`, and nobody has proven it.
    const caller = { actor: 'peer:tom', owner: `peer:${peerId}`, name: 'tom', peerId }
    expect(await world.verify(secret, address)).toMatchObject({ caller })
    await updatePeer(world.deps.db, peerId, { publicKey: 'PEM' }, world.deps.clock.now())
    expect(await world.verify(secret, address)).toMatchObject({
      caller: { ...caller, owner: `peer:${'u'.repeat(43)}` },
    })
  })

  test('is stored as a bcrypt hash and 64 bits of its SHA-256, and nowhere else', async () => {
    const { tokens, deps } = await bench()
    const { secret } = await tokens.create({ name: 'nightly', scopes: ['read'] }, 'ana')
    const stored = await deps.db.selectFrom('api_tokens').selectAll().executeTakeFirstOrThrow()
    expect(stored.hash).toMatch(/^\$2b\$10\$/)
    expect(stored.lookup).toMatch(/^[0-9a-f]{16}$/)
    expect(JSON.stringify([stored, await listActivity(deps.db, { limit: 9 })])).not.toContain(secret)
  })

  test.each([
    [{ name: '', scopes: ['read'] }, 'name required'],
    [{ name: 'x'.repeat(61), scopes: ['read'] }, 'name too_long'],
    [{ name: 'a\u0007b', scopes: ['read'] }, 'name control_characters'],
    [{ name: 'a\u202Eb', scopes: ['read'] }, 'name control_characters'],
    [{ name: 'x', scopes: [] }, 'scopes required'],
    [{ name: 'x', scopes: ['read', 'everything'] }, 'scopes scope_unknown'],
    [{ name: 'x', scopes: ['read'], expiresAt: 1 }, 'expires_at time_past'],
    [{ name: 'x', scopes: ['read'], expiresAt: Number.NaN }, 'expires_at time_past'],
  ])('is not made of %j', async (input, expected) => {
    const { tokens, deps } = await bench()
    // What a form or a script sends need not be what the types say.
    const given = input as Parameters<typeof tokens.create>[0]
    const failure: unknown = await tokens.create(given, 'ana').catch((error: unknown) => error)
    const errors = Object(failure).errors as { field: string; code: string }[]
    expect(errors.map((one) => `${one.field} ${one.code}`)).toEqual([expected])
    expect(await listTokens(deps.db)).toEqual([])
  })
})

describe('a key is refused', () => {
  test('without any proof when it has not the form of one', async () => {
    const { verify, proofs } = await bench()
    for (const secret of ['', 'x', wrong.toUpperCase(), `${wrong}0`, `${wrong}\n`]) {
      expect(await verify(secret, address)).toEqual({ ok: false, retryAfterS: null })
    }
    expect(proofs()).toBe(0)
  })

  test('after one proof, as a known one would have taken, when it is unknown', async () => {
    const { tokens, verify, proofs } = await bench()
    const { secret } = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    expect(await verify(wrong, address)).toEqual({ ok: false, retryAfterS: null })
    expect(proofs()).toBe(1)
    await verify(secret, address)
    expect(proofs()).toBe(2)
  })

  test('when its row has another hash', async () => {
    const { tokens, verify, deps } = await bench()
    const { secret } = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    await deps.db
      .updateTable('api_tokens')
      .set({ hash: await bcrypt.hash(wrong, 4) })
      .execute()
    expect(await verify(secret, address)).toMatchObject({ ok: false })
  })

  test('when it has expired or was revoked, remembered or not', async () => {
    const { tokens, verify, deps, setNow } = await bench()
    const now = deps.clock.now()
    const short = await tokens.create({ name: 'x', scopes: ['read'], expiresAt: now + hour }, 'ana')
    const long = await tokens.create({ name: 'y', scopes: ['read'] }, 'ana')
    expect(await verify(short.secret, address)).toMatchObject({ ok: true })
    expect(await verify(long.secret, address)).toMatchObject({ ok: true })
    await tokens.revoke(long.token.id, 'ana')
    expect(await verify(long.secret, address)).toMatchObject({ ok: false })
    expect(await verify(long.secret, address)).toMatchObject({ ok: false })
    setNow(now + hour)
    expect(await verify(short.secret, address)).toMatchObject({ ok: false })
  })

  test('when too many wrong ones came from its address, unless it is remembered', async () => {
    const { tokens, verify, proofs } = await bench()
    const known = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    const other = await tokens.create({ name: 'y', scopes: ['read'] }, 'ana')
    await verify(known.secret, address)
    for (let n = 0; n < 21; n += 1) await verify('no key', address)
    const before = proofs()
    expect(await verify(wrong, address)).toEqual({ ok: false, retryAfterS: 60 })
    expect(await verify('no key', address)).toEqual({ ok: false, retryAfterS: 60 })
    expect(await verify(other.secret, address)).toEqual({ ok: false, retryAfterS: 60 })
    expect(proofs()).toBe(before)
    expect(await verify(known.secret, address)).toMatchObject({ ok: true })
    expect(await verify(other.secret, '192.0.2.2')).toMatchObject({ ok: true })
  })
})

describe('a proof', () => {
  test('is not paid again for a remembered key, nor twice for requests that come together', async () => {
    const { tokens, verify, proofs } = await bench()
    const { secret } = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => verify(secret, address)))
    expect(verdicts.every((one) => one.ok)).toBe(true)
    await verify(secret, '2001:db8::1')
    expect(proofs()).toBe(1)
  })

  test('is had by one address five times at once, then once a second', async () => {
    const { verify, proofs, deps, setNow } = await bench()
    const guess = (n: number) => verify(n.toString(16).padStart(64, '0'), address)
    const first = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(guess))
    expect(first.map((one) => !one.ok && one.retryAfterS)).toEqual([null, null, null, null, null, 1, 1])
    expect(proofs()).toBe(5)
    setNow(deps.clock.now() + 1000)
    await Promise.all([8, 9].map(guess))
    expect(proofs()).toBe(6)
  })

  test('is going on for two keys at one time at most, from however many addresses', async () => {
    const { deps } = await bench()
    let inside = 0
    let most = 0
    const verify = createVerify(deps, async () => {
      inside += 1
      most = Math.max(most, inside)
      await turn()
      inside -= 1
      return false
    })
    const guesses = Array.from({ length: 200 }, (_, n) =>
      verify(n.toString(16).padStart(64, '0'), `10.0.0.${n}`),
    )
    const ends = await Promise.all(guesses)
    expect(most).toBe(2)
    // The rest was told to come again, and that did not count as a failure.
    expect(ends.filter((one) => !one.ok && one.retryAfterS === null)).toHaveLength(66)
    expect(ends.filter((one) => !one.ok && one.retryAfterS === 1)).toHaveLength(134)
  })
})

describe('revoking', () => {
  test('by another process counts at the next request, and ends what goes on', async () => {
    const { deps } = await engineBench()
    const file = `${await temporaryFolder()}/bm.db`
    const here = await openDatabase(file, { now: deps.clock.now() })
    const there = await openDatabase(file, { now: deps.clock.now() })
    onTestFinished(async () => {
      await here.close()
      await there.close()
    })
    const tokens = createTokens({ ...deps, db: here.db, dataVersion: () => here.dataVersion() })
    onTestFinished(() => tokens.close())
    const { token, secret } = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    expect(await tokens.verify(secret, address)).toMatchObject({ ok: true })
    const signal = tokens.signalOf(token.id)
    const ended = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    await revokeToken(there.db, token.id, deps.clock.now())
    expect(await tokens.verify(secret, address)).toMatchObject({ ok: false })
    await ended
    expect(signal.reason).toMatchObject({ code: 'unauthenticated' })
  })

  test('ends what goes on at once, and only that', async () => {
    const { tokens } = await bench()
    const one = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    const other = await tokens.create({ name: 'y', scopes: ['read'] }, 'ana')
    const [signal, stays] = [tokens.signalOf(one.token.id), tokens.signalOf(other.token.id)]
    await tokens.revoke(one.token.id, 'ana')
    expect([signal.aborted, stays.aborted]).toEqual([true, false])
    const late = tokens.signalOf(one.token.id)
    await tokens.checkSignals()
    expect(late.aborted).toBe(true)
  })

  test('twice, or what is not there, says so', async () => {
    const { tokens } = await bench()
    const { token } = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    expect(await tokens.revoke(token.id, 'ana')).toMatchObject({ name: 'x', revokedAt: expect.any(Number) })
    await expect(tokens.revoke(token.id, 'ana')).rejects.toMatchObject({ code: 'token_not_found' })
    await expect(tokens.revoke(999, 'ana')).rejects.toMatchObject({ code: 'token_not_found' })
  })
})

describe('a token that is exchanged', () => {
  test('stays the same token: its former secret ends with the first use of the new one', async () => {
    const { tokens, verify, deps } = await bench()
    const { token, secret } = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    const first = await verify(secret, address)
    const rotated = await tokens.rotate(token.id, 'token:x')
    expect(rotated.token.id).toBe(token.id)
    expect(await verify(secret, address)).toEqual(first)
    expect(await verify(rotated.secret, address)).toEqual(first)
    expect(await verify(secret, address)).toMatchObject({ ok: false })
    expect(await listTokens(deps.db)).toHaveLength(1)
  })

  test('has its former secret taken for an hour and no longer', async () => {
    const { tokens, verify, deps, setNow } = await bench()
    const { token, secret } = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    await tokens.rotate(token.id, 'token:x')
    const now = deps.clock.now()
    setNow(now + hour - 1)
    expect(await verify(secret, address)).toMatchObject({ ok: true })
    setNow(now + hour)
    expect(await verify(secret, address)).toMatchObject({ ok: false })
  })

  test('again, because the answer was lost, has the unused secret thrown away', async () => {
    const { tokens, verify } = await bench()
    const { token, secret } = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    const lost = await tokens.rotate(token.id, 'token:x')
    const second = await tokens.rotate(token.id, 'token:x')
    expect(await verify(lost.secret, address)).toMatchObject({ ok: false })
    expect(await verify(secret, address)).toMatchObject({ ok: true })
    expect(await verify(second.secret, address)).toMatchObject({ ok: true })
    expect(await verify(secret, address)).toMatchObject({ ok: false })
  })

  test('is revoked with its former secret', async () => {
    const { tokens, verify } = await bench()
    const { token, secret } = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
    const rotated = await tokens.rotate(token.id, 'token:x')
    await tokens.revoke(token.id, 'ana')
    expect(await verify(secret, address)).toMatchObject({ ok: false })
    expect(await verify(rotated.secret, address)).toMatchObject({ ok: false })
    await expect(tokens.rotate(token.id, 'token:x')).rejects.toMatchObject({ code: 'token_not_found' })
  })

  test('keeps the end of its life', async () => {
    const { tokens, verify, deps, setNow } = await bench()
    const expiresAt = deps.clock.now() + 10 * hour
    const { token } = await tokens.create({ name: 'x', scopes: ['read'], expiresAt }, 'ana')
    const rotated = await tokens.rotate(token.id, 'token:x')
    setNow(expiresAt - 1)
    expect(await verify(rotated.secret, address)).toMatchObject({ ok: true })
    setNow(expiresAt)
    expect(await verify(rotated.secret, address)).toMatchObject({ ok: false })
  })
})

test('the last use is written at most once a minute', async () => {
  const { tokens, verify, deps, setNow } = await bench()
  const { secret } = await tokens.create({ name: 'x', scopes: ['read'] }, 'ana')
  const now = deps.clock.now()
  const lastUse = async () => (await listTokens(deps.db))[0]?.lastUsedAt
  expect(await lastUse()).toBeNull()
  await verify(secret, address)
  setNow(now + 59_999)
  await verify(secret, address)
  expect(await lastUse()).toBe(now)
  setNow(now + 60_000)
  await verify(secret, address)
  expect(await lastUse()).toBe(now + 60_000)
})

test('ended tokens are forgotten after 90 days, with their former secrets; others stay', async () => {
  const { tokens, verify, deps, setNow } = await bench()
  const now = deps.clock.now()
  const kept = await tokens.create({ name: 'kept', scopes: ['read'] }, 'ana')
  const gone = await tokens.create({ name: 'gone', scopes: ['read'] }, 'ana')
  const again = await tokens.rotate(kept.token.id, 'ana')
  await tokens.rotate(gone.token.id, 'ana')
  await tokens.revoke(gone.token.id, 'ana')
  const names = async () => (await listTokens(deps.db)).map((one) => one.name)
  setNow(now + 90 * 24 * hour)
  await tokens.sweep()
  expect(await names()).toEqual(['gone', 'kept'])
  setNow(now + 90 * 24 * hour + 1)
  await tokens.sweep()
  expect(await names()).toEqual(['kept'])
  expect(await deps.db.selectFrom('api_tokens').select('id').execute()).toEqual([{ id: kept.token.id }])
  expect(await verify(kept.secret, address)).toMatchObject({ ok: false })
  expect(await verify(again.secret, address)).toMatchObject({ ok: true })
})
