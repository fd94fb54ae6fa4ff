import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Problem } from '../../domain/problem.ts'
import type { PassingFrame } from '../../sys/helper-answer.ts'
import type { Helper, HelperCall } from '../../sys/helper-client.ts'
import { chunkSource } from './chunk-source.ts'

const CHUNK = 10
const file = Buffer.from('0123456789abcdefghijABCDEFGHIJxyz')
const archive = { name: 'a', sizeBytes: file.length }
const never = new AbortController().signal

/** A helper that reads the file above in pieces of four bytes, and waits as the real one does. */
function reader(change: { readonly fail?: Problem; readonly most?: number } = {}) {
  const given: number[] = []
  const state = { pieces: 0, ended: false, given }
  const helper = {
    async call(_verb: string, args: { chunks: number[]; chunkSize: number }, call: HelperCall) {
      try {
        for (const n of args.chunks.slice(0, change.most)) {
          const bytes = file.subarray(n * args.chunkSize, (n + 1) * args.chunkSize)
          const frame: PassingFrame = { t: 'chunk', n, bytes: bytes.length, sha256: sha(bytes) }
          call.onFrame?.(frame)
          given.push(n)
          for (let at = 0; at < bytes.length; at += 4) {
            if (change.fail && at > 0) throw change.fail
            state.pieces += 1
            const aborted = new Promise<void>((go) => call.signal?.addEventListener('abort', () => go()))
            await Promise.race([call.onData?.(bytes.subarray(at, at + 4)), aborted])
            if (call.signal?.aborted) throw new Problem('cancelled')
          }
        }
        return { bytes: 0 }
      } finally {
        state.ended = true
      }
    },
  } as unknown as Helper
  return { helper, state }
}

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function all(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

describe('a source of chunks', () => {
  test('hands over those that were asked for, in order, each with its hash', async () => {
    const { helper } = reader()
    const got: string[] = []
    await chunkSource({ helper }, archive).read(
      [2, 0, 3],
      CHUNK,
      async ({ n, length, sha256, bytes }) => {
        const text = await all(bytes)
        expect(sha256).toBe(sha(Buffer.from(text)))
        got.push(`${n} ${length} ${text}`)
      },
      never,
    )
    expect(got).toEqual(['2 10 ABCDEFGHIJ', '0 10 0123456789', '3 3 xyz'])
  })

  test('reads no further than somebody takes', async () => {
    const { helper, state } = reader()
    await chunkSource({ helper }, archive).read(
      [0, 1],
      CHUNK,
      async ({ n, bytes }) => {
        let taken = 0
        for await (const _ of bytes) {
          taken += 1
          expect(state.pieces).toBe(n * 3 + taken)
        }
        // Nor does the next chunk begin before this one is done with.
        await new Promise((resolve) => setImmediate(resolve))
        expect(state.given).toHaveLength(n + 1)
      },
      never,
    )
  })

  test('goes on with the next one when somebody takes only a part', async () => {
    const { helper } = reader()
    const seen: number[] = []
    await chunkSource({ helper }, archive).read(
      [0, 1, 2],
      CHUNK,
      async ({ n, bytes }) => {
        seen.push(n)
        for await (const _ of bytes) if (n === 1) break
      },
      never,
    )
    expect(seen).toEqual([0, 1, 2])
  })

  test('stops the helper and fails as whoever takes them failed', async () => {
    const { helper, state } = reader()
    const failed = chunkSource({ helper }, archive).read(
      [0, 1],
      CHUNK,
      () => Promise.reject(new Problem('peer_unreachable', { detail: 'gone' })),
      never,
    )
    await expect(failed).rejects.toMatchObject({ code: 'peer_unreachable' })
    expect(state).toMatchObject({ given: [0], ended: true })
  })

  test('fails as the helper failed, and so does whoever is reading', async () => {
    const problem = new Problem('archive_truncated', { archive: 'a' })
    const { helper } = reader({ fail: problem })
    let seen: unknown = null
    const failed = chunkSource({ helper }, archive).read(
      [0],
      CHUNK,
      async ({ bytes }) => {
        await all(bytes).catch((error: unknown) => {
          seen = error
          throw error
        })
      },
      never,
    )
    await expect(failed).rejects.toBe(problem)
    expect(seen).toBe(problem)
  })

  test('stops when it is told to, also in the middle of a chunk', async () => {
    const { helper, state } = reader()
    const stop = new AbortController()
    const failed = chunkSource({ helper }, archive).read(
      [0],
      CHUNK,
      async ({ bytes }) => {
        for await (const _ of bytes) {
          stop.abort('interrupted')
          await new Promise((resolve) => setImmediate(resolve))
        }
      },
      stop.signal,
    )
    await expect(failed).rejects.toBe('interrupted')
    expect(state.ended).toBe(true)
  })

  test('notices chunks that do not come', async () => {
    const { helper } = reader({ most: 1 })
    const failed = chunkSource({ helper }, archive).read(
      [0, 1],
      CHUNK,
      async ({ bytes }) => void (await all(bytes)),
      never,
    )
    await expect(failed).rejects.toMatchObject({ code: 'archive_truncated' })
  })
})
