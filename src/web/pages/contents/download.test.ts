// Downloads: single files, folders, the whole archive or a part of it; never shown or run by a browser.
import { request } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../../../test/support/eventually.ts'
import { restorableArchives } from '../../../../test/support/restore-seeds.ts'
import { serveWeb } from '../../server.ts'
import { keyOf } from '../restore/chosen-paths.ts'
import { attachment } from './send.ts'

const archive = '/archives/jerry_photos_20261121'
const base = 'data/custom/srv/photos'

/** The archive's row says what its file is: a thousand bytes. */
async function withBytes() {
  const web = await restorableArchives()
  await web.deps.db.updateTable('archives').set({ size_bytes: 1000 }).execute()
  const download = (headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
    web.app.request(`${archive}/download`, { method, headers })
  return { web, bytes: web.machine.contents.archiveBytes.toString(), download }
}

describe('one entry', () => {
  test('is a file to be saved, with its name and length', async () => {
    const web = await restorableArchives()
    const answer = await web.get(`${archive}/contents/download?path=${keyOf(`${base}/notes.txt`)}`)
    expect(await answer.text()).toBe('notes')
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '5',
      'content-disposition': `attachment; filename="notes.txt"; filename*=UTF-8''notes.txt`,
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
  })

  test('that is a folder is a tar of unknown length', async () => {
    const web = await restorableArchives()
    const answer = await web.get(`${archive}/contents/download?path=${keyOf(`${base}/2026`)}`)
    expect(answer.headers.get('content-length')).toBeNull()
    expect(answer.headers.get('content-disposition')).toContain('filename="2026.tar"')
    expect(await answer.text()).toContain('the tar of')
  })

  test('asked for by HEAD sends no bytes and lets the stream go', async () => {
    const web = await restorableArchives()
    const where = `${archive}/contents/download?path=${keyOf(`${base}/notes.txt`)}`
    const answer = await web.app.request(where, { method: 'HEAD' })
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([200, '5', ''])
    expect(web.machine.contents.cancelled).toBe(1)
  })

  test.each([
    ['a"b\\c.txt', 'a_b_c.txt', 'a%22b%5Cc.txt'],
    ['été 日本.txt', '_t_ __.txt', '%C3%A9t%C3%A9%20%E6%97%A5%E6%9C%AC.txt'],
    ["it's (1)*!.txt", 'it_s (1)__.txt', 'it%27s%20%281%29%2A%21.txt'],
    ['x\r\nSet-Cookie: a=b', 'x__Set-Cookie_ a=b', 'x%0D%0ASet-Cookie%3A%20a%3Db'],
    ['half \ud800', 'half _', 'half%20%EF%BF%BD'],
  ])('named %j has a header that every browser can read and that nothing breaks', (name, plain, encoded) => {
    expect(attachment(name)).toBe(`attachment; filename="${plain}"; filename*=UTF-8''${encoded}`)
  })
})

describe('the whole archive', () => {
  test('comes with what a browser needs to go on later', async () => {
    const { bytes, download } = await withBytes()
    const answer = await download()
    expect([answer.status, await answer.text()]).toEqual([200, bytes])
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'content-length': '1000',
      etag: `"${'ab'.repeat(32)}"`,
      'content-security-policy': "sandbox; default-src 'none'",
    })
    expect(answer.headers.get('content-disposition')).toContain('filename="jerry_photos_20261121.tar"')
  })

  test.each([
    ['bytes=0-9', 0, 10],
    ['bytes=990-', 990, 1000],
    ['bytes=-5', 995, 1000],
  ])('in part: %s', async (range, from, to) => {
    const { bytes, download } = await withBytes()
    const answer = await download({ range })
    expect([answer.status, await answer.text()]).toEqual([206, bytes.slice(from, to)])
    expect(answer.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/1000`)
    expect(answer.headers.get('content-length')).toBe(String(to - from))
  })

  test('has nothing behind its end', async () => {
    const { download } = await withBytes()
    const answer = await download({ range: 'bytes=1000-' })
    expect([answer.status, answer.headers.get('content-range')]).toEqual([416, 'bytes */1000'])
  })

  test('is sent whole for ranges that need not be understood', async () => {
    const { download } = await withBytes()
    for (const range of ['bytes=0-1,5-6', 'lines=1-2', 'nonsense']) {
      const answer = await download({ range })
      expect([answer.status, (await answer.text()).length]).toEqual([200, 1000])
    }
  })

  test('goes on only as the same file', async () => {
    const { download } = await withBytes()
    const same = await download({ range: 'bytes=5-9', 'if-range': `"${'ab'.repeat(32)}"` })
    expect([same.status, (await same.text()).length]).toEqual([206, 5])
    const other = await download({ range: 'bytes=5-9', 'if-range': '"another"' })
    expect([other.status, (await other.text()).length]).toEqual([200, 1000])
  })

  test('that is damaged or unproven is not taken for what its hash says', async () => {
    const { web, download } = await withBytes()
    await web.deps.db.updateTable('archives').set({ state: 'corrupted' }).execute()
    const answer = await download()
    expect(answer.headers.get('etag')).toMatch(/^"[0-9a-f]{64}"$/)
    expect(answer.headers.get('etag')).not.toContain('abab')
    await answer.body?.cancel()
  })

  test('that was exchanged meanwhile is asked for again', async () => {
    const { web, download } = await withBytes()
    const { archive } = web.machine.contents
    web.machine.contents.archive = async (...args) => {
      await web.deps.db
        .updateTable('archives')
        .set({ size_bytes: 7, sha256: 'cd'.repeat(32) })
        .execute()
      return archive(...args)
    }
    const answer = await download({ range: 'bytes=0-9' })
    const where = '/archives/jerry_photos_20261121/download'
    expect([answer.status, answer.headers.get('location')]).toEqual([307, where])
    expect(web.machine.contents.cancelled).toBe(1)
  })

  test('answers HEAD with the size and no bytes, whatever range is named', async () => {
    const { download } = await withBytes()
    const answer = await download({ range: 'bytes=0-9' }, 'HEAD')
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([
      200,
      '1000',
      '',
    ])
    expect(answer.headers.get('accept-ranges')).toBe('bytes')
  })
})

test('a client that goes away stops the reading', async () => {
  const web = await restorableArchives()
  let aborted = false
  let cancelled = false
  web.machine.contents.archive = async (_name, _range, signal) => {
    signal.addEventListener('abort', () => (aborted = true))
    const piece = new Uint8Array(65_536)
    const bytes = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(piece),
      cancel: () => void (cancelled = true),
    })
    const ended = Promise.resolve()
    return { fileName: 'endless.tar', contentType: 'application/x-tar', length: null, bytes, ended }
  }
  const server = await serveWeb(web.app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close())
  const client = request(`${server.url}${archive}/download`, (response) => {
    response.once('data', () => client.destroy())
  })
  client.on('error', () => undefined)
  client.end()
  await eventually(() => aborted && cancelled, 'the end of the reading')
  expect([aborted, cancelled]).toEqual([true, true])
})
