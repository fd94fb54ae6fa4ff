// Archives come in over the API: the real server, the real root helper, real connections; cut, lied to and killed at any moment.
import type { ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tarFile } from '../../src/archive/tar-header.ts'
import { createTestServer, type TestServer } from '../support/server.ts'

const chunkBytes = 65_536
const info = {
  description: 'photos',
  created_at: 1_778_234_400,
  size: 300_000,
  size_details: { system: { data_custom: 300_000 }, apps: {} },
  apps: {},
  system: { data_custom: ['/etc/yunohost/hooks.d/backup/95-data_custom'] },
  from_yunohost_version: '12.1.36',
}

let server: TestServer
let serving: ChildProcess
let key = ''
let count = 0

beforeAll(async () => {
  server = await createTestServer()
  const made = await server.cli(['token', 'create', 'sender', '--scopes', 'read,upload'])
  key = /[0-9a-f]{64}/.exec(made.stdout)?.[0] ?? ''
  if (key === '') throw new Error(`no token: ${made.stdout}${made.stderr}`)
  serving = await server.serve()
})
afterAll(() => server.dispose())

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<Answer> {
  const raw = body instanceof Uint8Array
  const answer = await fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: {
      'X-BackupManager-Key': key,
      ...(body === undefined
        ? {}
        : { 'Content-Type': raw ? 'application/octet-stream' : 'application/json' }),
      ...more,
    },
    ...(body === undefined
      ? {}
      : { body: raw ? Buffer.from(body) : typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  return {
    status: answer.status,
    headers: answer.headers,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  }
}

/** A tar of one file with random bytes, cut where it has so many: nobody looks at its end before it is restored. */
function tarOf(sizeBytes: number): Buffer {
  return tarFile('data/custom/photo.jpg', randomBytes(sizeBytes), 0).subarray(0, sizeBytes)
}

/** A file under a name of its own, and how to send it. */
function sending(sizeBytes = 4 * chunkBytes + 1000) {
  count += 1
  const file = tarOf(sizeBytes)
  const name = `tom_photos-${count}_20260508`
  const checksum = createHash('sha256').update(file).digest('hex')
  const part = (n: number) => file.subarray(n * chunkBytes, (n + 1) * chunkBytes)
  return {
    file,
    name,
    checksum,
    part,
    chunks: Math.ceil(sizeBytes / chunkBytes),
    start: (change: Record<string, unknown> = {}) =>
      call('POST', '/archives/upload/start', {
        filename: `${name}.tar`,
        total_size: file.length,
        chunk_size: chunkBytes,
        checksum,
        info,
        ...change,
      }),
    chunk: (id: string, n: number, more: Record<string, string> = {}) =>
      call('POST', `/archives/upload/${id}/chunk/${n}`, part(n), {
        'Content-Digest': digestOf(part(n)),
        ...more,
      }),
    async open(): Promise<string> {
      const started = await this.start()
      expect(started.status).toBe(201)
      return String(started.body['upload_id'])
    },
    async sendAll(id: string): Promise<void> {
      for (let n = 0; n < this.chunks; n += 1) expect((await this.chunk(id, n)).status).toBe(200)
    },
    finish: (id: string) => call('POST', `/archives/upload/${id}/finish`, {}),
    async expectThere(): Promise<void> {
      const there = await readFile(join(server.archivesDir, `${name}.tar`))
      expect(there.equals(file)).toBe(true)
      const sidecar: unknown = JSON.parse(
        await readFile(join(server.archivesDir, `${name}.info.json`), 'utf8'),
      )
      expect(sidecar).toEqual(info)
      const { items: listed } = (await server.json(['archive', 'list'])) as {
        readonly items: readonly { readonly name: string }[]
      }
      expect(listed.filter((one) => one.name === name)).toMatchObject([
        { name, sha256: checksum, state: 'ok', origin: 'received', size_bytes: file.length },
      ])
    },
  }
}

function digestOf(bytes: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
}

async function parts(): Promise<string[]> {
  const files = await readdir(join(server.dataDir, 'uploads')).catch(() => [])
  return files.filter((file) => file.endsWith('.part'))
}

/** Writes what a correct client never would; what came back before the end of the connection, or within two seconds. */
async function raw(
  head: readonly string[],
  body: Uint8Array,
  options: { readonly cut?: boolean } = {},
): Promise<string> {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  let said = ''
  socket.setEncoding('utf8').on('data', (text: string) => (said += text))
  socket.on('error', () => undefined)
  socket.write(`${[...head, `Host: ${hostname}`, `X-BackupManager-Key: ${key}`].join('\r\n')}\r\n\r\n`)
  socket.write(body)
  if (options.cut === true) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    socket.destroy()
    return said
  }
  const closed = once(socket, 'close')
  const late = setTimeout(() => socket.destroy(), 2000)
  while (!/\r\n\r\n.*\}/s.test(said) && !socket.destroyed)
    await new Promise((resolve) => setTimeout(resolve, 10))
  socket.destroy()
  await closed
  clearTimeout(late)
  return said
}

async function killAndServe(): Promise<void> {
  const gone = once(serving, 'exit')
  serving.kill('SIGKILL')
  await gone
  serving = await server.serve()
}

describe('an archive', () => {
  test('arrives in any order, four chunks at once, some twice, and appears whole with its sidecar', async () => {
    const one = sending(9 * chunkBytes + 1)
    const id = await one.open()
    const order = [7, 2, 9, 0, 2, 5, 1, 9, 3, 8, 6, 4]
    for (let at = 0; at < order.length; at += 4) {
      const answers = await Promise.all(order.slice(at, at + 4).map((n) => one.chunk(id, n)))
      expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200])
    }
    expect(await call('GET', `/archives/upload/${id}`)).toMatchObject({
      status: 200,
      body: { received: [[0, 9]], status: 'in_progress', filename: `${one.name}.tar` },
    })
    const finished = await one.finish(id)
    expect(finished).toMatchObject({
      status: 201,
      body: { name: one.name, size_bytes: one.file.length, sha256: one.checksum },
    })
    await one.expectThere()
    expect((await one.finish(id)).body).toEqual(finished.body)
    expect(await one.start()).toMatchObject({ status: 200, body: { already_present: true } })
    expect(await parts()).not.toContain(`${id}.part`)
  })

  test('that is started again says what is there, and 409 names what is missing', async () => {
    const one = sending()
    const id = await one.open()
    await one.chunk(id, 1)
    expect(await one.start()).toMatchObject({ status: 200, body: { upload_id: id, received: [[1, 1]] } })
    expect(await one.finish(id)).toMatchObject({
      status: 409,
      body: {
        code: 'upload_incomplete',
        missing: [
          [0, 0],
          [2, 4],
        ],
      },
    })
    expect((await call('DELETE', `/archives/upload/${id}`)).status).toBe(204)
    expect((await call('DELETE', `/archives/upload/${id}`)).status).toBe(204)
    expect((await one.chunk(id, 0)).status).toBe(404)
    expect(await parts()).not.toContain(`${id}.part`)
  })
})

describe('a start is refused', () => {
  test.each([
    ['a total size of 0', { total_size: 0 }, 422, 'validation_failed'],
    ['a negative one', { total_size: -1 }, 422, 'validation_failed'],
    ['2^60 bytes', { total_size: 2 ** 60 }, 422, 'validation_failed'],
    ['half a byte', { total_size: 1.5 }, 422, 'validation_failed'],
    ['a size as text', { total_size: '1000' }, 422, 'validation_failed'],
    ['chunks of one byte', { chunk_size: 1 }, 422, 'validation_failed'],
    ['a slash in the name', { filename: 'a/b.tar' }, 422, 'name_invalid'],
    ['dot-dot', { filename: '../../../etc/cron.d/x.tar' }, 422, 'name_invalid'],
    ['a NUL', { filename: 'a\0b.tar' }, 422, 'name_invalid'],
    ['a right-to-left mark', { filename: 'a\u202Eb.tar' }, 422, 'name_invalid'],
    ['a name of 300 bytes', { filename: `${'a'.repeat(296)}.tar` }, 422, 'name_invalid'],
    ['a longer one', { filename: `${'a'.repeat(5000)}.tar` }, 422, 'validation_failed'],
    ['a checksum of another form', { checksum: 'XYZ' }, 422, 'validation_failed'],
    ['no sidecar', { info: null }, 422, 'validation_failed'],
    ['a sidecar that YunoHost could not use', { info: {} }, 422, 'validation_failed'],
  ])('with %s', async (_, change, status, code) => {
    const before = await parts()
    const answer = await sending().start(change)
    expect(answer).toMatchObject({ status, body: { code, status } })
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(await parts()).toEqual(before)
  })

  test('with a body that is no JSON, nested 10,000 deep, or too large', async () => {
    const path = '/archives/upload/start'
    expect((await call('POST', path, '{')).status).toBe(400)
    expect((await call('POST', path, `{"info":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)).status).toBe(400)
    const head = ['POST /api/v1/archives/upload/start HTTP/1.1', 'Content-Type: application/json']
    const said = await raw([...head, 'Content-Length: 104857600'], Buffer.alloc(1000))
    expect(said).toMatch(/^HTTP\/1\.1 413 /)
  })
})

describe('a chunk is refused', () => {
  const head = (id: string, n: number, length: number | string, digest: string) => [
    `POST /api/v1/archives/upload/${id}/chunk/${n} HTTP/1.1`,
    'Content-Type: application/octet-stream',
    `Content-Length: ${length}`,
    `Content-Digest: ${digest}`,
  ]

  test('whose Content-Length is another, before it is sent', async () => {
    const one = sending()
    const id = await one.open()
    const digest = digestOf(one.part(0))
    for (const length of [chunkBytes + 1, 2 ** 40, chunkBytes - 1, 0]) {
      const said = await raw(head(id, 0, length, digest), Buffer.alloc(0))
      expect(said).toMatch(/^HTTP\/1\.1 400 /)
      expect(said).toContain('chunk_size_mismatch')
    }
    expect((await call('GET', `/archives/upload/${id}`)).body['received']).toEqual([])
  })

  test('without a length, without a digest, with a wrong digest, with a number out of range', async () => {
    const one = sending()
    const id = await one.open()
    const path = `/archives/upload/${id}/chunk/0`
    const chunked = await raw(
      [
        `POST /api/v1${path} HTTP/1.1`,
        'Transfer-Encoding: chunked',
        `Content-Digest: ${digestOf(one.part(0))}`,
      ],
      Buffer.from('0\r\n\r\n'),
    )
    expect(chunked).toMatch(/^HTTP\/1\.1 411 /)
    expect(await call('POST', path, one.part(0))).toMatchObject({
      status: 400,
      body: { code: 'request_invalid' },
    })
    expect(await one.chunk(id, 0, { 'Content-Digest': digestOf(Buffer.from('other')) })).toMatchObject({
      status: 400,
      body: { code: 'chunk_digest_mismatch' },
    })
    const wrong = { 'Content-Digest': digestOf(one.part(0)) }
    for (const n of ['5', '-1', '1.5', '99999999999999999999']) {
      expect(await call('POST', `/archives/upload/${id}/chunk/${n}`, one.part(0), wrong)).toMatchObject({
        status: 400,
        body: { code: 'chunk_out_of_range' },
      })
    }
    expect((await call('POST', `/archives/upload/${id}/chunk/x`, one.part(0), wrong)).status).toBe(422)
    expect((await call('GET', `/archives/upload/${id}`)).body['received']).toEqual([])
  })

  test('when its connection is cut; the same chunk is taken afterwards', async () => {
    const one = sending()
    const id = await one.open()
    const bytes = one.part(0)
    await raw(head(id, 0, chunkBytes, digestOf(bytes)), bytes.subarray(0, 30_000), { cut: true })
    expect((await call('GET', `/archives/upload/${id}`)).body['received']).toEqual([])
    await one.sendAll(id)
    expect((await one.finish(id)).status).toBe(201)
    await one.expectThere()
  })

  test('of an upload that nobody began', async () => {
    const one = sending()
    expect(await one.chunk('00000000-0000-4000-8000-000000000000', 0)).toMatchObject({
      status: 404,
      body: { code: 'upload_not_found' },
    })
    expect((await one.chunk('..%2f..%2fetc', 0)).status).toBe(404)
  })
})

test('a file that is not what was said is thrown away', async () => {
  const one = sending()
  const started = await one.start({ checksum: 'b'.repeat(64) })
  const id = String(started.body['upload_id'])
  await one.sendAll(id)
  expect(await one.finish(id)).toMatchObject({ status: 422, body: { code: 'upload_checksum_mismatch' } })
  expect(await one.finish(id)).toMatchObject({ status: 422, body: { code: 'upload_checksum_mismatch' } })
  expect(await parts()).not.toContain(`${id}.part`)
  await expect(stat(join(server.archivesDir, `${one.name}.tar`))).rejects.toThrow('ENOENT')
})

describe('when the server is killed', () => {
  test('in the middle of a chunk, what was acknowledged is there, and the rest can be sent', async () => {
    const one = sending()
    const id = await one.open()
    await one.chunk(id, 3)
    await one.chunk(id, 0)
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname).on('error', () => undefined)
    await once(socket, 'connect')
    const path = `POST /api/v1/archives/upload/${id}/chunk/1 HTTP/1.1`
    const headers = [
      path,
      `Host: ${hostname}`,
      `X-BackupManager-Key: ${key}`,
      `Content-Length: ${chunkBytes}`,
    ]
    socket.write(`${[...headers, `Content-Digest: ${digestOf(one.part(1))}`].join('\r\n')}\r\n\r\n`)
    socket.write(one.part(1).subarray(0, 40_000))
    await new Promise((resolve) => setTimeout(resolve, 200))
    await killAndServe()
    socket.destroy()
    expect(await one.start()).toMatchObject({
      status: 200,
      body: {
        upload_id: id,
        received: [
          [0, 0],
          [3, 3],
        ],
      },
    })
    for (const n of [4, 2, 1]) await one.chunk(id, n)
    expect((await one.finish(id)).status).toBe(201)
    await one.expectThere()
  })

  test.each([0, 20, 60, 120, 200, 300])(
    'about %i ms after finish was asked, asking again makes exactly one archive',
    async (delay) => {
      const one = sending()
      const id = await one.open()
      await one.sendAll(id)
      const lost = one.finish(id).catch(() => null)
      await new Promise((resolve) => setTimeout(resolve, delay))
      await killAndServe()
      await lost
      expect(await one.start()).toMatchObject({ status: 200 })
      expect(await one.finish(id)).toMatchObject({
        status: 201,
        body: { name: one.name, size_bytes: one.file.length, sha256: one.checksum },
      })
      await one.expectThere()
      expect(await parts()).not.toContain(`${id}.part`)
    },
  )
})
