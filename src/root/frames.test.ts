import { createHash } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readAnswer } from '../sys/helper-answer.ts'
import { frameWriter } from './frames.ts'

test('data arrives as it was, whatever its size, and the caller’s buffer is free at once', async () => {
  const pipe = new PassThrough()
  const frames = frameWriter(pipe, () => undefined)
  const sizes = [1, 0, 70_000, 3 * 1024 * 1024 + 5]
  const given = Buffer.concat(sizes.map((size, i) => Buffer.alloc(size, i + 1)))
  const received: Buffer[] = []
  const answer = readAnswer(pipe, { onData: (bytes) => void received.push(Buffer.from(bytes)) })
  const buffer = Buffer.alloc(4 * 1024 * 1024)
  for (const [i, size] of sizes.entries()) {
    buffer.fill(i + 1, 0, size)
    await frames.data(buffer.subarray(0, size))
    buffer.fill(0xff)
  }
  expect(await frames.finish({ t: 'result', value: null })).toBe(true)
  expect(await answer).toEqual({ t: 'result', value: null })
  expect(Buffer.concat(received).equals(given)).toBe(true)
})

test('who hands data over waits while the reader is behind', async () => {
  const pipe = new PassThrough({ highWaterMark: 1000 })
  const frames = frameWriter(pipe, () => undefined)
  const waiting = frames.data(Buffer.alloc(100_000))
  let free = false
  void waiting?.then(() => (free = true))
  for (let turn = 0; turn < 20; turn += 1) await nextTurn()
  expect(waiting).toBeDefined()
  expect(free).toBe(false)
  pipe.resume()
  await waiting
  expect(free).toBe(true)
})

test('a reader that goes away frees who waits', async () => {
  const pipe = new PassThrough({ highWaterMark: 10 })
  let gone = 0
  const frames = frameWriter(pipe, () => (gone += 1))
  const waiting = frames.data(Buffer.alloc(1000))
  pipe.destroy()
  await waiting
  expect(gone).toBe(1)
  expect(frames.data(Buffer.alloc(1000))).toBeUndefined()
})

test('progress never comes between a piece’s length and its bytes', async () => {
  const pipe = new PassThrough()
  const frames = frameWriter(pipe, () => undefined)
  const progress: number[] = []
  const [sent, received] = [createHash('sha256'), createHash('sha256')]
  const answer = readAnswer(pipe, {
    onData: (bytes) => void received.update(bytes),
    onFrame: (frame) => void (frame.t === 'progress' && progress.push(frame.done)),
  })
  let pieces = 0
  // Progress is sent by a timer, whatever happens meanwhile.
  while (progress.length < 3) {
    pieces += 1
    const piece = Buffer.alloc(1 + (pieces % 700), pieces)
    frames.progress(pieces, null)
    sent.update(piece)
    await frames.data(piece)
    await nextTurn()
  }
  await frames.finish({ t: 'result', value: null })
  expect(await answer).toEqual({ t: 'result', value: null })
  expect(received.digest('hex')).toBe(sent.digest('hex'))
  expect(progress.at(-1)).toBe(pieces)
})
