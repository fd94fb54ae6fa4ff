import { PassThrough } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { array, assert, asyncProperty, constantFrom, nat, oneof, record, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { readAnswer, type LastFrame, type PassingFrame } from './helper-answer.ts'

type Sent = { readonly log: string } | { readonly data: Uint8Array }

const result = { t: 'result', value: 7 } as const

function line(frame: object): Buffer {
  return Buffer.from(`${JSON.stringify(frame)}\n`)
}

function bytesOf(sent: readonly Sent[]): Buffer {
  const parts = sent.map((one) =>
    'log' in one
      ? line({ t: 'log', stream: 'info', text: one.log })
      : Buffer.concat([line({ t: 'data', bytes: one.data.length }), one.data]),
  )
  return Buffer.concat([...parts, line(result)])
}

/** Neighbouring pieces of data as one: where they are cut means nothing. */
function joined(seen: readonly (string | Buffer)[]): (string | Buffer)[] {
  return seen.reduce<(string | Buffer)[]>((all, one) => {
    const last = all.at(-1)
    if (Buffer.isBuffer(one) && Buffer.isBuffer(last))
      return [...all.slice(0, -1), Buffer.concat([last, one])]
    return [...all, one]
  }, [])
}

/** Everything that happens by itself has happened: streams in memory need a few turns. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await nextTurn()
}

const sentItems = array(
  oneof(
    record({ log: constantFrom('a', 'two\nlines', 'é') }),
    record({ data: uint8Array({ minLength: 1, maxLength: 3000 }) }),
    // Bytes that look like frames.
    record({ data: constantFrom(line(result), Buffer.from('\n\n{"t":"data","bytes":5}\n')) }),
  ),
  { maxLength: 12 },
)

test('frames and data come in their order, however the bytes were cut and however slowly they are taken', async () => {
  await assert(
    asyncProperty(
      sentItems,
      array(nat(4000), { maxLength: 30 }),
      array(nat(3)),
      async (sent, cuts, waits) => {
        const output = new PassThrough()
        const seen: (string | Buffer)[] = []
        let busy = false
        let turn = 0
        const answer = readAnswer(output, {
          onFrame: (frame) => {
            expect(busy).toBe(false)
            if (frame.t === 'log') seen.push(frame.text)
          },
          onData: (bytes) => {
            expect(busy).toBe(false)
            seen.push(Buffer.from(bytes))
            turn += 1
            const rounds = waits[turn % Math.max(1, waits.length)] ?? 0
            if (rounds === 0) return undefined
            busy = true
            return (async () => {
              for (let i = 0; i < rounds; i += 1) await nextTurn()
              busy = false
            })()
          },
        })
        const bytes = bytesOf(sent)
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]
        for (const [i, start] of at.slice(0, -1).entries()) output.write(bytes.subarray(start, at[i + 1]))
        output.end()
        expect(await answer).toEqual(result)
        expect(busy).toBe(false)
        expect(joined(seen)).toEqual(
          joined(sent.map((one) => ('log' in one ? one.log : Buffer.from(one.data)))),
        )
      },
    ),
    { numRuns: 150 },
  )
})

test('while data is being taken nothing more is read, and the last frame has to wait', async () => {
  const output = new PassThrough({ highWaterMark: 1000 })
  const taken = Promise.withResolvers<void>()
  const seen: number[] = []
  let answered: LastFrame | null | undefined
  const answer = readAnswer(output, {
    onData: (bytes) => {
      seen.push(bytes.length)
      return seen.length === 1 ? taken.promise : undefined
    },
  })
  void answer.then((frame) => (answered = frame))
  output.write(
    Buffer.concat([
      line({ t: 'data', bytes: 3 }),
      Buffer.from('abc'),
      line({ t: 'data', bytes: 2 }),
      Buffer.from('de'),
    ]),
  )
  await settled()
  // It takes what the stream holds back at most, then the writer has to wait.
  expect(output.write(Buffer.concat([line({ t: 'data', bytes: 5000 }), Buffer.alloc(5000)]))).toBe(false)
  output.write(line(result))
  output.end()
  await settled()
  expect(seen).toEqual([3])
  expect(output.readableLength).toBeGreaterThan(5000)
  expect(answered).toBeUndefined()
  taken.resolve()
  expect(await answer).toEqual(result)
  expect(seen.reduce((sum, length) => sum + length, 0)).toBe(5005)
})

test('when the other side has ended, what is still waiting is handed out before the answer', async () => {
  const output = new PassThrough()
  const gate = Promise.withResolvers<void>()
  let taken = 0
  const answer = readAnswer(output, {
    onData: (bytes) => {
      taken += bytes.length
      return gate.promise
    },
  })
  output.write(bytesOf([{ data: Buffer.alloc(10) }, { data: Buffer.alloc(20) }]))
  output.end()
  await settled()
  // As a process does when it ends: it pushes out what nobody reads.
  output.resume()
  await settled()
  expect(taken).toBe(10)
  gate.resolve()
  expect(await answer).toEqual(result)
  expect(taken).toBe(30)
})

test('a listener that fails ends the answer, and the rest is read away', async () => {
  for (const fail of [
    () => {
      throw new Error('no room')
    },
    () => Promise.reject(new Error('no room')),
  ]) {
    const output = new PassThrough({ highWaterMark: 100 })
    const answer = readAnswer(output, { onData: fail })
    output.write(bytesOf([{ data: Buffer.alloc(10) }, { data: Buffer.alloc(5000) }]))
    await expect(answer).rejects.toThrow('no room')
    await settled()
    expect(output.readableLength).toBe(0)
  }
})

test('after an abort nobody is waited for: data is thrown away and the last frame counts', async () => {
  const output = new PassThrough({ highWaterMark: 100 })
  const stop = new AbortController()
  const frames: PassingFrame[] = []
  let pieces = 0
  const answer = readAnswer(output, {
    signal: stop.signal,
    onFrame: (frame) => frames.push(frame),
    onData: () => {
      pieces += 1
      return new Promise(() => undefined)
    },
  })
  output.write(Buffer.concat([line({ t: 'data', bytes: 3 }), Buffer.from('abc')]))
  await settled()
  output.write(Buffer.concat([line({ t: 'data', bytes: 9000 }), Buffer.alloc(9000)]))
  stop.abort()
  output.end(bytesOf([{ log: 'stopped' }]))
  expect(await answer).toEqual(result)
  expect(pieces).toBe(1)
  expect(frames).toMatchObject([{ text: 'stopped' }])
})

test.each([
  ['in the middle of data', Buffer.concat([line({ t: 'data', bytes: 100 }), Buffer.alloc(40)])],
  ['in the middle of a line', Buffer.from('{"t":"result","val')],
  ['without a word', Buffer.alloc(0)],
])('an answer that is cut off %s is none', async (_, bytes) => {
  const output = new PassThrough()
  const answer = readAnswer(output, { onData: () => nextTurn() })
  output.end(bytes)
  expect(await answer).toBeNull()
})

test.each([
  ['no frame', Buffer.from('hello\n')],
  ['a frame of no bytes', line({ t: 'data', bytes: 0 })],
  ['a frame that is too large', line({ t: 'data', bytes: 1_048_577 })],
])('%s is refused', async (_, bytes) => {
  const output = new PassThrough()
  const answer = readAnswer(output, {})
  output.write(bytes)
  await expect(answer).rejects.toMatchObject({ code: 'helper_unavailable' })
})
