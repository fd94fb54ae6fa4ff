// The archives pages: what is found, what is shown, and what can be done.
import { describe, expect, test } from 'vitest'
import { backupInfo, seedArchives } from '../../../../test/support/archives.ts'
import { eventually } from '../../../../test/support/eventually.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { testNow, testWeb } from '../../../../test/support/web.ts'
import { Problem } from '../../../domain/problem.ts'
import { insertJob } from '../../../store/jobs.ts'

const hour = 3_600_000

async function someArchives() {
  const web = await testWeb()
  const { db } = web.deps
  const job = await insertJob(db, {
    uid: 'u1',
    name: 'nightly cloud',
    type: 'ynh_app',
    config: { app_id: 'nextcloud' },
    cronExpr: '0 3 * * *',
    retention: { mode: 'count', count: 7 },
    enabled: true,
    coreOnly: false,
    hooks: { timeoutS: 60 },
    timeoutS: null,
    createdAt: testNow,
    updatedAt: testNow,
    nextRunAt: null,
    retentionHold: null,
  })
  await seedArchives(
    db,
    {
      name: 'jerry_nextcloud_20261121',
      job_id: job.id,
      job_uid: 'u1',
      backup_info_json: JSON.stringify(backupInfo),
    },
    { name: 'jerry_nextcloud_20261120', job_id: job.id, created_at: testNow - 25 * hour, pinned: 1 },
    {
      name: 'jerry_nocodb_20261121',
      app: 'nocodb',
      state: 'corrupted',
      state_detail: 'SHA-256 is 1, recorded was 2',
    },
    {
      name: 'tom_wiki_20261119',
      app: 'wiki',
      instance_name: 'tom',
      origin: 'received',
      created_at: testNow - 50 * hour,
    },
    {
      name: '20261101-101500',
      app: null,
      type: null,
      instance_name: null,
      origin: 'foreign',
      state: 'unverified',
      sha256: null,
      verified_at: null,
      created_at: testNow - 500 * hour,
    },
    {
      name: 'jerry_gone_20261001',
      app: 'gone',
      missing_at: testNow - hour,
      created_at: testNow - 900 * hour,
    },
  )
  return { ...web, job }
}

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
    if (names.length === 0) expect(html).toContain('No archive fits')
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
    const order = ['/verify"', '/pin"', '/delete"'].map((action) => html.indexOf(action))
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    expect(order[0]).toBeGreaterThan(0)
  })

  test('offers nothing for an archive whose file is gone', async () => {
    const { get } = await someArchives()
    const html = await (await get('/archives/jerry_gone_20261001')).text()
    expect(html).toContain('not in the archives’ folder any more')
    expect(html).not.toMatch(/jerry_gone_20261001\/(verify|pin|delete)/)
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

describe('verifying', () => {
  test('a good archive says so at once', async () => {
    const { get, post } = await someArchives()
    const answer = await post('/archives/20261101-101500/verify')
    expect(answer.status).toBe(303)
    const html = await (await get('/archives/20261101-101500')).text()
    expect(visibleText(html)).toContain('Good')
  })

  test('a damaged archive says so', async () => {
    const { get, post, machine } = await someArchives()
    machine.damaged.set('jerry_nextcloud_20261121', 'the tar ends in the middle of a member')
    await post('/archives/jerry_nextcloud_20261121/verify')
    const html = await (await get('/archives/jerry_nextcloud_20261121')).text()
    expect(visibleText(html)).toContain('Damaged')
    expect(html).toContain('the tar ends in the middle of a member')
  })

  test('a long one goes on behind the page, which shows its end', async () => {
    const { app, get, post, machine } = await someArchives()
    const gate = Promise.withResolvers<void>()
    machine.verifyGate = gate.promise
    const name = '20261101-101500'
    expect((await post(`/archives/${name}/verify`)).status).toBe(303)
    expect(visibleText(await (await get(`/archives/${name}`)).text())).toContain('Being verified')

    const gone = new AbortController()
    const live = await app.request(`/archives/${name}/live`, { signal: gone.signal })
    const reader = live.body?.pipeThrough(new TextDecoderStream()).getReader()
    let heard = ''
    const hear = async (word: string) =>
      eventually(async () => {
        if (!heard.includes(word)) heard += (await reader?.read())?.value ?? ''
        return heard.includes(word)
      }, word)
    await hear('Being verified')
    gate.resolve()
    await hear('Its content is what was written')
    await reader?.cancel()
    gone.abort()
  })

  test('one that fails later is told on the page', async () => {
    const { get, post, machine } = await someArchives()
    const gate = Promise.withResolvers<void>()
    machine.verifyGate = gate.promise
    await post('/archives/20261101-101500/verify')
    gate.reject(new Problem('helper_unavailable'))
    await eventually(async () =>
      (await (await get('/archives/20261101-101500')).text()).includes('could not be carried out'),
    )
  })

  test('one that is refused at once is told at once', async () => {
    const { post, machine } = await someArchives()
    machine.broken = new Problem('helper_unavailable')
    expect((await post('/archives/20261101-101500/verify')).status).toBe(503)
  })
})

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
