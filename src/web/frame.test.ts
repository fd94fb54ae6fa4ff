// The frame around every page: headers, files, language, theme, errors.
import { expect, test } from 'vitest'
import { htmlProblems } from '../../test/support/html.ts'
import { testWeb } from '../../test/support/web.ts'
import { Problem } from '../domain/problem.ts'
import { contentSecurityPolicy } from './headers.ts'

test('every answer carries the strict headers, also refusals, files and redirects', async () => {
  const { get, post } = await testWeb()
  const answers = [
    await get('/settings'),
    await get('/nowhere'),
    await get('/static/app.css'),
    await get('/healthz'),
    await post('/preferences', { theme: 'dark' }),
    await post('/preferences', { _csrf: '' }),
  ]
  for (const { headers } of answers) {
    expect(headers.get('content-security-policy')).toBe(contentSecurityPolicy)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('same-origin')
  }
  expect(contentSecurityPolicy).not.toMatch(/unsafe|\*/)
})

test('pages are kept by no cache; files are kept for ever under their hash', async () => {
  const { get } = await testWeb()
  const page = await get('/settings')
  expect(page.headers.get('cache-control')).toBe('no-store')
  const css = /href="(\/static\/app\.css\?v=[^"]+)"/.exec(await page.text())?.[1] ?? ''
  const file = await get(css)
  expect(file.status).toBe(200)
  expect(file.headers.get('cache-control')).toContain('immutable')
  expect(file.headers.get('content-type')).toContain('text/css')
  const again = await get('/static/app.css', { 'if-none-match': file.headers.get('etag') ?? '' })
  expect(again.status).toBe(304)
  expect((await get('/static/app.css?v=old')).headers.get('cache-control')).toBe('no-cache')
})

test.each(['..%2fpackage.json', 'package.json', '..%2f..%2fpackage.json', 'app.css%00', 'APP.CSS'])(
  'the file name %s finds nothing outside its folder',
  async (name) => {
    const { get } = await testWeb()
    expect((await get(`/static/${name}`)).status).toBe(404)
  },
)

test('health is answered to anybody, with and without the base path', async () => {
  const { get } = await testWeb({ config: { basePath: '/backup', auth: 'sso' } })
  for (const path of ['/healthz', '/backup/healthz']) {
    const answer = await get(path)
    expect([answer.status, await answer.text()]).toEqual([200, 'ok'])
  }
})

test('below a base path the home page answers with and without a slash at its end', async () => {
  const { get } = await testWeb({ config: { basePath: '/backup' } })
  for (const path of ['/backup', '/backup/']) expect((await get(path)).status).toBe(200)
  expect((await get('/backupx')).status).toBe(404)
})

test('below a base path, every link carries it and nothing answers outside it', async () => {
  const { get } = await testWeb({ config: { basePath: '/backup' } })
  const html = await (await get('/backup/settings')).text()
  const links = [...html.matchAll(/(?:href|src|action|data-live)="([^"]*)"/g)].map(([, link]) => link ?? '')
  expect(links.filter((link) => !link.startsWith('/backup/') && !link.startsWith('#'))).toEqual([])
  expect((await get('/settings')).status).toBe(404)
})

test('the language follows the cookie, then the browser, then is English', async () => {
  const { get } = await testWeb()
  const language = async (headers: Record<string, string>) =>
    /<html lang="(\w+)"/.exec(await (await get('/settings', headers)).text())?.[1]
  expect(await language({})).toBe('en')
  expect(await language({ 'accept-language': 'fr-CA,fr;q=0.9,en;q=0.8' })).toBe('fr')
  expect(await language({ 'accept-language': 'de, fr;q=0.2, en;q=0.4' })).toBe('en')
  expect(await language({ 'accept-language': 'fr;q=0, en;q=0.1' })).toBe('en')
  expect(await language({ 'accept-language': 'fr', cookie: 'bm_lang=en' })).toBe('en')
  expect(await language({ cookie: 'bm_lang=../fr' })).toBe('en')
})

test('the switches set a cookie and lead back, but only to this dashboard', async () => {
  const { post } = await testWeb()
  const back = async (to: string) =>
    (await post('/preferences', { language: 'fr', theme: 'dark', back: to })).headers.get('location')
  expect(await back('/archives?q=a&page=2')).toBe('/archives?q=a&page=2')
  for (const away of [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '',
    '/\t/evil.example',
  ]) {
    expect(await back(away)).toBe('/')
  }
  const cookies = (await post('/preferences', { language: 'fr', theme: 'dark' })).headers.getSetCookie()
  expect(cookies).toHaveLength(2)
  for (const cookie of cookies) expect(cookie).toMatch(/HttpOnly.*SameSite=Lax|SameSite=Lax.*HttpOnly/)
  expect((await post('/preferences', { language: 'xx', theme: 'pink' })).headers.getSetCookie()).toEqual([])
})

test('the chosen theme is on the page', async () => {
  const { get } = await testWeb()
  expect(await (await get('/settings', { cookie: 'bm_theme=dark' })).text()).toContain('data-theme="dark"')
  expect(await (await get('/settings', { cookie: 'bm_theme="><script>' })).text()).toContain(
    'data-theme="auto"',
  )
})

test('a problem becomes a page with its title, meaning and status, in the reader’s language', async () => {
  const { get } = await testWeb()
  const answer = await get('/archives/none', { 'accept-language': 'fr' })
  expect(answer.status).toBe(404)
  const html = await answer.text()
  expect(html).toContain('Cette archive n’existe pas')
  expect(html).toContain('archive_not_found')
  expect(htmlProblems(html)).toEqual([])
})

test('a fault becomes a page with a number that is in the log, and tells nothing else', async () => {
  const { app, logged } = await testWeb()
  app.get('/boom', () => {
    throw new Error('password=hunter2 at /etc/x')
  })
  const html = await (await app.request('/boom')).text()
  expect(html).toContain('Something went wrong inside BackupManager')
  expect(html).not.toContain('hunter2')
  const id = /with this number: ([0-9a-f]{8})/.exec(html)?.[1] ?? 'none'
  expect(logged.some((line) => line.includes(id))).toBe(true)
})

test('a page that cannot be found is a page of the frame', async () => {
  const { get } = await testWeb()
  const answer = await get('/nowhere')
  expect(answer.status).toBe(404)
  expect(htmlProblems(await answer.text())).toEqual([])
})

test('a message survives one redirect, for its user only, and not for ever', async () => {
  const { get, post, clock } = await testWeb()
  const answer = await post('/settings', { historyDays: '30' })
  expect(answer.status).toBe(303)
  const [cookie = ''] = answer.headers.getSetCookie().map((one) => one.split(';')[0] ?? '')
  const shown = await get('/settings', { cookie })
  expect(await shown.text()).toContain('Saved.')
  expect(shown.headers.getSetCookie().join()).toMatch(/bm_flash=;.*Max-Age=0/)
  const forged = cookie.replace(/\.(.)/, (_, c: string) => `.${c === 'A' ? 'B' : 'A'}`)
  for (const bad of [forged, 'bm_flash=e30.x', 'bm_flash=', 'bm_flash=...']) {
    const other = await get('/settings', { cookie: bad })
    expect(other.status).toBe(200)
    expect(await other.text()).not.toContain('Saved.')
  }
  clock.time += 61_000
  expect(await (await get('/settings', { cookie })).text()).not.toContain('Saved.')
})

test('a client that hung up is no status for a page', async () => {
  const { get, machine } = await testWeb()
  machine.broken = new Problem('cancelled')
  const answer = await get('/archives')
  expect(answer.status).toBe(200)
  expect(await answer.text()).toContain('Cancelled')
})

test('a form that is shown again with what was typed has no switches that would lose it', async () => {
  const { get, post } = await testWeb()
  const answer = await post('/settings', { historyDays: 'many' })
  expect(answer.status).toBe(422)
  expect(await answer.text()).not.toContain('action="/preferences"')
  expect(await (await get('/settings')).text()).toContain('action="/preferences"')
})

test('the switches of a page that answers a POST lead to an address that can be asked for', async () => {
  const { post } = await testWeb()
  const answer = await post('/jobs/999/run')
  expect(answer.status).toBe(404)
  expect(await answer.text()).toContain('name="back" value="/"')
})
