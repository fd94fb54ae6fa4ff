// An archive’s page: facts, descriptions of any shape, nothing that a description could smuggle in.
import { describe, expect, test } from 'vitest'
import { seedArchives, someArchives } from '../../../../test/support/archives.ts'
import { htmlProblems } from '../../../../test/support/html.ts'
import { testNow, testWeb } from '../../../../test/support/web.ts'

describe('an archive’s page', () => {
  test('shows facts and both descriptions, in both languages', async () => {
    const { get } = await someArchives()
    for (const language of ['en', 'fr']) {
      const answer = await get('/archives/jerry_nextcloud_20261121', { 'accept-language': language })
      const html = await answer.text()
      expect(htmlProblems(html)).toEqual([])
      for (const fact of [
        'nightly',
        '29.0.4~ynh1',
        '12.1.25',
        'ab'.repeat(32),
        'data_home',
        'tar 1.34, yunohost 12.1.25',
      ]) {
        expect(html).toContain(fact)
      }
    }
  })

  test('offers what can be done in the order of harmlessness', async () => {
    const { get } = await someArchives()
    const html = await (await get('/archives/jerry_nextcloud_20261121')).text()
    const actions = ['/contents"', '/download"', '/verify"', '/pin"', 'href="/restore/', '/delete"']
    const order = actions.map((action) => html.indexOf(action))
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    expect(order[0]).toBeGreaterThan(0)
  })

  test('offers nothing for an archive whose file is gone', async () => {
    const { get } = await someArchives()
    const html = await (await get('/archives/jerry_gone_20261001')).text()
    expect(html).toContain('not in the archives’ folder any more')
    expect(html).not.toMatch(/jerry_gone_20261001\/(verify|pin|delete)/)
  })

  test('says until when it is pinned, when that ends by itself', async () => {
    const { get, deps } = await testWeb()
    await seedArchives(
      deps.db,
      { name: 'for_ever', pinned: 1 },
      { name: 'for_a_week', pinned: 1, pinned_until: testNow + 7 * 86_400_000 },
    )
    expect(await (await get('/archives/for_ever')).text()).not.toContain('Pinned until')
    expect(await (await get('/archives/for_a_week')).text()).toContain(
      'Pinned until Saturday, 28 November 2026',
    )
  })

  test('survives descriptions of any shape', async () => {
    const { get, deps } = await testWeb()
    const odd = [
      '[]',
      '"x"',
      'null',
      '{"apps":[1],"system":7,"size":"big","size_details":null}',
      '{broken',
      '{"apps":{"a":null}}',
    ]
    await seedArchives(
      deps.db,
      ...odd.map((json, i) => ({ name: `odd${i}`, info_json: json, backup_info_json: json })),
    )
    for (const i of odd.keys()) {
      const answer = await get(`/archives/odd${i}`)
      expect(answer.status).toBe(200)
      expect(htmlProblems(await answer.text())).toEqual([])
    }
  })

  test('escapes hostile names and descriptions everywhere', async () => {
    const { get, deps } = await testWeb()
    const hostile = `"><script>alert(1)</script>'&`
    const json = JSON.stringify({
      description: hostile,
      apps: { [hostile]: { name: hostile, version: hostile } },
      [hostile]: hostile,
    })
    await seedArchives(deps.db, {
      name: hostile,
      app: hostile,
      type: hostile,
      instance_name: hostile,
      file: hostile,
      state: 'corrupted',
      state_detail: hostile,
      info_json: json,
      backup_info_json: json,
    })
    const path = `/archives/${encodeURIComponent(hostile)}`
    for (const page of ['/archives', `/archives?q=${encodeURIComponent(hostile)}`, path, `${path}/delete`]) {
      const answer = await get(page)
      expect(answer.status).toBe(200)
      const html = await answer.text()
      expect(html).not.toContain('<script>')
      expect(htmlProblems(html)).toEqual([])
    }
  })
})
