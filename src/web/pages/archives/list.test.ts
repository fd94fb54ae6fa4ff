// The list of archives: what is found, and how it is told.
import { describe, expect, test } from 'vitest'
import { seedArchives, someArchives } from '../../../../test/support/archives.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { testNow, testWeb } from '../../../../test/support/web.ts'
import { Problem } from '../../../domain/problem.ts'

const hour = 3_600_000

/** Names of the listed archives, in their order. */
function listed(html: string): readonly string[] {
  return [...html.matchAll(/<th scope="row"><a href="[^"]*">([^<]+)<\/a>/g)].map(([, name]) => name ?? '')
}

describe('the list', () => {
  test('shows every archive, newest first, in both languages', async () => {
    const { get } = await someArchives()
    for (const language of ['en', 'fr']) {
      const html = await (await get('/archives', { 'accept-language': language })).text()
      expect(htmlProblems(html)).toEqual([])
      expect(listed(html)).toEqual([
        'jerry_nocodb_20261121',
        'jerry_nextcloud_20261121',
        'jerry_nextcloud_20261120',
        'tom_wiki_20261119',
        '20261101-101500',
        'jerry_gone_20261001',
      ])
    }
  })

  test('says state, origin, job and size in words', async () => {
    const { get } = await someArchives()
    const text = visibleText(await (await get('/archives')).text())
    for (const word of [
      'Good',
      'Damaged',
      'Not verified',
      'File gone',
      'Pinned',
      'received from tom',
      'nightly cloud',
    ]) {
      expect(text).toContain(word)
    }
    expect(text).toContain('made without BackupManager')
    expect(text).toContain('6 archives, 2 GiB')
  })

  test.each([
    ['q=NEXTCLOUD', ['jerry_nextcloud_20261121', 'jerry_nextcloud_20261120']],
    ['q=nightly', ['jerry_nextcloud_20261121', 'jerry_nextcloud_20261120']],
    ['q=%25', []],
    ['q=_2026112_', []],
    ['app=wiki', ['tom_wiki_20261119']],
    ['instance=tom', ['tom_wiki_20261119']],
    ['state=corrupted', ['jerry_nocodb_20261121']],
    ['state=missing', ['jerry_gone_20261001']],
    ['state=pinned', ['jerry_nextcloud_20261120']],
    ['state=ok&app=nextcloud&q=1121', ['jerry_nextcloud_20261121']],
    ['type=custom_dir', []],
  ])('finds by %s', async (query, names) => {
    const { get } = await someArchives()
    const html = await (await get(`/archives?${query}`)).text()
    expect(listed(html)).toEqual(names)
    expect(htmlProblems(html)).toEqual([])
    expect(html.includes('No archive fits')).toBe(names.length === 0)
  })

  test.each(['page=0', 'page=-1', 'page=x', 'page=1e99', 'state=what', 'page=999', 'q=%00'])(
    'takes %s calmly',
    async (query) => {
      const { get } = await someArchives()
      const answer = await get(`/archives?${query}`)
      expect(answer.status).toBe(200)
      expect(htmlProblems(await answer.text())).toEqual([])
    },
  )

  test('goes from page to page, keeping the search', async () => {
    const { get, deps } = await testWeb()
    const names = Array.from({ length: 120 }, (_, i) => `a_${String(i).padStart(3, '0')}`)
    await seedArchives(deps.db, ...names.map((name, i) => ({ name, created_at: testNow - i * hour })))
    const seen: string[] = []
    let path: string | undefined = '/archives?q=a_&app=nextcloud'
    while (path !== undefined) {
      const html = await (await get(path)).text()
      seen.push(...listed(html))
      path = /rel="next" href="([^"]+)"/.exec(html)?.[1]?.replaceAll('&amp;', '&')
    }
    expect(seen).toEqual(names)
  })

  test('greets an empty catalogue with what will come', async () => {
    const { get } = await testWeb()
    expect(await (await get('/archives')).text()).toContain('There is no archive yet')
  })

  test('mentions tars that are not archives yet', async () => {
    const { get, machine } = await testWeb()
    machine.unfinished = [{ file: 'half.tar', sizeBytes: 5 * 2 ** 20, modifiedAt: testNow - 60_000 }]
    const text = visibleText(await (await get('/archives')).text())
    expect(text).toContain('One file is not an archive yet')
    expect(text).toContain('half.tar · 5 MiB · last written 1 minute ago')
  })

  test('shows what was known when the folder cannot be read, and why', async () => {
    const { get, machine } = await someArchives()
    machine.broken = new Problem('archives_dir_missing')
    const html = await (await get('/archives')).text()
    expect(html).toContain('Is the disk mounted?')
    expect(listed(html)).toHaveLength(6)
  })
})
