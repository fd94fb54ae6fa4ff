// Browsing an archive: directories, search, pages, names of any kind, and the way to a restore of what was ticked.
import { describe, expect, test } from 'vitest'
import { eventsOf } from '../../../../test/support/events.ts'
import type { FakeFile } from '../../../../test/support/fake-contents.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { restorableArchives } from '../../../../test/support/restore-seeds.ts'
import type { TestWeb } from '../../../../test/support/web.ts'
import { Problem } from '../../../domain/problem.ts'
import { keyOf } from '../restore/chosen-paths.ts'
import { entriesPerPage } from './view.ts'

const path = '/archives/jerry_photos_20261121/contents'
const base = 'data/custom/srv/photos'

async function page(web: TestWeb, where: string, language = 'en'): Promise<string> {
  const answer = await web.get(where, { 'accept-language': language })
  expect(answer.status).toBe(200)
  const html = await answer.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

/** The first cells of the table's rows. */
function names(html: string): readonly string[] {
  return [...html.matchAll(/<th scope="row"[^>]*>(.*?)<\/th>/g)].map(([, cell = '']) =>
    visibleText(cell).trim(),
  )
}

describe('the contents', () => {
  test('begin in the saved folder, folders first, with what each entry is', async () => {
    const web = await restorableArchives()
    for (const language of ['en', 'fr']) await page(web, path, language)
    const html = await page(web, path)
    expect(names(html)).toEqual(['2026/', 'latest → 2026/b.jpg', 'notes.txt'])
    expect(visibleText(html)).toMatch(
      /2026\/ 26 B 2 .* notes\.txt 5 B 2026-11-20 10:30 0644 alice:users Download /,
    )
    expect(html).toContain(`href="?path=${keyOf(`${base}/2026`)}"`)
    // A link and a pipe have no bytes to send.
    expect(html.match(/contents\/download\?path=/g)).toHaveLength(2)
    const crumbs = /<ol class="crumbs">([\s\S]*?)<\/ol>/.exec(html)?.[1] ?? ''
    expect(visibleText(crumbs).trim()).toBe('Archive data custom srv photos')
  })

  test('open folder by folder, up to the top of the archive', async () => {
    const web = await restorableArchives()
    const below = await page(web, `${path}?path=${keyOf(`${base}/2026`)}`)
    expect(names(below)).toEqual(['a.jpg', 'b.jpg'])
    expect(below).toContain(`href="${path}?path=${keyOf('data/custom')}"`)
    const top = await page(web, `${path}?path=`)
    expect(names(top)).toEqual(['data/', 'info.json'])
    // Nothing of it can be restored alone.
    expect(top).not.toContain('type="checkbox"')
  })

  test('of an archive without a saved folder begin at the top', async () => {
    const web = await restorableArchives()
    const html = await page(web, '/archives/jerry_nextcloud_20261121/contents')
    expect(names(html)).toEqual(['data/', 'info.json'])
    expect(html).not.toContain('type="checkbox"')
  })

  test('begin at the top when the folder is not where it should be', async () => {
    const web = await restorableArchives()
    web.machine.contents.files = { 'odd.txt': {} }
    expect(names(await page(web, path))).toEqual(['odd.txt'])
  })

  test('are found by name, with the path below the saved folder, or the whole one', async () => {
    const web = await restorableArchives()
    const html = await page(web, `${path}?q=A.JPG`)
    expect(names(html)).toEqual(['2026/a.jpg'])
    expect(names(await page(web, `${path}?q=info`))).toEqual(['info.json'])
    expect(html).toContain('value="A.JPG"')
    expect(visibleText(await page(web, `${path}?q=nothing`))).toContain('No name in this archive')
  })

  test('come in pages', async () => {
    const web = await restorableArchives()
    const files: Record<string, FakeFile> = {}
    for (let i = 0; i < entriesPerPage * 2 + 5; i++)
      files[`${base}/file ${String(i).padStart(4, '0')}`] = { text: 'x' }
    web.machine.contents.files = files
    const first = await page(web, path)
    expect(names(first)).toHaveLength(entriesPerPage)
    const second = await page(
      web,
      (/rel="next" href="([^"]+)"/.exec(first)?.[1] ?? '').replaceAll('&amp;', '&'),
    )
    expect(names(second)[0]).toBe(`file ${String(entriesPerPage).padStart(4, '0')}`)
    const third = await page(
      web,
      (/rel="next" href="([^"]+)"/.exec(second)?.[1] ?? '').replaceAll('&amp;', '&'),
    )
    expect(names(third)).toHaveLength(5)
    expect(third).not.toContain('rel="next"')
    expect(Buffer.byteLength(first)).toBeLessThan(60_000)
  })

  test('of an unknown archive or folder are not found', async () => {
    const web = await restorableArchives()
    const wrong = [
      '/archives/nothing/contents',
      '/archives/jerry_gone_20261001/contents',
      `${path}?path=${keyOf('no/such')}`,
      `${path}?path=..%2F..`,
      `/archives/nothing/contents/download?path=${keyOf('info.json')}`,
      `${path}/download?path=${keyOf('no/such')}`,
      `${path}/download?path=%3Cb%3E`,
      '/archives/nothing/download',
      '/archives/nothing/compare',
    ]
    for (const one of wrong) expect((await web.get(one)).status, one).toBe(404)
  })

  test('say that they cannot be read', async () => {
    const web = await restorableArchives()
    web.machine.contents.list = () => Promise.reject(new Problem('archive_corrupted', { archive: 'x' }))
    const answer = await web.get(path)
    expect([answer.status, htmlProblems(await answer.text())]).toEqual([409, []])
  })
})

test('names of any kind are shown as text, turned-around ones spelled out, and stay what they are in forms', async () => {
  const web = await restorableArchives()
  const odd = [
    '<img src=x onerror=alert(1)>',
    'two\nlines',
    'photo\u202egpj.exe',
    '"quoted" \'name\'',
    '-rf',
    'été 😀',
  ]
  web.machine.contents.files = {
    ...Object.fromEntries(odd.map((name) => [`${base}/${name}`, { text: name }])),
    [`${base}/link`]: { kind: 'link', linkTarget: '</a><script>alert(1)</script>\u202e' },
    [`${base}/pipe`]: { kind: 'fifo' },
    [`${base}/future`]: { modifiedAt: 9e15 },
  }
  for (const html of [await page(web, path), await page(web, `${path}?q=e`, 'fr')]) {
    expect(html).not.toMatch(/<img|<script>alert|\u202e/)
  }
  const html = await page(web, path)
  expect(visibleText(html)).toContain('photo[U+202E]gpj.exe')
  for (const name of odd) expect(html).toContain(`name="key" value="${keyOf(`${base}/${name}`)}"`)
})

test('a name that is no UTF-8 can be downloaded, but not asked for alone', async () => {
  const web = await restorableArchives()
  const key = Buffer.from([...Buffer.from(`${base}/`), 0xff, 0x61]).toString('base64url')
  const { list } = web.machine.contents
  web.machine.contents.list = async (name, where) => {
    const found = await list(name, where)
    if (found.state !== 'ready') return found
    const entries = found.entries.map((one) =>
      one.name === 'notes.txt' ? { ...one, key, name: '\ufffda' } : one,
    )
    return { ...found, entries }
  }
  const html = await page(web, path)
  expect(html).toContain(`download?path=${key}`)
  expect(html).not.toContain(`value="${key}"`)
})

test('what is ticked goes to the restore', async () => {
  const web = await restorableArchives()
  const html = await page(web, path)
  expect(html).toContain('action="/restore/jerry_photos_20261121"')
  const key = /name="key" value="([^"]+)"/.exec(html)?.[1] ?? ''
  const form = await (await web.post('/restore/jerry_photos_20261121', { key })).text()
  expect(form).toContain('2026</textarea>')
})

describe('while the index is being made', () => {
  test('the page says how far it is, and refreshes by itself with and without scripts', async () => {
    const web = await restorableArchives()
    web.machine.contents.building = {
      state: 'building',
      members: 1200,
      done: 2 ** 20,
      totalBytes: 4 * 2 ** 20,
    }
    const html = await page(web, path)
    expect(visibleText(html)).toContain('25% · 1 MiB of 4 MiB · 1,200 entries so far')
    expect(html).toContain('<noscript><meta http-equiv="refresh" content="3"></noscript>')
    expect(html).toMatch(/<progress[^>]* value="25" max="100"/)

    const live = /data-live="([^"]+)"/.exec(html)?.[1] ?? ''
    const events = eventsOf(await web.get(live))
    expect(JSON.stringify((await events.next()).value)).toContain('being made')
    web.machine.contents.building = null
    const rest: unknown[] = []
    for await (const event of events) rest.push(event)
    expect(JSON.stringify(rest)).toContain('notes.txt')
    expect(rest.at(-1)).toMatchObject({ event: 'end' })
  })

  test('the page says so when that fails, and does not ask for ever', async () => {
    const web = await restorableArchives()
    web.machine.contents.list = () => Promise.reject(new Problem('archive_unsafe', { archive: '<b>x' }))
    const told: unknown[] = []
    for await (const event of eventsOf(await web.get(`${path}/events`))) told.push(event)
    expect(JSON.stringify(told)).toContain('alert-failed')
    expect(JSON.stringify(told)).not.toContain('<b>x')
    expect(told.at(-1)).toMatchObject({ event: 'end' })
  })

  test('a finished page is not live', async () => {
    const web = await restorableArchives()
    expect(await page(web, path)).not.toMatch(/data-live|http-equiv="refresh"/)
  })
})
