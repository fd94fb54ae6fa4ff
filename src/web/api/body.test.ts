// What may come as JSON, and what is refused before or while it is read.
import { Hono } from 'hono'
import { beforeEach, describe, expect, test } from 'vitest'
import { apiBench, problemOf, type ApiBench, type TestKey } from '../../../test/support/api.ts'
import { isProblem } from '../../domain/problem.ts'
import { depthOf, readJson } from './body.ts'
import type { ApiEnv } from './frame.ts'

describe('a body', () => {
  let bench: ApiBench
  let key: TestKey
  beforeEach(async () => {
    bench = await apiBench()
    key = await bench.script('admin')
  })
  const what = 'POST /archives/nothing/transfer'

  test('that is no JSON, no UTF-8, or of another type is 400', async () => {
    const json = { 'content-type': 'application/json' }
    const bad = [
      { body: '{"a":', headers: json },
      { body: '', headers: { ...json, 'content-length': '1' } },
      { body: new Uint8Array([0x22, 0xff, 0xfe, 0x22]), headers: json },
      { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      { body: '{}' },
      { body: '{}', headers: { ...json, 'content-length': 'two' } },
      { body: '{}', headers: { ...json, 'content-length': '-2' } },
    ]
    for (const ask of bad) {
      expect(await problemOf(await bench.ask(what, { key, ...ask }))).toBe('400 request_invalid')
    }
  })

  test('of JSON with a charset is read', async () => {
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' }
    const answer = await bench.ask(what, { key, headers, body: '{"destination_id":1}' })
    expect(await problemOf(answer)).toBe('404 archive_not_found')
  })

  test('that names no length is refused, that of no length is none', async () => {
    const { app } = bench.web
    const ask = (body: string | null) =>
      app.request(
        '/api/v1/archives/nothing/transfer',
        {
          method: 'POST',
          body,
          headers: { 'x-backupmanager-key': key.secret },
          duplex: 'half',
        },
        {},
      )
    expect(await problemOf(await ask('{"destination_id":1}'))).toBe('411 length_required')
    expect(await problemOf(await ask(null))).toBe('422 validation_failed')
    const nothing = await bench.ask(what, { key, headers: { 'content-length': '0' } })
    expect(await problemOf(nothing)).toBe('422 validation_failed')
  })

  test('of more than 1 MiB is refused before a byte of it is read', async () => {
    let pulled = 0
    const body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulled += 1
          controller.enqueue(new Uint8Array(65_536))
        },
      },
      { highWaterMark: 0 },
    )
    const headers = {
      'x-backupmanager-key': key.secret,
      'content-type': 'application/json',
      'content-length': '104857600',
    }
    const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit
    const answer = await bench.web.app.request('/api/v1/archives/nothing/transfer', init, {})
    expect(await problemOf(answer)).toBe('413 body_too_large')
    expect(pulled).toBe(0)
  })

  test('that is larger than it says is refused, too', async () => {
    const headers = { 'content-type': 'application/json', 'content-length': '20' }
    const body = `{"a":"${'x'.repeat(1_100_000)}"}`
    expect(await problemOf(await bench.ask(what, { key, headers, body }))).toBe('413 body_too_large')
  })

  test('that is nested 10,000 deep is refused, 64 deep is not', async () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
    const headers = { 'content-type': 'application/json' }
    const ask = (body: string) => bench.ask(what, { key, headers, body })
    expect(await problemOf(await ask(nested(10_000)))).toBe('400 request_invalid')
    expect(await problemOf(await ask(nested(65)))).toBe('400 request_invalid')
    expect(await problemOf(await ask(nested(64)))).toBe('422 validation_failed')
    expect(await problemOf(await ask(`{"x":"${'['.repeat(100)}","destination_id":1}`))).toBe(
      '404 archive_not_found',
    )
  })

  test('that breaks the schema names the fields, in words', async () => {
    const answer = await bench.ask('POST /archives/upload/start', {
      key,
      json: { filename: 7, total_size: 0, chunk_size: '1', checksum: 'zz', info: {} },
    })
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
    expect(await answer.json()).toMatchObject({
      type: '/api/v1/problems#validation_failed',
      status: 422,
      code: 'validation_failed',
      errors: [
        { field: 'filename', message: 'This must be a text.' },
        { field: 'total_size', message: expect.stringMatching(/out of range/) },
        { field: 'chunk_size', message: 'This must be a whole number.' },
        { field: 'checksum', message: 'This is not one of the possible values.' },
      ],
    })
    const missing = await bench.ask('POST /archives/upload/start', { key, json: {} })
    expect(await missing.json()).toMatchObject({
      errors: expect.arrayContaining([{ field: 'filename', message: 'This is needed.' }]),
    })
  })

  test('is not looked at without a key that allows it', async () => {
    const headers = { 'content-type': 'application/json' }
    expect((await bench.ask(what, { headers, body: '{"broken' })).status).toBe(401)
    const reader = await bench.script('read')
    expect((await bench.ask(what, { key: reader, headers, body: '{"broken' })).status).toBe(403)
  })
})

test.each([
  ['of 10 bytes of which one comes', { 'content-length': '10' }, [0x7b]],
  ['of 10 bytes of which none comes', { 'content-length': '10' }, []],
  ['of a length that nobody states', {}, []],
])('a body that does not come is not waited for: %s', async (_, stated, bytes) => {
  const app = new Hono<ApiEnv>()
  let failure: unknown
  app.post('/', async (c) => {
    failure = await readJson(c, { withinMs: 20 }).catch((error: unknown) => error)
    return c.text('')
  })
  const body = new ReadableStream<Uint8Array>({
    start: (to) => void (bytes.length > 0 && to.enqueue(new Uint8Array(bytes))),
  })
  const headers = { 'content-type': 'application/json', ...stated }
  await app.request('/', { method: 'POST', body, headers, duplex: 'half' })
  expect(isProblem(failure, 'request_invalid')).toBe(true)
})

test.each([
  ['1', 0],
  ['{}', 1],
  ['[{"a":[]}]', 3],
  ['["[[[["]', 1],
  [String.raw`["\"[[[[",[]]`, 2],
  [String.raw`["\\",[[]]]`, 3],
  [']]]][[', 0],
])('the depth of %s is %i', (text, depth) => {
  expect(depthOf(text)).toBe(depth)
})
