// The readable page of the API: complete, from the same schemas, behind the dashboard's sign-in.
import { expect, test } from 'vitest'
import { htmlProblems } from '../../../../test/support/html.ts'
import { testWeb } from '../../../../test/support/web.ts'
import { createApi } from '../../api/index.ts'
import { fieldsOf } from './fields.ts'
import { z } from '@hono/zod-openapi'

test.each(['en', 'fr'])(
  'the page (%s) has every endpoint and is linked from the settings',
  async (language) => {
    const { get, deps } = await testWeb()
    const headers = { 'accept-language': language }
    const html = await (await get('/docs/api', headers)).text()
    expect(htmlProblems(html)).toEqual([])
    for (const { method, path } of createApi(deps).routes) {
      const shown = path.replaceAll('{', ':').replaceAll('}', '')
      expect(html).toContain(`<code class="wrap-anywhere">${method.toUpperCase()} ${shown}</code>`)
    }
    expect(html).toContain('href="/api/v1/openapi.json"')
    expect(html.length).toBeLessThan(100_000)
    expect(await (await get('/settings', headers)).text()).toContain('href="/docs/api"')
  },
)

test('it is for admins, as every page', async () => {
  const { get } = await testWeb({ config: { auth: 'sso' } })
  expect((await get('/docs/api')).status).toBe(401)
})

test('fields are told flat, with their types', () => {
  const schema = z.object({
    items: z.array(z.object({ id: z.number().int(), state: z.enum(['ok', 'bad']).nullable() })),
    at: z.iso.datetime({ offset: true }),
    mode: z.string().default('auto'),
    either: z.union([z.object({ a: z.literal(1) }), z.object({ b: z.boolean() })]).optional(),
  })
  expect(fieldsOf(schema, 'input')).toEqual([
    { name: 'items', type: 'object[]', required: true },
    { name: 'items[].id', type: 'integer', required: true },
    { name: 'items[].state', type: '"ok" | "bad" | null', required: true },
    { name: 'at', type: 'time', required: true },
    { name: 'mode', type: 'string = "auto"', required: false },
    { name: 'either', type: 'object | object', required: false },
    { name: 'either.a', type: '1', required: false },
    { name: 'either.b', type: 'boolean', required: false },
  ])
})
