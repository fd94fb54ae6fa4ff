// public/live.js in a real browser: fragments, logs, previews, and what happens when the connection is lost.
import { html } from 'hono/html'
import { expect, onTestFinished, test } from 'vitest'
import { cursorOf, live, type LiveStream } from '../../src/web/live.ts'
import { testWeb } from '../support/web.ts'
import { serveWeb } from '../../src/web/server.ts'
import { accessibilityFaults, complaints, served, useBrowser } from './browser.ts'

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

test('a button that is being pressed is kept while the rest changes, and the click counts', async () => {
  const body = (n: number) =>
    `<p>second ${n}</p><form action="/page"><button name="cancel" value="1">Cancel</button></form>`
  const { page } = await livePage(`<div id="a" data-live="/events">${body(0)}</div>`, async (stream) => {
    for (let n = 1; !stream.signal.aborted && n < 1000; n++) {
      await stream.fragment('a', body(n))
      await new Promise((done) => setTimeout(done, 20))
    }
  })
  const button = page.getByRole('button', { name: 'Cancel' })
  await button.hover()
  await page.mouse.down()
  const seconds = async () => Number((await page.locator('#a p').textContent())?.slice('second '.length))
  const pressed = await seconds()
  await expect.poll(seconds).toBeGreaterThan(pressed + 10)
  await page.mouse.up()
  await page.waitForURL(/cancel=1/)
})

test('a row that comes or goes leaves the others the elements they were', async () => {
  const rows = (...ids: number[]) =>
    `<ul>${ids.map((id) => `<li>job ${id} <a href="/jobs/${id}">open ${id}</a></li>`).join('\n')}</ul>`
  const go = Promise.withResolvers<void>()
  const { page } = await livePage(`<div id="a" data-live="/events">${rows(2, 3)}</div>`, async (stream) => {
    await go.promise
    await stream.fragment('a', rows(1, 3, 4))
  })
  await page.evaluate('window.third = document.querySelector(`[href="/jobs/3"]`)')
  await page.getByText('open 3').focus()
  go.resolve()
  await page.getByText('open 4').waitFor()
  expect(await page.locator('#a a').allTextContents()).toEqual(['open 1', 'open 3', 'open 4'])
  expect(await page.evaluate('window.third === document.activeElement')).toBe(true)
})

test('a stream sets the title, and what was said about a thing that went on goes with its end', async () => {
  const body = '<div data-passing>it goes on</div><div data-live="/events">x</div>'
  const { page } = await livePage(body, async (stream) => {
    await stream.title('● done')
    await stream.settled()
  })
  await page.getByText('it goes on').waitFor({ state: 'detached' })
  expect(await page.title()).toBe('● done – jerry')
})

test('a page whose server does not answer says so, in its title too, until it answers again', async () => {
  const { app } = await testWeb()
  const first = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  const page = await browser.page()
  const connected = page.waitForResponse(/events/)
  await page.goto(`${first.url}/runs`)
  await connected
  const title = await page.title()
  await first.close()
  await page.getByText(/Not up to date since .*: the server does not answer/).waitFor({ timeout: 20_000 })
  expect(await page.title()).toBe(`? ${title}`)
  expect(await accessibilityFaults(page)).toEqual([])
  const again = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: Number(new URL(first.url).port) })
  onTestFinished(() => again.close())
  await page.locator('#stale p').waitFor({ state: 'detached', timeout: 20_000 })
  expect(await page.title()).toBe(title)
}, 60_000)

test('a hidden page holds no connection, and catches up when it is seen again', async () => {
  let open = 0
  let opened = 0
  const { page } = await livePage('<div id="a" data-live="/events">old</div>', async (stream) => {
    open += 1
    opened += 1
    await stream.fragment('a', `look ${opened}`)
    await new Promise((done) => stream.signal.addEventListener('abort', done))
    open -= 1
  })
  const show = (hidden: boolean) =>
    page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))`)
  await page.getByText('look 1').waitFor()
  await show(true)
  await expect.poll(() => open).toBe(0)
  await show(false)
  await page.getByText('look 2').waitFor()
  expect(open).toBe(1)
})
