import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { getUpload, receivedRanges } from '../../store/uploads.ts'
import { chunkBytes, peerCaller, pieces, receiveWorld, sha256 } from './receive-world.ts'

/** A body whose pieces the test hands over one by one. */
function handed() {
  let give = Promise.withResolvers<Uint8Array | null>()
  const taken: number[] = []
  async function* body(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = await give.promise
      give = Promise.withResolvers()
      if (piece === null) return
      taken.push(piece.length)
      yield piece
    }
  }
  return {
    body: body(),
    async give(piece: Uint8Array | null) {
      const before = taken.length
      give.resolve(piece)
      if (piece === null) return
      while (taken.length === before) await new Promise(setImmediate)
    },
    fail: (error: Error) => give.reject(error),
  }
}

const settle = async () => {
  for (let n = 0; n < 20; n += 1) await new Promise(setImmediate)
}

describe('chunks', () => {
  test('arrive in any order, several at once, and lie where they belong', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await Promise.all([4, 2, 0, 3].map((n) => world.send(id, n)))
    expect(await world.send(id, 1)).toEqual({ received: 1, chunksReceived: 5, totalChunks: 5 })
    const part = readFileSync(join(world.bench.deps.dataDir, 'uploads', `${id}.part`))
    expect(part.equals(world.file)).toBe(true)
  })

  test('may be sent again: the answer is the same and nothing changes', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 3)
    expect(await world.send(id, 3)).toMatchObject({ received: 3, chunksReceived: 1 })
    expect(await receivedRanges(world.bench.deps.db, id)).toEqual([[3, 3]])
  })

  test('may be sent twice at the same time: one is written, the other waits for it', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    const slow = handed()
    const bytes = world.file.subarray(0, chunkBytes)
    const first = world.send(id, 0, { body: slow.body })
    await slow.give(bytes.subarray(0, 100))
    const second = world.send(id, 0)
    await settle()
    expect(await receivedRanges(world.bench.deps.db, id)).toEqual([])
    await slow.give(bytes.subarray(100))
    await slow.give(null)
    expect(await Promise.all([first, second])).toEqual([
      { received: 0, chunksReceived: 1, totalChunks: 5 },
      expect.objectContaining({ received: 0 }),
    ])
    expect(await getUpload(world.bench.deps.db, id)).toMatchObject({ chunksReceived: 1 })
  })

  test('with other bytes than the first time are refused, and the first ones stay', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 0)
    await expect(world.send(id, 0, { bytes: Buffer.alloc(chunkBytes) })).rejects.toMatchObject({
      code: 'chunk_digest_mismatch',
    })
    const part = readFileSync(join(world.bench.deps.dataDir, 'uploads', `${id}.part`))
    expect(part.subarray(0, chunkBytes).equals(world.file.subarray(0, chunkBytes))).toBe(true)
  })

  test('with other bytes at the same time are refused once the first ones are recorded, and do not overwrite them', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    const slow = handed()
    const bytes = world.file.subarray(0, chunkBytes)
    const first = world.send(id, 0, { body: slow.body })
    await slow.give(bytes)
    const second = world.send(id, 0, { bytes: Buffer.alloc(chunkBytes) })
    const both = Promise.allSettled([first, second])
    await settle()
    await slow.give(null)
    expect(await both).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'chunk_digest_mismatch' } },
    ])
    const part = readFileSync(join(world.bench.deps.dataDir, 'uploads', `${id}.part`))
    expect(part.subarray(0, chunkBytes).equals(bytes)).toBe(true)
  })

  test('that claim to be the same, at the same time, overwrite nothing with what they bring', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    const slow = handed()
    const bytes = world.file.subarray(0, chunkBytes)
    const first = world.send(id, 0, { body: slow.body })
    await slow.give(bytes)
    const second = world.send(id, 0, { bytes: Buffer.alloc(chunkBytes), digest: sha256(bytes) })
    await settle()
    await slow.give(null)
    await Promise.all([first, second])
    const part = readFileSync(join(world.bench.deps.dataDir, 'uploads', `${id}.part`))
    expect(part.subarray(0, chunkBytes).equals(bytes)).toBe(true)
  })

  test('that failed can be sent again', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await expect(world.send(id, 0, { digest: 'b'.repeat(64) })).rejects.toMatchObject({
      code: 'chunk_digest_mismatch',
    })
    expect(await receivedRanges(world.bench.deps.db, id)).toEqual([])
    expect(await world.send(id, 0)).toMatchObject({ chunksReceived: 1 })
    for (const n of [1, 2, 3, 4]) await world.send(id, n)
    expect(await world.uploads.finish(world.caller, id, null)).toMatchObject({ sha256: world.digest })
  })
})

describe('a chunk is refused, and nothing recorded,', () => {
  test.each([
    ['behind the last one', 5],
    ['before the first one', -1],
    ['between two', 1.5],
    ['of no number', Number.NaN],
  ])('%s', async (_, n) => {
    const world = await receiveWorld()
    const id = await world.open()
    await expect(world.send(id, n, { bytes: world.file.subarray(0, chunkBytes) })).rejects.toMatchObject({
      code: 'chunk_out_of_range',
    })
  })

  test.each([
    ['larger', 0, chunkBytes + 1],
    ['smaller', 0, chunkBytes - 1],
    ['empty', 0, 0],
    ['the last one as long as the others', 4, chunkBytes],
  ])('whose stated size is another: %s; its body is not even looked at', async (_, n, length) => {
    const world = await receiveWorld()
    const id = await world.open()
    const body = { [Symbol.asyncIterator]: () => expect.unreachable() }
    await expect(world.send(id, n, { length, body })).rejects.toMatchObject({ code: 'chunk_size_mismatch' })
  })

  test.each([
    ['more', chunkBytes + 1],
    ['less', chunkBytes - 1],
  ])('that brings %s bytes than it said', async (_, sent) => {
    const world = await receiveWorld()
    const id = await world.open()
    const bytes = Buffer.alloc(sent)
    const chunk = { length: chunkBytes, digest: sha256(bytes), body: pieces(bytes) }
    await expect(world.send(id, 0, chunk)).rejects.toMatchObject({
      code: 'chunk_size_mismatch',
      facts: { expected: chunkBytes, found: sent },
    })
    expect(await receivedRanges(world.bench.deps.db, id)).toEqual([])
  })

  test('that brings more than it said does not reach into its neighbour', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 1)
    await expect(
      world.send(id, 0, {
        length: chunkBytes,
        digest: 'b'.repeat(64),
        body: pieces(Buffer.alloc(3 * chunkBytes)),
      }),
    ).rejects.toMatchObject({ code: 'chunk_size_mismatch' })
    for (const n of [0, 2, 3, 4]) await world.send(id, n)
    expect(await world.uploads.finish(world.caller, id, null)).toMatchObject({ sha256: world.digest })
  })

  test('when the connection breaks', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    const cut = handed()
    const sending = world.send(id, 0, { body: cut.body })
    await cut.give(world.file.subarray(0, 100))
    cut.fail(new Error('aborted'))
    await expect(sending).rejects.toMatchObject({ code: 'interrupted' })
    expect(await world.send(id, 0)).toMatchObject({ chunksReceived: 1 })
  })

  test('when the sender falls silent', async () => {
    const world = await receiveWorld({ silenceMs: 20 })
    const id = await world.open()
    const silent = handed()
    await expect(world.send(id, 0, { body: silent.body })).rejects.toMatchObject({ code: 'timed_out' })
  })

  test('when the key is revoked in the middle of it', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    const stop = new AbortController()
    const slow = handed()
    const sending = world.send(id, 0, { body: slow.body, signal: stop.signal })
    await slow.give(world.file.subarray(0, 100))
    stop.abort()
    await expect(sending).rejects.toMatchObject({ code: 'cancelled' })
    expect(await receivedRanges(world.bench.deps.db, id)).toEqual([])
  })

  test('of another owner’s upload, as of none', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    const mia = await peerCaller(world.bench, 'mia')
    await expect(world.send(id, 0, { caller: mia })).rejects.toMatchObject({ code: 'upload_not_found' })
    await expect(world.send('../../etc/passwd', 0)).rejects.toMatchObject({ code: 'upload_not_found' })
  })

  test('when nobody went on with the upload for a week', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    world.bench.setNow(world.bench.deps.clock.now() + 7 * 86_400_000 + 1)
    await expect(world.send(id, 0)).rejects.toMatchObject({ code: 'upload_not_found' })
  })

  test('when the partial file has gone: the upload is void then', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    await world.send(id, 1)
    rmSync(join(world.bench.deps.dataDir, 'uploads', `${id}.part`))
    await expect(world.send(id, 0)).rejects.toMatchObject({ code: 'upload_not_found' })
    expect(await world.uploads.status(world.caller, id)).toMatchObject({
      upload: { status: 'error' },
      received: [],
    })
    expect(await world.start()).toMatchObject({ kind: 'new' })
  })
})

describe('limits', () => {
  test('four chunks of one upload at a time; the fifth is told to wait a second', async () => {
    const world = await receiveWorld()
    const id = await world.open()
    const slow = [0, 1, 2, 3].map(() => handed())
    const sending = slow.map((one, n) => world.send(id, n, { body: one.body }))
    await settle()
    await expect(world.send(id, 4)).rejects.toMatchObject({
      code: 'upload_busy',
      facts: { limit: 4, retryAfterS: 1 },
    })
    for (const [n, one] of slow.entries()) {
      await one.give(world.file.subarray(n * chunkBytes, (n + 1) * chunkBytes))
      await one.give(null)
    }
    await Promise.all(sending)
    expect(await world.send(id, 4)).toMatchObject({ chunksReceived: 5 })
  })

  test('eight connections of one peer; others are not kept from sending', async () => {
    const world = await receiveWorld()
    const mia = await peerCaller(world.bench, 'mia')
    const ids: string[] = []
    for (const n of [1, 2, 3]) ids.push(await world.open({ filename: `tom_${n}_20260508.tar` }))
    const stop = new AbortController()
    const sending = ids
      .slice(0, 2)
      .flatMap((id) =>
        [0, 1, 2, 3].map((n) => world.send(id, n, { body: handed().body, signal: stop.signal })),
      )
    const ended = Promise.allSettled(sending)
    await settle()
    await expect(world.send(ids[2] ?? '', 0)).rejects.toMatchObject({
      code: 'upload_busy',
      facts: { limit: 8 },
    })
    const hers = await world.start({ filename: 'mia_one_20260508.tar' }, mia)
    if (hers.kind === 'present') throw new Error(hers.kind)
    expect(await world.send(hers.upload.id, 0, { caller: mia })).toMatchObject({ chunksReceived: 1 })
    stop.abort()
    await ended
    expect(await world.send(ids[2] ?? '', 0)).toMatchObject({ chunksReceived: 1 })
  })
})

test('a connection that fell silent is given up sooner when another one brings the same chunk', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const world = await receiveWorld()
  const id = await world.open()
  const ends = vi.fn<() => void>()
  const dead = world.send(id, 0, { body: handed().body }).finally(ends)
  const both = Promise.allSettled([dead, world.send(id, 0)])
  while (vi.getTimerCount() === 0) await settle()
  // A minute is what it may take otherwise.
  for (let passed = 0; passed < 20_000 && ends.mock.calls.length === 0; passed += 100) {
    await vi.advanceTimersByTimeAsync(100)
    await settle()
  }
  expect(ends).toHaveBeenCalledOnce()
  expect(await both).toMatchObject([
    { status: 'rejected', reason: { code: 'timed_out' } },
    { status: 'fulfilled', value: { received: 0, chunksReceived: 1 } },
  ])
})
