// Changes come from our own forms only.
import { expect, test } from 'vitest'
import { testWeb } from '../../test/support/web.ts'
import { formToken } from './csrf.ts'

const path = '/preferences'

test('a form with its token from the same site is taken', async () => {
  const { post } = await testWeb()
  expect((await post(path, { theme: 'dark' })).status).toBe(303)
})

test.each([
  ['no token', { _csrf: '' }, {}],
  ['a wrong token', { _csrf: 'x'.repeat(43) }, {}],
  ['the token of somebody else', { _csrf: formToken('mallory', Buffer.alloc(32, 7)) }, {}],
  ['another site', {}, { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
  ['another site of the same domain', {}, { 'sec-fetch-site': 'same-site' }],
  ['a foreign origin from a browser without Sec-Fetch-Site', {}, { origin: 'https://evil.example' }],
  ['an origin that hides itself', {}, { origin: 'null' }],
])('%s is refused, and nothing happens', async (_case, fields, headers) => {
  const { post, deps } = await testWeb()
  const before = deps.engine.settings()
  const answer = await post('/settings', { ...fields, historyDays: '30' }, headers)
  expect(answer.status).toBe(403)
  const html = await answer.text()
  expect(html).toContain('csrf_refused')
  expect(html).toContain('Nothing was changed')
  expect(deps.engine.settings()).toEqual(before)
})

test('a form without a stated length, or longer than 1 MiB, is refused before it is read', async () => {
  const { app, post } = await testWeb()
  const chunked = await app.request(path, {
    method: 'POST',
    body: 'theme=dark',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect(chunked.status).toBe(403)
  const long = await post(path, {}, { 'content-length': String(1024 * 1024 + 1) })
  expect(long.status).toBe(403)
  expect(await long.text()).toContain('1 MiB')
})

test.each(['application/json', 'text/plain', 'multipart/form-data; boundary=x'])(
  'a body of the type %s is refused',
  async (type) => {
    const { post } = await testWeb()
    expect((await post(path, { theme: 'dark' }, { 'content-type': type })).status).toBe(403)
  },
)

test('other methods than GET, HEAD and POST find nothing', async () => {
  const { app } = await testWeb()
  for (const method of ['PUT', 'DELETE', 'PATCH']) {
    expect((await app.request('/settings', { method })).status).toBe(404)
  }
})

test('without sign-in, a form stays valid when the language is switched in another tab', async () => {
  const { get, post } = await testWeb()
  const token = async (language: string) =>
    /name="_csrf" value="([^"]+)"/.exec(
      await (await get('/settings', { 'accept-language': language })).text(),
    )?.[1] ?? ''
  const made = await token('en')
  expect(made).not.toBe('')
  expect(await token('fr')).toBe(made)
  expect((await post(path, { theme: 'dark', _csrf: made }, { 'accept-language': 'fr' })).status).toBe(303)
})
