// public/live.js in a real browser: fragments, logs, previews, and what happens when the connection is lost.
import { html } from 'hono/html'
import { expect, test } from 'vitest'
import { cursorOf, live, type LiveStream } from '../../src/web/live.ts'
import { testWeb } from '../support/web.ts'
import { complaints, served, useBrowser } from './browser.ts'

const browser = useBrowser()

/** A page with this body and the script; its stream is told by `tell`, one call for each connection. */
async function livePage(body: string, tell: (stream: LiveStream, cursor: number) => Promise<void>) {
  const { app } = await testWeb()
  const head =
    '<!doctype html><link rel="icon" href="/static/icon.svg"><script src="/static/live.js" defer></script>'
  app.get('/page', (c) => c.html(head + body.replace('TOKEN', c.get('csrf'))))
  app.get('/events', (c) => live(c, (stream) => tell(stream, cursorOf(c))))
  app.post('/preview', (c) => {
    const form = c.get('form')
    return form.get('name') === 'bad' ? c.text('no', 422) : c.html(html`<b>next: ${form.get('name')}</b>`)
  })
  const { url } = await served(app)
  const page = await browser.page()
  const complained = complaints(page)
  await page.goto(`${url}/page`)
  return { page, complained }
}

test('a fragment replaces its element, and nothing outside what is live', async () => {
  const body = '<div id="a" data-live="/events">old a</div><div id="b">old b</div>'
  const { page, complained } = await livePage(body, async (stream) => {
    await stream.fragment('b', 'new b')
    await stream.fragment('a', '<p>new a</p>')
  })
  await page.getByText('new a').waitFor()
  expect(await page.locator('#b').textContent()).toBe('old b')
  expect(complained).toEqual([])
})

test('the focus and opened details stay through a replacement', async () => {
  const inside = (word: string) =>
    `<form action="/x"><button name="run" value="1">one ${word}</button><button name="run" value="2">two ${word}</button></form>
     <details><summary>more</summary>text ${word}</details>`
  const go = Promise.withResolvers<void>()
  const { page } = await livePage(
    `<div id="a" data-live="/events">${inside('old')}</div>`,
    async (stream) => {
      await go.promise
      await stream.fragment('a', inside('new'))
    },
  )
  await page.getByText('more').click()
  await page.getByRole('button', { name: 'two old' }).focus()
  go.resolve()
  await page.getByText('text new').waitFor()
  expect(await page.evaluate('document.activeElement.textContent')).toBe('two new')
})

test('log lines are added as text, from where the page’s log ended, and never twice', async () => {
  const cursors: number[] = []
  const body = `<div data-live="/events"><label><input type="checkbox" data-log-follow="log" checked>follow</label>
    <pre id="log" data-log data-cursor="5">first\n</pre></div>`
  const { page, complained } = await livePage(body, async (stream, cursor) => {
    cursors.push(cursor)
    if (cursors.length === 1) {
      await stream.log(cursor + 10, '<b>second</b>\n')
      // The connection breaks: the browser comes again by itself.
      throw new Error('cut')
    }
    await stream.log(cursor, 'twice\n')
    await stream.log(cursor + 7, 'third\n')
  })
  await page.getByText('third').waitFor({ timeout: 15_000 })
  expect(await page.locator('#log').textContent()).toBe('first\n<b>second</b>\nthird\n')
  expect(cursors).toEqual([5, 15])
  expect(complained).toEqual([])
})

test('a log follows its end unless that is switched off', async () => {
  const more = Promise.withResolvers<void>()
  const lines = (word: string) => Array.from({ length: 200 }, (_, i) => `${word} ${i}`).join('<br>')
  const body = `<div data-live="/events"><input type="checkbox" data-log-follow="log">
    <pre id="log" data-log data-cursor="0" class="log">${lines('old')}</pre></div>`
  const { page } = await livePage(body, async (stream) => {
    await stream.log(1, 'at the end\n')
    await more.promise
    await stream.log(2, 'much more\n'.repeat(300))
  })
  await page.addStyleTag({ url: '/static/app.css' })
  await page.getByText('at the end').waitFor()
  await page.evaluate('document.getElementById("log").scrollTop = 40')
  more.resolve()
  await page.getByText('much more').waitFor()
  expect(await page.evaluate('document.getElementById("log").scrollTop')).toBe(40)
  await page.locator('[data-log-follow]').check()
  const left = 'document.getElementById("log")'
  expect(await page.evaluate(`${left}.scrollHeight - ${left}.scrollTop - ${left}.clientHeight`)).toBeLessThan(
    2,
  )
})

test('a stream that has ended is not opened again', async () => {
  let opened = 0
  const { page } = await livePage('<div id="a" data-live="/events">old</div>', async (stream) => {
    opened += 1
    await stream.fragment('a', 'done')
  })
  await page.getByText('done').waitFor()
  const state =
    'performance.getEntriesByType("resource").filter((one) => one.name.includes("/events")).length'
  await page.waitForFunction(`${state} === 1`)
  expect(opened).toBe(1)
})

test('a form shows its preview while it is written, and keeps the last good one', async () => {
  const body = `<form data-preview="/preview" data-preview-target="shown"><input type="hidden" name="_csrf" value="TOKEN"><label>Name <input name="name"></label></form>
    <div id="shown">nothing yet</div>`
  const { page } = await livePage(body, async () => {})
  await page.getByLabel('Name').fill('nightly')
  await page.getByText('next: nightly').waitFor()
  const refused = page.waitForResponse((answer) => answer.status() === 422)
  await page.getByLabel('Name').fill('bad')
  await refused
  expect(await page.locator('#shown').textContent()).toBe('next: nightly')
  expect(await page.evaluate('document.activeElement.name')).toBe('name')
})

test('a copy button appears with the script and copies', async () => {
  const body =
    '<code id="sum">abc</code><button data-copy="sum" data-copied="Copied" data-needs-script hidden>Copy</button>'
  const { page } = await livePage(body, async () => {})
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('button', { name: 'Copy' }).click()
  await page.getByRole('button', { name: 'Copied' }).waitFor()
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe('abc')
})
