import { expect, test } from 'vitest'
import { Problem } from '../../domain/problem.ts'
import type { PeerHttp } from '../../sys/peer-http.ts'
import type { ChunkSource } from '../carrier.ts'
import { bytesOf, cargoOf, kib64, memoryChunks, noPauses, recordingIo } from './carrier-world.ts'
import { loopbackHttp } from './http-world.ts'
import { peerHttp } from './index.ts'
import { startReceiver, type Fault, type Receiver, type What } from './receiver-world.ts'

/** An archive of seven and a half chunks, a peer, and what sends it there. */
async function sending(options: { parallel?: number; receiver?: Receiver } = {}) {
  const bytes = bytesOf(7.5 * kib64)
  const receiver = options.receiver ?? (await startReceiver(kib64))
  const patience = noPauses()
  const chunks = memoryChunks(bytes)
  const cargo = cargoOf(bytes)
  const send = (io = recordingIo()) =>
    peerHttp(loopbackHttp(), patience).send(
      { target: receiver.target, cargo, chunks, parallel: options.parallel ?? 2 },
      io,
    )
  return { bytes, receiver, patience, chunks, cargo, send }
}

/** Faults for the first requests of a kind, in order. */
function first(what: What, ...faults: (Fault | null)[]): Receiver['fault'] {
  return (kind) => (kind === what ? (faults.shift() ?? null) : null)
}

const refusal = (status: number, code: string, retryAfterS?: number): Fault => ({
  how: 'refuse',
  status,
  code,
  ...(retryAfterS === undefined ? {} : { retryAfterS }),
})

test('an archive arrives whole in the chunk size that the peer asked for, in two slots', async () => {
  const { bytes, receiver, chunks, cargo, send } = await sending()
  const io = recordingIo()

  expect(await send(io)).toEqual({ alreadyThere: false, sizeBytes: bytes.length, sha256: cargo.sha256 })
  expect(receiver.archives.get(cargo.name)).toEqual(bytes)
  expect(chunks.asked).toEqual([
    [0, 2, 4, 6],
    [1, 3, 5, 7],
  ])
  expect([io.sent, io.throttled, io.done.at(-1)]).toEqual([bytes.length, bytes.length, bytes.length])
  expect(io.done).toHaveLength(9)
})

test('what is there already is not sent again', async () => {
  const { bytes, receiver, cargo, send } = await sending()
  receiver.archives.set(cargo.name, bytes)
  const io = recordingIo()

  expect(await send(io)).toMatchObject({ alreadyThere: true })
  expect([io.sent, io.done, receiver.requests]).toEqual([0, [bytes.length], ['start']])
})

test('a peer that claims to have it but has other bytes is not believed', async () => {
  const { bytes, receiver, cargo, send } = await sending()
  for (const other of [Buffer.from('something else'), bytesOf(bytes.length)]) {
    receiver.archives.set(cargo.name, other)
    await expect(send()).rejects.toMatchObject({ code: 'peer_answer_invalid' })
  }
})

test('a new attempt goes on where the last one stopped, without any memory of it', async () => {
  const { bytes, receiver, chunks, cargo, send } = await sending({ parallel: 1 })
  receiver.fault = (what, n) => (what === 'chunk' && n === 3 ? refusal(507, 'insufficient_storage') : null)
  await expect(send()).rejects.toMatchObject({ code: 'insufficient_storage' })
  expect(receiver.requests).not.toContain('delete')

  receiver.fault = () => null
  const io = recordingIo()
  await send(io)
  expect(chunks.asked.at(-1)).toEqual([3, 4, 5, 6, 7])
  expect([io.done[0], io.sent]).toEqual([3 * kib64, bytes.length - 3 * kib64])
  expect(receiver.archives.get(cargo.name)).toEqual(bytes)
})

test('a chunk that was damaged or cut on its way is sent again, the others are not', async () => {
  const { bytes, receiver, patience, cargo, send } = await sending()
  receiver.fault = first('chunk', null, refusal(400, 'chunk_digest_mismatch'), {
    how: 'cut',
    afterBytes: 30_000,
  })
  const io = recordingIo()
  await send(io)

  expect(receiver.archives.get(cargo.name)).toEqual(bytes)
  expect(receiver.requests.filter((one) => one.startsWith('chunk'))).toHaveLength(10)
  expect(patience.pauses).toHaveLength(2)
  expect(io.sent).toBeGreaterThan(bytes.length)
  expect(io.sent).toBeLessThanOrEqual(bytes.length + 2 * kib64)
})

test('a chunk that fails again and again ends the attempt, and with it the other slot', async () => {
  const { receiver, patience, send } = await sending()
  receiver.fault = (what, n) => {
    if (what !== 'chunk') return null
    return n === 0 ? refusal(500, 'internal') : { how: 'hang' }
  }

  await expect(send()).rejects.toMatchObject({
    code: 'peer_problem',
    facts: { code: 'internal', status: 500 },
  })
  expect(receiver.requests.filter((one) => one === 'chunk 0')).toHaveLength(4)
  expect(patience.pauses).toHaveLength(3)
  expect(receiver.requests).not.toContain('finish')
  expect(receiver.requests.filter((one) => one === 'chunk 1')).toHaveLength(1)
})

test('failures of different chunks do not add up', async () => {
  const { bytes, receiver, cargo, send } = await sending({ parallel: 1 })
  let asked = 0
  receiver.fault = (what) => (what === 'chunk' && asked++ % 3 !== 0 ? refusal(500, 'internal') : null)
  await send()
  expect(receiver.archives.get(cargo.name)).toEqual(bytes)
})

test('a busy peer is waited for as long as it says, unless that is for the engine to decide', async () => {
  const { receiver, patience, send } = await sending()
  receiver.fault = first('chunk', refusal(429, 'upload_busy', 7))
  await send()
  expect(patience.pauses).toEqual([7000])

  const other = await sending()
  other.receiver.fault = first('chunk', refusal(429, 'upload_busy', 600))
  await expect(other.send()).rejects.toMatchObject({ code: 'upload_busy', facts: { retryAfterS: 600 } })
  expect(other.patience.pauses).toEqual([])
})

test('an upload that the peer lost is started anew, once', async () => {
  const { bytes, receiver, cargo, send } = await sending()
  let lost = 0
  receiver.fault = (what, n) => {
    if (what === 'chunk' && n === 5 && lost++ === 0) receiver.uploads.clear()
    return null
  }
  await send()
  expect(receiver.archives.get(cargo.name)).toEqual(bytes)

  const other = await sending()
  other.receiver.fault = first('chunk', ...Array.from({ length: 50 }, () => refusal(404, 'upload_not_found')))
  await expect(other.send()).rejects.toMatchObject({ code: 'upload_not_found' })
  expect(other.receiver.requests.filter((one) => one === 'start')).toHaveLength(2)
})

test('chunks that the peer misses at the end are sent once more, three rounds at most', async () => {
  const { bytes, receiver, cargo, send } = await sending()
  let finishes = 0
  receiver.fault = (what) => {
    if (what === 'finish' && finishes++ < 2) for (const one of receiver.uploads.values()) one.has.delete(2)
    return null
  }
  const io = recordingIo()
  await send(io)
  expect(receiver.archives.get(cargo.name)).toEqual(bytes)
  expect(io.sent).toBe(bytes.length + 2 * kib64)

  const other = await sending()
  other.receiver.fault = (what) => {
    if (what === 'finish') for (const one of other.receiver.uploads.values()) one.has.delete(2)
    return null
  }
  await expect(other.send()).rejects.toMatchObject({ code: 'upload_incomplete' })
  expect(other.receiver.requests.filter((one) => one === 'chunk 2')).toHaveLength(3)
})

test('a lost answer to the end is asked for again', async () => {
  const { bytes, receiver, cargo, send } = await sending()
  receiver.fault = first('finish', { how: 'lose' }, { how: 'truncate' }, { how: 'html' })
  const io = recordingIo()

  expect(await send(io)).toMatchObject({ alreadyThere: false, sha256: cargo.sha256 })
  expect(io.sent).toBe(bytes.length)
})

test('an acknowledgement of another chunk is none', async () => {
  const { receiver, cargo, chunks } = await sending()
  const http = loopbackHttp()
  const lying: PeerHttp = {
    ...http,
    async request(target, asked) {
      const answer = await http.request(target, asked)
      const isChunk = asked.path.endsWith('/chunk/3')
      return isChunk ? { ...answer, json: { received: 4, chunks_received: 1, total_chunks: 8 } } : answer
    },
  }
  const order = { target: receiver.target, cargo, chunks, parallel: 1 }

  await expect(peerHttp(lying, noPauses()).send(order, recordingIo())).rejects.toMatchObject({
    code: 'peer_answer_invalid',
  })
  expect(receiver.requests.filter((one) => one === 'chunk 3')).toHaveLength(4)
})

test('a peer that received something else voids the upload, and that is told', async () => {
  const { receiver, send } = await sending()
  receiver.fault = (what) => {
    if (what === 'finish') for (const one of receiver.uploads.values()) one.bytes.fill(0, 0, 10)
    return null
  }
  await expect(send()).rejects.toMatchObject({ code: 'upload_checksum_mismatch' })
})

test('a cancelled upload is thrown away at the peer, one that is only stopped is not', async () => {
  for (const reason of ['cancelled', 'paused']) {
    const { receiver, send } = await sending()
    const io = recordingIo()
    receiver.fault = (what, n) => {
      if (what === 'chunk' && n === 3) io.stop.abort(reason)
      return null
    }
    await expect(send(io)).rejects.toBe(reason)
    expect(receiver.requests.includes('delete')).toBe(reason === 'cancelled')
    expect(receiver.uploads.size).toBe(reason === 'cancelled' ? 0 : 1)
  }
})

test('an archive that cannot be read ends the attempt with what the reader said', async () => {
  const { receiver, cargo, patience } = await sending()
  let reads = 0
  const chunks: ChunkSource = {
    async read([n = 0], chunkSize, onChunk) {
      reads += 1
      async function* bytes() {
        yield Buffer.alloc(100)
        // Of a connection this would be worth another try.
        throw new Problem('timed_out', { command: 'reader' })
      }
      await onChunk({ n, length: chunkSize, sha256: cargo.sha256, bytes: bytes() })
    },
  }
  const order = { target: receiver.target, cargo, chunks, parallel: 2 }

  await expect(peerHttp(loopbackHttp(), patience).send(order, recordingIo())).rejects.toMatchObject({
    code: 'timed_out',
  })
  expect([reads, patience.pauses]).toEqual([2, []])
})

test('an archive with fewer bytes than it had is not sent on', async () => {
  const { bytes, receiver, cargo, patience } = await sending()
  const shorter = memoryChunks(bytes.subarray(0, 7 * kib64))
  const chunks: ChunkSource = { read: (numbers, ...rest) => shorter.read(numbers.slice(0, 7), ...rest) }
  const order = { target: receiver.target, cargo, chunks, parallel: 1 }

  await expect(peerHttp(loopbackHttp(), patience).send(order, recordingIo())).rejects.toMatchObject({
    code: 'archive_truncated',
  })
  expect(receiver.requests).not.toContain('finish')
})

test.each([
  ['a chunk size of one byte', { chunk_size: 1, total_chunks: 7.5 * kib64 }],
  ['a number of chunks that does not fit', { total_chunks: 9 }],
  ['ranges outside the file', { received: [[0, 8]] }],
  ['ranges that run backwards', { received: [[4, 2]] }],
  ['an id that climbs out of its path', { upload_id: '../../x' }],
])('%s is not believed', async (_, lie) => {
  const json = {
    upload_id: 'x',
    chunk_size: kib64,
    total_chunks: 8,
    received: [],
    expires_at: '2026-05-15T10:00:00Z',
  }
  const { cargo, chunks, receiver } = await sending()
  const lying = {
    ...loopbackHttp(),
    request: async () => ({ status: 201, headers: {}, json: { ...json, ...lie } }),
  }
  const order = { target: receiver.target, cargo, chunks, parallel: 2 }

  await expect(peerHttp(lying, noPauses()).send(order, recordingIo())).rejects.toMatchObject({
    code: 'peer_answer_invalid',
  })
  expect(chunks.asked).toEqual([])
})
