// Comparing an archive with the folder as it is now, from the page.
import { describe, expect, test } from 'vitest'
import { eventually } from '../../../../test/support/eventually.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { restorableArchives } from '../../../../test/support/restore-seeds.ts'
import type { TestWeb } from '../../../../test/support/web.ts'
import { Problem } from '../../../domain/problem.ts'
import { mostChanges } from './compare-view.ts'

const path = '/archives/jerry_photos_20261121/compare'

async function page(web: TestWeb, language = 'en'): Promise<string> {
  const answer = await web.get(path, { 'accept-language': language })
  expect(answer.status).toBe(200)
  const html = await answer.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

describe('comparing', () => {
  test('is offered for archives of a folder alone, and begins nothing by a link', async () => {
    const web = await restorableArchives()
    expect(visibleText(await page(web))).toContain('the folder that was saved: /srv/photos')
    expect(web.machine.contents.compared).toEqual([])
    expect((await web.get('/archives/jerry_nextcloud_20261121/compare')).status).toBe(404)
    expect((await web.post('/archives/jerry_nextcloud_20261121/compare')).status).toBe(404)
    expect(await (await web.get('/archives/jerry_photos_20261121')).text()).toContain(`href="${path}"`)
    expect(await (await web.get('/archives/jerry_nextcloud_20261121')).text()).not.toContain('/compare"')
  })

  test('counts and lists what differs, in both languages, names as text', async () => {
    const web = await restorableArchives()
    web.machine.contents.comparison = {
      against: '/srv/photos',
      same: 12_000,
      added: 1,
      removed: 1,
      changed: 1,
      changes: [
        { path: 'new <b>', change: 'added', what: [] },
        { path: 'gone\n\u202e', change: 'removed', what: [] },
        { path: 'a.jpg', change: 'changed', what: ['size', 'mtime', 'something new'] },
      ],
    }
    const answer = await web.post(path, { thorough: '1' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, path])
    expect(web.machine.contents.compared).toEqual([{ thorough: true }])
    await page(web, 'fr')
    const html = await page(web)
    const text = visibleText(html)
    for (const part of [
      '12,000 the same',
      '1 changed',
      '1 only in the archive',
      '1 only in the folder',
      'size, time of change',
    ]) {
      expect(text).toContain(part)
    }
    expect(text).toContain('gone[U+000A][U+202E]')
    expect(html).not.toContain('new <b>')
    expect(html).toMatch(/name="thorough" value="1" checked/)
  })

  test('lists so many and says how many more there are', async () => {
    const web = await restorableArchives()
    const changes = Array.from({ length: 1000 }, (_, i) => ({
      path: `file ${i}`,
      change: 'added' as const,
      what: [],
    }))
    web.machine.contents.comparison = { against: '/x', same: 0, added: 5000, removed: 0, changed: 0, changes }
    await web.post(path, { against: ' /x ' })
    expect(web.machine.contents.compared).toEqual([{ thorough: false, against: '/x' }])
    const html = await page(web)
    expect(html.match(/<code>file \d+/g)).toHaveLength(mostChanges)
    expect(visibleText(html)).toContain('4700 more are not listed here')
  })

  test('that takes long goes on behind the page, once, and the page shows its end', async () => {
    const web = await restorableArchives()
    const gate = Promise.withResolvers<void>()
    web.machine.contents.compareGate = gate.promise
    await web.post(path)
    await web.post(path)
    expect(web.machine.contents.compared).toHaveLength(1)
    const running = await page(web)
    expect(visibleText(running)).toContain('It goes on when you leave this page')
    expect(running).toContain('data-live="')
    expect(running).toContain('<noscript><meta http-equiv="refresh" content="5"></noscript>')
    gate.resolve()
    const done = await eventually(async () => {
      const html = await page(web)
      return html.includes('Nothing differs.') && html
    })
    expect(done).not.toContain('data-live')
  })

  test('that fails says why', async () => {
    const web = await restorableArchives()
    web.machine.contents.comparison = new Problem('source_missing', { path: '/srv/photos' })
    await web.post(path)
    expect(await page(web)).toContain('alert-failed')
  })

  test('needs the form’s token', async () => {
    const web = await restorableArchives()
    expect((await web.post(path, { _csrf: 'wrong' })).status).toBe(403)
    expect(web.machine.contents.compared).toEqual([])
  })
})
