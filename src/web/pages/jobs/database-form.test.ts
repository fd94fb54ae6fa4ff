// The form of a database's job: what the server has is offered, and a password is never seen again.
import { describe, expect, test } from 'vitest'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { seedJob } from '../../../../test/support/job-seeds.ts'
import { testWeb, type FormFields, type TestWeb } from '../../../../test/support/web.ts'
import { Problem } from '../../../domain/problem.ts'
import { getJob, listJobs } from '../../../store/jobs.ts'

const types = ['mysql', 'postgresql'] as const
const password = 'correct horse battery'
const common: FormFields = {
  name: 'wiki tables',
  preset: 'daily',
  'time-daily': '03:00',
  'retention.mode': 'count',
  'retention.count': '7',
  enabled: '1',
  'config.database': 'wiki',
}
const elsewhere: FormFields = {
  'config.host': '127.0.0.1',
  'config.port:number': '3307',
  'config.user': 'backup',
  'config.password': password,
}

async function page(web: TestWeb, path: string, language = 'en'): Promise<string> {
  const response = await web.get(path, { 'accept-language': language })
  expect(response.status).toBe(200)
  const html = await response.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

async function stored(web: TestWeb, type: string = 'mysql') {
  const response = await web.post('/jobs', { ...common, ...elsewhere, type })
  expect(response.status).toBe(303)
  const [job] = await listJobs(web.deps.db)
  if (job === undefined) throw new Error('there is no job')
  return job
}

describe.each(types)('a new job of %s', (type) => {
  test('obeys what every page must, in both languages, and offers the databases of the server', async () => {
    const web = await testWeb()
    web.machine.offers.set(type, { missingTool: null, databases: ['nextcloud', 'wiki'], error: null })
    for (const language of ['en', 'fr']) {
      const html = await page(web, `/jobs/new?type=${type}`, language)
      expect(html).toContain('<option value="nextcloud">')
      expect(visibleText(html)).toContain('nextcloud, wiki')
    }
  })

  test('says why the server could not be asked, and takes what is typed', async () => {
    const web = await testWeb()
    web.machine.offers.set(type, { missingTool: null, databases: null, error: 'connection <refused>' })
    const html = await page(web, `/jobs/new?type=${type}`)
    expect(html).toContain('could not be asked what it has: connection &lt;refused&gt;')
    expect((await web.post('/jobs', { ...common, type })).status).toBe(303)
  })

  test('is not offered where its program is missing, with the reason', async () => {
    const web = await testWeb()
    web.machine.offers.set(type, { missingTool: 'the-client', databases: null, error: null })
    const html = await page(web, '/jobs/new')
    expect(visibleText(html)).toContain('the program “the-client” is missing')
    expect(html).not.toContain(`href="/jobs/new?type=${type}"`)
    expect(visibleText(await page(web, `/jobs/new?type=${type}`))).toContain('the-client')
  })

  test('comes also when the helper does not answer', async () => {
    const web = await testWeb()
    web.machine.broken = new Problem('helper_unavailable')
    expect((await web.get(`/jobs/new?type=${type}`)).status).toBe(200)
  })

  test('stores the settings, the password encrypted', async () => {
    const web = await testWeb()
    const job = await stored(web, type)
    expect(job.config).toMatchObject({ database: 'wiki', host: '127.0.0.1', port: 3307, user: 'backup' })
    expect(job.config['password']).toMatch(/^v1:/)
    expect(web.machine.checked.at(-1)).toMatchObject({ password })
  })

  test('names what is wrong beside its field, keeps what was typed, and shows no password', async () => {
    const web = await testWeb()
    web.machine.checkErrors = [{ field: 'config.user', code: 'login_refused' }]
    const wrong = { ...common, ...elsewhere, type, 'config.port:number': 'ninety' }
    const response = await web.post('/jobs', wrong)
    expect(response.status).toBe(422)
    const html = await response.text()
    expect(htmlProblems(html)).toEqual([])
    expect(html).toMatch(/id="config.port-error">.*A port is a whole number/)
    expect(html).toContain('value="ninety"')
    expect(html).toContain('value="backup"')
    expect(html).not.toContain(password)
    expect(await web.post('/jobs', { ...common, ...elsewhere, type }).then((one) => one.text())).toMatch(
      /id="config.user-error">.*refuses this user or password/,
    )
    expect(await listJobs(web.deps.db)).toEqual([])
  })
})

describe('the stored password', () => {
  test('is on no page, neither as it was typed nor as it is stored', async () => {
    const web = await testWeb()
    const { id, config } = await stored(web)
    const sealed = String(config['password'])
    const paths = ['', '/edit', '/delete', '/retention'].map((path) => `/jobs/${id}${path}`)
    for (const path of ['/', '/runs', '/activity', '/settings', ...paths]) {
      const html = await page(web, path)
      expect(html, path).not.toContain(sealed)
      expect(html, path).not.toContain(password)
    }
    const again = { ...common, type: 'mysql', intent: 'preview', 'config.password': 'typed just now' }
    for (const path of ['', '/preview']) {
      const html = await (await web.post(`/jobs/${id}${path}`, again)).text()
      expect(html).not.toContain('typed just now')
      expect(html).not.toContain(sealed)
    }
    expect(web.logged.join('\n')).not.toContain(password)
  })

  test('stays when its field is left empty, and the machine is asked with it', async () => {
    const web = await testWeb()
    const { id } = await stored(web)
    const html = await page(web, `/jobs/${id}/edit`)
    expect(visibleText(html)).toContain('A password is stored; it is never shown.')
    expect(html).toContain('type="password" autocomplete="new-password" aria-describedby')
    const fields = { ...common, ...elsewhere, 'config.password': '', 'config.host': 'db.example.org' }
    expect((await web.post(`/jobs/${id}`, fields)).status).toBe(303)
    expect(web.machine.checked.at(-1)).toMatchObject({ password, host: 'db.example.org' })
    expect((await getJob(web.deps.db, id))?.config['password']).toMatch(/^v1:/)
  })

  test('is forgotten when that is ticked', async () => {
    const web = await testWeb()
    const { id } = await stored(web)
    const fields = { ...common, ...elsewhere, 'config.password': '', 'forget.config.password': '1' }
    expect((await web.post(`/jobs/${id}`, fields)).status).toBe(303)
    expect((await getJob(web.deps.db, id))?.config).not.toHaveProperty('password')
    expect(visibleText(await page(web, `/jobs/${id}/edit`))).not.toContain('A password is stored')
  })

  test('that cannot be read any more has to be typed again, and is not lost before', async () => {
    const web = await testWeb()
    const { id } = await stored(web)
    const config = { database: 'wiki', password: 'v1:of-another-key' }
    await web.deps.db
      .updateTable('jobs')
      .set({ config_json: JSON.stringify(config) })
      .execute()
    const response = await web.post(`/jobs/${id}`, { ...common, 'config.password': '' })
    expect(response.status).toBe(422)
    expect(await response.text()).toMatch(/id="config.password-error">.*This is needed/)
    expect((await getJob(web.deps.db, id))?.config).toEqual(config)
    expect((await web.post(`/jobs/${id}`, { ...common, 'config.password': 'new one' })).status).toBe(303)
    expect(web.machine.checked.at(-1)).toMatchObject({ password: 'new one' })
  })
})

test('the lists name the database, never another setting', async () => {
  const web = await testWeb()
  await seedJob(web.deps.engine, {
    name: 'tables',
    type: 'postgresql',
    config: { user: 'x1', database: 'wiki' },
  })
  const text = visibleText(await page(web, '/'))
  expect(text).toContain('PostgreSQL database · wiki')
  expect(text).not.toContain('x1')
})
