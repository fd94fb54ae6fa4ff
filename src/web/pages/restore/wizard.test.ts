// The wizard from the choice of an archive to the start of its restore.
import { describe, expect, test } from 'vitest'
import { seedArchives } from '../../../../test/support/archives.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import {
  folderInfo,
  folderPlan,
  restorableArchives,
  seedRestore,
} from '../../../../test/support/restore-seeds.ts'
import { testNow, type FormFields, type TestWeb } from '../../../../test/support/web.ts'
import { Problem } from '../../../domain/problem.ts'
import { getRestore, listRestores } from '../../../store/restores.ts'
import { keyOf } from './chosen-paths.ts'

const path = '/restore/jerry_photos_20261121'

async function page(answer: Promise<Response>, status = 200): Promise<string> {
  const response = await answer
  expect(response.status).toBe(status)
  const html = await response.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

/** The hidden fields of the last form of a page. */
function hiddenFields(html: string): Record<string, string[]> {
  const form = html.slice(html.lastIndexOf('<form'))
  const fields: Record<string, string[]> = {}
  for (const [, name = '', value = ''] of form.matchAll(
    /<input type="hidden" name="([^"]+)" value="([^"]*)"/g,
  )) {
    if (name !== '_csrf') (fields[name] ??= []).push(value.replaceAll('&#39;', "'").replaceAll('&amp;', '&'))
  }
  return fields
}

/** Looks at the plan as the form asks for it; what the next form carries. */
async function planned(web: TestWeb, fields: FormFields = {}, where = path) {
  const html = await page(web.post(`${where}/plan`, { form: '1', ...fields }))
  return { html, carried: hiddenFields(html) }
}

describe('choosing', () => {
  test('offers the newest good archive of each thing, and where the older ones are', async () => {
    const web = await restorableArchives()
    for (const language of ['en', 'fr']) await page(web.get('/restore', { 'accept-language': language }))
    const html = await page(web.get('/restore'))
    const offered = [...html.matchAll(/href="\/restore\/([^"]+)"/g)].map(([, name]) => name)
    expect(offered).toEqual(['jerry_nextcloud_20261121', 'jerry_photos_20261121', '20261101-101500'])
    expect(html).toContain('href="/restore?q=nextcloud"')
    expect(visibleText(html)).toContain('1 older one')
  })

  test('a search finds every archive that could be restored, and no other', async () => {
    const web = await restorableArchives()
    const html = await page(web.get('/restore?q=jerry'))
    expect(html).toContain('href="/restore/jerry_nextcloud_20261120"')
    expect(html).not.toMatch(/href="\/restore\/jerry_(nocodb|gone)/)
    expect(visibleText(await page(web.get('/restore?q=%25_')))).toContain('No archive fits')
  })

  test('never proposes the state from before a restore, but finds it', async () => {
    const web = await restorableArchives()
    await seedArchives(web.deps.db, { name: 'jerry_nextcloud_20261121-2', created_at: testNow })
    await seedRestore(web.deps.db, { safety_archive: 'jerry_nextcloud_20261121-2' })
    expect(await page(web.get('/restore'))).not.toContain('href="/restore/jerry_nextcloud_20261121-2"')
    const found = await page(web.get('/restore?q=nextcloud'))
    expect(found).toContain('href="/restore/jerry_nextcloud_20261121-2"')
    expect(visibleText(found).match(/state before a restore/g)).toHaveLength(1)
  })

  test('goes on in pages of fifty', async () => {
    const web = await restorableArchives()
    const names = Array.from({ length: 60 }, (_, i) => ({ name: `jerry_app${i}_20261121`, app: `app${i}` }))
    await seedArchives(web.deps.db, ...names)
    const first = await page(web.get('/restore'))
    expect(first.match(/<tr>/g)).toHaveLength(1 + 50)
    const second = await page(web.get(/rel="next" href="([^"]+)"/.exec(first)?.[1] ?? ''))
    expect(second.match(/<tr>/g)).toHaveLength(1 + 13)
  })

  test('an empty server says what to do', async () => {
    const web = await restorableArchives()
    await web.deps.db.deleteFrom('archives').execute()
    expect(visibleText(await page(web.get('/restore')))).toContain('There is no good archive to restore')
  })
})

describe('the options', () => {
  test('are those of the archive’s kind', async () => {
    const web = await restorableArchives()
    const folder = await page(web.get(path))
    for (const name of ['target_path', 'paths', 'recipe', 'devices'])
      expect(folder).toContain(`name="${name}"`)
    expect(folder).not.toMatch(/name="(target_database|targets|config\.password)"/)
    expect(visibleText(folder)).toContain('where it was: /srv/photos')
    const system = await page(web.get('/restore/20261101-101500'))
    expect(system.match(/name="targets" value="[^"]*" checked/g)).toHaveLength(3)
    expect(system).not.toContain('name="target_path"')
    const app = await page(web.get('/restore/jerry_nextcloud_20261121', { 'accept-language': 'fr' }))
    expect(app).not.toMatch(/name="(target_path|paths)"/)
  })

  test('of an archive that is not there are not found', async () => {
    const web = await restorableArchives()
    for (const name of ['nothing', 'jerry_gone_20261001']) {
      expect((await web.get(`/restore/${name}`)).status).toBe(404)
      for (const action of ['', '/plan', '/start']) {
        expect((await web.post(`/restore/${name}${action}`, { form: '1' })).status).toBe(404)
      }
    }
  })

  test('reach the engine as they were typed', async () => {
    const web = await restorableArchives()
    const asked: unknown[] = []
    web.machine.plan = ({ options }) => {
      asked.push(options)
      return folderPlan
    }
    await planned(web)
    await planned(web, {
      target_path: ' /tmp/again ',
      target_database: 'ignored',
      targets: ['ignored'],
      paths: '2026\r\n/srv/photos/notes.txt\r\n',
      recipe: 'no',
      devices: '1',
    })
    await planned(web, { recipe: 'yes' })
    expect(asked).toEqual([
      {},
      { target_path: '/tmp/again', paths: ['2026', 'notes.txt'], recipe: false, devices: true },
      { recipe: true },
    ])
  })

  test('of several parts: none is a mistake, all is the same as no choice', async () => {
    const web = await restorableArchives()
    const asked: unknown[] = []
    web.machine.plan = ({ options }) => {
      asked.push(options)
      return folderPlan
    }
    const where = '/restore/20261101-101500'
    const all = ['conf_ynh_settings', 'data_home', 'data_mail']
    await planned(web, { targets: all }, where)
    await planned(web, { targets: ['data_home', 'not in it'] }, where)
    const none = await page(web.post(`${where}/plan`, { form: '1' }), 422)
    expect(none).toContain('This is needed.')
    expect(none).not.toMatch(/name="targets" value="[^"]*" checked/)
    expect(asked).toEqual([{}, { targets: ['data_home'] }])
  })

  test('come from the contents with what was ticked there, whatever it is called', async () => {
    const web = await restorableArchives()
    const names = ['2026/a "b" <c>.jpg', 'two\nlines', 'notes.txt']
    const keys = names.map((name) => keyOf(`data/custom/srv/photos/${name}`))
    const html = await page(web.post(path, { key: keys }))
    expect(html).toContain('2026/a &quot;b&quot; &lt;c&gt;.jpg\nnotes.txt</textarea>')
    expect(html).toContain(`name="key" value="${keys[1]}" checked`)
    expect(visibleText(html)).toContain('two[U+000A]lines')
    let asked: readonly string[] | undefined
    web.machine.plan = ({ options }) => {
      asked = options.paths
      return folderPlan
    }
    await planned(web, { paths: names[0] ?? '', key: keys[1] ?? '' })
    expect(asked).toEqual([names[0], names[1]])
  })

  test('that the engine finds wrong come back with the reason beside them and the rest kept', async () => {
    const web = await restorableArchives()
    web.machine.plan = () => {
      throw new Problem(
        'validation_failed',
        {},
        { errors: [{ field: 'target_path', code: 'path_not_absolute' }] },
      )
    }
    const html = await page(
      web.post(`${path}/plan`, { form: '1', target_path: 'tmp', paths: '2026', recipe: 'no' }),
      422,
    )
    expect(html).toMatch(/id="target_path"[^>]*value="tmp"[^>]*aria-invalid="true"/)
    expect(html).toContain('2026</textarea>')
    expect(html).toMatch(/value="no" checked/)
    expect(html).toContain('href="#target_path"')
    expect(html).not.toContain('action="/preferences"')
  })

  test('stay when the plan cannot be made at all', async () => {
    const web = await restorableArchives()
    web.machine.broken = new Problem('helper_unavailable')
    const html = await page(web.post(`${path}/plan`, { form: '1', target_path: '/tmp/x' }), 422)
    expect(html).toContain('value="/tmp/x"')
    expect(visibleText(html)).toContain('does not answer')
  })
})

describe('the plan', () => {
  test('says in order what will happen, what to know, and what is replaced', async () => {
    const web = await restorableArchives()
    web.machine.plan = () => ({ ...folderPlan, steps: folderPlan.steps.slice(2) })
    for (const language of ['en', 'fr']) {
      await page(web.post(`${path}/plan`, { form: '1' }, { 'accept-language': language }))
    }
    const { html } = await planned(web)
    const text = visibleText(html)
    const said = [
      'Verify the archive',
      'safety archive',
      'Unpack 12,402 files',
      'Stop photos.service',
      'Put the files in place',
    ]
    const order = said.map((one) => text.indexOf(one))
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    expect(order[0]).toBeGreaterThan(0)
    for (const part of [
      'everything returns to how it was',
      'The user exists already',
      '2.1 GiB',
      'kept for 7 days',
    ]) {
      expect(text).toContain(part)
    }
    expect(html).toContain('>photos</code>')
    expect(text).toContain('Replace /srv/photos')
  })

  test('that replaces nothing is started by a click', async () => {
    const web = await restorableArchives()
    const { html, carried } = await planned(web, { target_path: '/tmp/again' })
    expect(html).not.toContain('name="word"')
    expect(visibleText(html)).toContain('Restore to /tmp/again')
    const answer = await web.post(`${path}/start`, carried)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/restores/1'])
    expect((await getRestore(web.deps.db, 1))?.options).toEqual({ target_path: '/tmp/again' })
  })

  test('that replaces something wants its name; nothing happens without', async () => {
    const web = await restorableArchives()
    web.machine.plan = () => folderPlan
    const { carried } = await planned(web)
    for (const word of ['', 'Photos', 'jerry_photos_20261121']) {
      const html = await page(web.post(`${path}/start`, { ...carried, word }), 422)
      expect(html).toMatch(/id="word"[^>]*aria-invalid="true"/)
    }
    expect(await listRestores(web.deps.db, { limit: 1 })).toEqual([])
    expect((await web.post(`${path}/start`, { ...carried, word: ' photos ' })).status).toBe(303)
    expect(await listRestores(web.deps.db, { limit: 9 })).toHaveLength(1)
  })

  test('that promises no way back does not say so', async () => {
    const web = await restorableArchives()
    web.machine.plan = () => ({ ...folderPlan, warnings: [{ code: 'no_put_back', facts: {} }] })
    expect((await planned(web)).html).not.toContain('everything returns to how it was')
    web.machine.plan = () => ({ ...folderPlan, warnings: [{ code: 'commands_not_undone', facts: {} }] })
    expect((await planned(web)).html).toContain('but for what is said below')
  })

  test('with a refusal says why, and cannot be started', async () => {
    const web = await restorableArchives()
    web.machine.plan = () => ({
      ...folderPlan,
      refusals: [
        { field: 'target_path', code: 'path_parent_missing' },
        { field: 'archive', code: 'archive_damaged', facts: { detail: '<b>bad</b>' } },
      ],
    })
    const { html, carried } = await planned(web, { target_path: '/nowhere/x' })
    expect(html).toContain('<title>■ ')
    expect(html).toContain('Folder to restore into:')
    expect(html).not.toContain('/start"><')
    expect(html).not.toMatch(/name="(look|word)"/)
    expect(html).not.toContain('<b>bad')
    expect(carried['target_path']).toEqual(['/nowhere/x'])
    expect(await page(web.post(path, carried))).toContain('value="/nowhere/x"')
  })

  test('that is another one by now is shown again instead of being carried out', async () => {
    const web = await restorableArchives()
    web.machine.plan = () => folderPlan
    const { carried } = await planned(web)
    web.machine.plan = () => ({
      ...folderPlan,
      warnings: [{ code: 'user_exists', facts: { user: 'somebody' } }],
    })
    const html = await page(web.post(`${path}/start`, { ...carried, word: 'photos' }))
    expect(visibleText(html)).toContain('Something has changed since you looked')
    expect(html).toContain('somebody')
    expect(await listRestores(web.deps.db, { limit: 1 })).toEqual([])
    expect((await web.post(`${path}/start`, { ...hiddenFields(html), word: 'photos' })).status).toBe(303)
  })

  test('that became impossible is shown with the reason', async () => {
    const web = await restorableArchives()
    web.machine.plan = () => folderPlan
    const { carried } = await planned(web)
    web.machine.plan = () => ({ ...folderPlan, refusals: [{ field: 'target_path', code: 'no_space' }] })
    const html = await page(web.post(`${path}/start`, { ...carried, word: 'photos' }))
    expect(visibleText(html)).toContain('It cannot be restored like this')
    expect(html).not.toContain('name="look"')
  })

  test('is forgotten after a quarter of an hour: the options come back as they were', async () => {
    const web = await restorableArchives()
    const { carried } = await planned(web, { target_path: '/tmp/x' })
    web.clock.time += 15 * 60_000
    const html = await page(web.post(`${path}/start`, carried))
    expect(visibleText(html)).toContain('more than 15 minutes ago')
    expect(html).toContain('value="/tmp/x"')
    expect(await listRestores(web.deps.db, { limit: 1 })).toEqual([])
  })

  test('clicked twice is one restore', async () => {
    const web = await restorableArchives()
    const { carried } = await planned(web, { target_path: '/tmp/x' })
    const answers = await Promise.all([
      web.post(`${path}/start`, carried),
      web.post(`${path}/start`, carried),
    ])
    expect(answers.map((answer) => answer.headers.get('location'))).toEqual(['/restores/1', '/restores/1'])
    expect(await listRestores(web.deps.db, { limit: 9 })).toHaveLength(1)
  })

  test('to a place where another restore is going on leads there', async () => {
    const web = await restorableArchives()
    const first = await planned(web, { target_path: '/tmp/x' })
    const second = await planned(web, { target_path: '/tmp/x' })
    await web.post(`${path}/start`, first.carried)
    const answer = await web.post(`${path}/start`, second.carried)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/restores/1'])
  })

  test('is not started from another archive’s page, nor without the form’s token', async () => {
    const web = await restorableArchives()
    const { carried } = await planned(web, { target_path: '/tmp/x' })
    await web.post('/restore/jerry_nextcloud_20261121/start', carried)
    for (const action of ['', '/plan', '/start']) {
      expect((await web.post(`${path}${action}`, { ...carried, _csrf: 'wrong' })).status).toBe(403)
    }
    expect(await listRestores(web.deps.db, { limit: 1 })).toEqual([])
  })
})

test('hostile names and facts are text on every page of the wizard', async () => {
  const web = await restorableArchives()
  const hostile = '"><script>alert(1)</script>\u202e\n'
  const name = `jerry_${hostile}`
  await seedArchives(web.deps.db, {
    name,
    type: 'custom_dir',
    app: hostile,
    instance_name: hostile,
    backup_info_json: JSON.stringify({ ...folderInfo, source_path: `/srv/${hostile}` }),
  })
  web.machine.plan = (args) => ({
    ...folderPlan,
    archive: args.archive,
    target: `/srv/${hostile}`,
    steps: [{ code: 'stop_service', facts: { service: hostile } }],
    warnings: [{ code: 'user_exists', facts: { user: hostile } }],
  })
  const where = `/restore/${encodeURIComponent(name)}`
  const pages = [
    await page(web.get('/restore')),
    await page(web.get(`/restore?q=${encodeURIComponent(hostile)}`)),
    await page(web.get(where)),
    await page(web.post(`${where}/plan`, { form: '1', paths: hostile, target_path: hostile })),
  ]
  for (const html of pages) expect(html).not.toContain('<script>alert')
  expect(visibleText(pages[3] ?? '\u202e')).not.toContain('\u202e')
  expect(pages[3]).toContain('>restore</code>')
})
