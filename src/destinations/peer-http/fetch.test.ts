import { once } from 'node:events'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { exists } from '../../sys/files.ts'
import { bytesOf, cargoOf, kib64, noPauses, recordingIo } from './carrier-world.ts'
import { loopbackHttp } from './http-world.ts'
import { peerHttp } from './index.ts'
import { startReceiver, type Fault } from './receiver-world.ts'

const size = 7.5 * kib64

/** A peer that has an archive, and what fetches it. */
async function fetching() {
  const bytes = bytesOf(size)
  const wanted = cargoOf(bytes)
  const receiver = await startReceiver(kib64)
  receiver.archives.set(wanted.name, bytes)
  const part = join(await temporaryFolder(), 'archive.part')
  const patience = noPauses()
  const fetch = (io = recordingIo(), target = receiver.target) =>
    peerHttp(loopbackHttp(), patience).fetch({ target, wanted, part }, io)
  return { bytes, wanted, receiver, part, patience, fetch }
}

/** A peer that answers every download in its own way. */
async function peerThat(answers: RequestListener) {
  const server = createServer(answers).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, key: null, certPin: null }
}

test('an archive comes whole, at the speed that is allowed, and its progress is told', async () => {
  const { bytes, wanted, part, fetch } = await fetching()
  const io = recordingIo()

  expect(await fetch(io)).toEqual({ sizeBytes: size, sha256: wanted.sha256 })
  expect(await readFile(part)).toEqual(bytes)
  expect([io.sent, io.throttled, io.done.at(-1)]).toEqual([size, size, size])
})

test('it goes on from what an earlier attempt left', async () => {
  const { bytes, part, receiver, fetch } = await fetching()
  await writeFile(part, bytes.subarray(0, 100_000))
  const io = recordingIo()
  await fetch(io)

  expect(await readFile(part)).toEqual(bytes)
  expect([io.done[0], io.sent, receiver.bytesOut]).toEqual([100_000, size - 100_000, size - 100_000])
})

test('nothing is asked for when everything is there already', async () => {
  const { bytes, part, receiver, fetch } = await fetching()
  await writeFile(part, bytes)
  await fetch()
  expect(receiver.requests).toEqual([])
})

test.each([
  ['longer than the archive', (bytes: Buffer) => Buffer.concat([bytes, bytes])],
  ['not its beginning', () => bytesOf(90_000)],
  ['as long, but something else', () => bytesOf(size)],
])('a part that is %s is started anew', async (_, leftover) => {
  const { bytes, part, fetch } = await fetching()
  await writeFile(part, leftover(bytes))
  await fetch()
  expect(await readFile(part)).toEqual(bytes)
})

test('a part that is a symbolic link is not followed', async () => {
  const { part, fetch } = await fetching()
  await writeFile(`${part}.other`, 'precious')
  await symlink(`${part}.other`, part)

  await expect(fetch()).rejects.toMatchObject({ code: 'ELOOP' })
  expect(await readFile(`${part}.other`, 'utf8')).toBe('precious')
})

test('a peer that sends everything once more is followed from the beginning', async () => {
  const { bytes, part, receiver, fetch } = await fetching()
  await writeFile(part, bytes.subarray(0, 100_000))
  receiver.fault = () => ({ how: 'whole' })
  const io = recordingIo()
  await fetch(io)

  expect(await readFile(part)).toEqual(bytes)
  expect(io.sent).toBe(size)
})

test('after three cuts in a row it goes on where it stopped; after four it is the engine’s turn', async () => {
  const { bytes, part, receiver, patience, fetch } = await fetching()
  const cut: Fault = { how: 'cut', afterBytes: 50_000 }
  const faults = [cut, cut, cut]
  receiver.fault = () => faults.shift() ?? null
  const io = recordingIo()
  await fetch(io)
  expect(await readFile(part)).toEqual(bytes)
  expect([io.sent, patience.pauses.length]).toEqual([size, 3])

  const other = await fetching()
  other.receiver.fault = () => cut
  await expect(other.fetch()).rejects.toMatchObject({ code: 'peer_unreachable' })
  expect((await readFile(other.part)).equals(other.bytes.subarray(0, 200_000))).toBe(true)
})

test('wrong bytes are thrown away', async () => {
  const { bytes, part, fetch } = await fetching()
  const target = await peerThat((_, response) => response.end(Buffer.alloc(bytes.length)))

  await expect(fetch(recordingIo(), target)).rejects.toMatchObject({ code: 'upload_checksum_mismatch' })
  expect(await exists(part)).toBe(false)
})

test('an archive that is another one by now is not even read', async () => {
  const { receiver, wanted, fetch } = await fetching()
  receiver.archives.set(wanted.name, bytesOf(size))
  const io = recordingIo()

  await expect(fetch(io)).rejects.toMatchObject({ code: 'upload_checksum_mismatch' })
  expect(io.sent).toBe(0)
})

test('an archive that is gone is told as that', async () => {
  const { receiver, fetch } = await fetching()
  receiver.archives.clear()
  await expect(fetch()).rejects.toMatchObject({ code: 'archive_not_found' })
  expect(receiver.requests).toHaveLength(1)
})

test.each<[string, RequestListener]>([
  ['more bytes than the archive has', (_, response) => void response.end(Buffer.alloc(size + 1))],
  [
    'endless zeros',
    (_, response) => {
      response.writeHead(200)
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      }
      response.on('drain', more)
      more()
    },
  ],
  [
    'a page instead of an archive',
    (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
  ],
  ['another length', (_, response) => void response.writeHead(200, { 'content-length': 3 }).end('abc')],
  [
    'compressed bytes',
    (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('abc'),
  ],
  ['nothing at all', (_, response) => void response.writeHead(204).end()],
])('a peer that answers %s is not believed', async (_, answers) => {
  const { bytes, part, fetch } = await fetching()
  await writeFile(part, bytes.subarray(0, 40_000))
  const target = await peerThat(answers)

  await expect(fetch(recordingIo(), target)).rejects.toMatchObject({ code: 'peer_answer_invalid' })
  expect((await readFile(part)).length).toBeLessThanOrEqual(size)
})

const nine = '123456789'
test.each<[string, RequestListener]>([
  ['a sign-in page', (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
  [
    'another range than was asked for',
    (_, response) => response.writeHead(206, { 'content-range': `bytes 1-9/${size}` }).end(nine),
  ],
  [
    'a range of another archive',
    (_, response) => response.writeHead(206, { 'content-range': 'bytes 40000-40008/40009' }).end(nine),
  ],
  [
    'that the archive has another size',
    (_, response) => response.writeHead(416, { 'content-range': 'bytes */5' }).end(),
  ],
])('a peer that answers with %s does not spoil what came before', async (_, answers) => {
  const { bytes, part, fetch } = await fetching()
  await writeFile(part, bytes.subarray(0, 40_000))

  await expect(fetch(recordingIo(), await peerThat(answers))).rejects.toMatchObject({
    code: 'peer_answer_invalid',
  })
  expect((await readFile(part)).equals(bytes.subarray(0, 40_000))).toBe(true)
})

test('a refused range is asked for from the beginning', async () => {
  const { bytes, wanted, part, fetch } = await fetching()
  await writeFile(part, bytes.subarray(0, 40_000))
  const target = await peerThat(({ headers }, response) => {
    if (headers.range === undefined) response.end(bytes)
    else response.writeHead(416, { 'content-range': `bytes */${size}` }).end()
  })

  expect(await fetch(recordingIo(), target)).toMatchObject({ sha256: wanted.sha256 })
  expect(await readFile(part)).toEqual(bytes)
})

test('an answer that ends early, as if that were all of it, counts as cut', async () => {
  const { part, patience, fetch } = await fetching()
  const target = await peerThat((_, response) => {
    response.writeHead(200, { 'transfer-encoding': 'chunked' }).end()
  })

  await expect(fetch(recordingIo(), target)).rejects.toMatchObject({ code: 'peer_unreachable' })
  expect([patience.pauses.length, (await readFile(part)).length]).toEqual([3, 0])
})

test('a stop is followed at once, and what came stays', async () => {
  const { bytes, part, receiver, fetch } = await fetching()
  const io = recordingIo()
  let pieces = 0
  const stopping = {
    ...io,
    throttle: async () => {
      if (++pieces === 2) io.stop.abort('paused')
    },
  }

  await expect(fetch(stopping)).rejects.toBe('paused')
  const came = await readFile(part)
  expect(came.length).toBeGreaterThan(0)
  expect(came.equals(bytes.subarray(0, came.length))).toBe(true)
  expect(receiver.requests).toHaveLength(1)
})
