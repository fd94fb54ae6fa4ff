// Pinning and deleting from the page.
import { describe, expect, test } from 'vitest'
import { seedArchives, someArchives } from '../../../../test/support/archives.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { testNow, testWeb } from '../../../../test/support/web.ts'

describe('pinning', () => {
  test('pins and unpins, with who did it in the activity', async () => {
    const { get, post } = await someArchives()
    const path = '/archives/jerry_nextcloud_20261121'
    expect((await post(`${path}/pin`)).headers.get('location')).toBe(path)
    expect(await (await get(path)).text()).toContain(`${path}/unpin`)
    await post(`${path}/unpin`)
    expect(await (await get(path)).text()).toContain(`${path}/pin`)
    const activity = visibleText(await (await get('/activity')).text())
    expect(activity).toContain('unpinned the archive')
    expect(activity).toContain('admin (no sign-in)')
  })
})

describe('deleting', () => {
  test('asks first, says exactly what goes, and does nothing by a link', async () => {
    const { get, machine } = await someArchives()
    const html = await (await get('/archives/jerry_nextcloud_20261121/delete')).text()
    expect(htmlProblems(html)).toEqual([])
    const text = visibleText(html)
    for (const part of [
      'jerry_nextcloud_20261121.tar',
      '412 MiB',
      'nextcloud',
      '21 November 2026',
      'Delete 1 archive, 412 MiB',
    ]) {
      expect(text).toContain(part)
    }
    expect(machine.deleted).toEqual([])
  })

  test('deletes one of several', async () => {
    const { get, post, machine } = await someArchives()
    const answer = await post('/archives/jerry_nextcloud_20261121/delete')
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/archives'])
    expect(machine.deleted).toEqual(['jerry_nextcloud_20261121'])
    expect((await get('/archives/jerry_nextcloud_20261121')).status).toBe(404)
  })

  test('refuses a pinned one', async () => {
    const { get, post, machine } = await someArchives()
    expect(await (await get('/archives/jerry_nextcloud_20261120/delete')).text()).not.toContain(
      'danger final',
    )
    expect((await post('/archives/jerry_nextcloud_20261120/delete')).status).toBe(409)
    expect(machine.deleted).toEqual([])
  })

  test('wants the name of the last good one to be typed', async () => {
    const { get, post, machine } = await someArchives()
    const path = '/archives/tom_wiki_20261119/delete'
    expect(await (await get(path)).text()).toContain('last good archive')
    const wrong = await post(path, { name: 'tom_wiki' })
    expect(wrong.status).toBe(422)
    const html = await wrong.text()
    expect(html).toContain('This is not its name')
    expect(html).toContain('value="tom_wiki"')
    expect(htmlProblems(html)).toEqual([])
    expect(machine.deleted).toEqual([])
    expect((await post(path, { name: 'tom_wiki_20261119' })).status).toBe(303)
    expect(machine.deleted).toEqual(['tom_wiki_20261119'])
  })

  test('a damaged one may go without more ado', async () => {
    const { post, machine } = await someArchives()
    await post('/archives/jerry_nocodb_20261121/delete')
    expect(machine.deleted).toEqual(['jerry_nocodb_20261121'])
  })

  test('a damaged or missing brother does not count as another good one', async () => {
    const { get, deps } = await testWeb()
    await seedArchives(
      deps.db,
      { name: 'a' },
      { name: 'b', state: 'corrupted' },
      { name: 'c', missing_at: testNow },
      { name: 'd', app: 'other' },
    )
    expect(await (await get('/archives/a/delete')).text()).toContain('last good archive')
  })
})
