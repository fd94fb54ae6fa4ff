import { describe, expect, test } from 'vitest'
import { seedArchives } from '../../../../test/support/archives.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { failed, running, seedJob, seedRun } from '../../../../test/support/job-seeds.ts'
import { testNow, testWeb, type TestWeb } from '../../../../test/support/web.ts'
import { Problem } from '../../../domain/problem.ts'
import { listJobs } from '../../../store/jobs.ts'
import { openRuns } from '../../../store/runs.ts'

const day = 86_400_000

async function page(web: TestWeb, path = '/', language = 'en'): Promise<string> {
  const response = await web.get(path, { 'accept-language': language })
  expect(response.status).toBe(200)
  const html = await response.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

describe('the first visit', () => {
  test('offers all installed apps and the system, ticked, in both languages', async () => {
    const web = await testWeb()
    for (const language of ['en', 'fr']) await page(web, '/', language)
    const html = await page(web)
    expect(html).toContain('<input type="checkbox" name="apps" value="nextcloud" checked>')
    expect(html).toContain('<input type="checkbox" name="apps" value="nocodb" checked>')
    expect(html).toContain('<input type="checkbox" name="system" value="1" checked>')
    expect(visibleText(html)).toContain('Time zone: Europe/Paris')
  })

  test('one click creates a job for each, and starts them when asked', async () => {
    const web = await testWeb()
    const fields = {
      apps: ['nextcloud', 'nocodb'],
      system: '1',
      time: '22:15',
      keep: 'fortnight',
      start_now: '1',
    }
    const response = await web.post('/jobs/protect', fields)
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/')
    const jobs = await listJobs(web.deps.db)
    expect(jobs.map((job) => job.name)).toEqual(['nextcloud', 'nocodb', 'system'])
    expect(jobs[0]).toMatchObject({
      type: 'ynh_app',
      config: { app_id: 'nextcloud' },
      cronExpr: '15 22 * * *',
      retention: { mode: 'daily', days: 14 },
      enabled: true,
    })
    expect(await openRuns(web.deps.db)).toHaveLength(3)
    // Protected by a job, not by an archive yet.
    expect(visibleText(await page(web))).toContain('0 of 2 apps have a good backup')
  })

  test('nothing chosen creates nothing and says so', async () => {
    const web = await testWeb()
    const response = await web.post('/jobs/protect', {})
    const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? ''
    expect(await (await web.get('/', { cookie })).text()).toContain('Nothing was chosen')
    expect(await listJobs(web.deps.db)).toEqual([])
  })

  test('without YunoHost there is still a way on', async () => {
    const web = await testWeb()
    web.machine.apps = []
    web.machine.parts = []
    for (const language of ['en', 'fr']) {
      const html = await page(web, '/', language)
      expect(html).not.toContain('action="/jobs/protect"')
      expect(html).not.toContain('No YunoHost app was found')
      expect(html).toContain('href="/jobs/new"')
    }
    expect(visibleText(await page(web))).toContain('YunoHost was not found here. Begin with a folder.')
  })

  test('a YunoHost without apps still offers the system', async () => {
    const web = await testWeb()
    web.machine.apps = []
    const text = visibleText(await page(web))
    expect(text).toContain('No YunoHost app was found')
    expect(text).toContain('Create the jobs')
  })

  test('a YunoHost that does not answer is told as that; nothing is claimed, nothing offered', async () => {
    const web = await testWeb()
    web.machine.broken = new Problem('yunohost_failed', { detail: 'Could not   initialize\nLDAP' })
    const html = await page(web)
    const text = visibleText(html)
    expect(text).toContain('YunoHost could not be asked which apps are installed')
    expect(text).toContain('Could not initialize LDAP')
    expect(text).not.toContain('could not make the backup')
    expect(text).not.toContain('was found')
    expect(text).not.toContain('not found')
    expect(html).not.toContain('action="/jobs/protect"')
    const response = await web.post('/jobs/protect', { apps: 'nocodb' })
    expect([response.status, response.headers.get('location')]).toEqual([303, '/'])
    expect(await listJobs(web.deps.db)).toEqual([])
  })
})

describe('protecting', () => {
  test('an app that has no job is named, with a button that makes one', async () => {
    const web = await testWeb()
    await seedJob(web.deps.engine)
    const html = await page(web)
    expect(visibleText(html)).toContain('1 app is not protected')
    expect(html).toContain('name="apps" value="nocodb"')
    await web.post('/jobs/protect', { apps: 'nocodb' })
    expect((await listJobs(web.deps.db)).map((job) => job.name)).toEqual(['nextcloud', 'nocodb'])
    expect(await openRuns(web.deps.db)).toEqual([])
  })

  test('many apps are all counted and reachable, and one button protects all of them', async () => {
    const web = await testWeb()
    await seedJob(web.deps.engine)
    const [model] = web.machine.apps
    if (!model) throw new Error('no app')
    const others = Array.from({ length: 16 }, (_, i) => ({ ...model, id: `app${i}`, name: `App ${i}` }))
    web.machine.apps = [model, ...others]
    const html = await page(web)
    expect(visibleText(html)).toContain('16 apps are not protected')
    expect(visibleText(html)).toContain('and 4 more')
    expect([...html.matchAll(/name="apps" value="app\d+"/g)]).toHaveLength(16)
    expect(visibleText(html)).toContain('Protect all 16')
    await web.post('/jobs/protect', { all: '1' })
    expect(await listJobs(web.deps.db)).toHaveLength(17)
    expect(visibleText(await page(web))).not.toContain('not protected')
  })

  test('an app whose job is turned off is not protected', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await web.deps.engine.setJobEnabled(job.id, false, 'test')
    expect(visibleText(await page(web))).toContain('2 apps are not protected')
  })

  test('an app whose name another job has gets its kind behind it', async () => {
    const web = await testWeb()
    await seedJob(web.deps.engine, { name: 'nocodb', config: { app_id: 'nextcloud' } })
    await web.post('/jobs/protect', { apps: 'nocodb' })
    expect((await listJobs(web.deps.db)).map((job) => job.name)).toEqual(['nocodb', 'nocodb (ynh_app)'])
  })

  test('an app that is not installed is not taken from the form', async () => {
    const web = await testWeb()
    await web.post('/jobs/protect', { apps: ['evil; rm -rf /', 'nocodb'] })
    expect((await listJobs(web.deps.db)).map((job) => job.name)).toEqual(['nocodb'])
  })

  test('what could not be created is said with its reason', async () => {
    const web = await testWeb()
    web.machine.checkErrors = [
      { field: 'config.app_id', code: 'app_not_installed', facts: { app: 'nocodb' } },
    ]
    const response = await web.post('/jobs/protect', { apps: ['nextcloud', 'nocodb'] })
    const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? ''
    expect(visibleText(await (await web.get('/', { cookie })).text())).toMatch(
      /0 created, 2 not\. The first: “\w+”/,
    )
  })
})

describe('the table', () => {
  test('tells of each job state, runs, last good, size, next', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine, { name: `"><script>alert('x')` })
    await seedRun(web.deps.db, job.id)
    const html = await page(web)
    expect(html).not.toContain('<script>')
    expect(html).toContain('aria-label="Last run: 1 ok"')
    const text = visibleText(html)
    expect(text).toContain('1 hour ago')
    expect(text).toContain('412 MiB')
    expect(text).toContain('in 17 hours')
    expect(html).toContain(`formaction="/jobs/${job.id}/run"`)
  })

  test('a working job is watched, not run', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    const run = await seedRun(web.deps.db, job.id, running)
    const html = await page(web)
    expect(html).toContain(`href="/runs/${run}"`)
    expect(html).not.toContain(`formaction="/jobs/${job.id}/run"`)
  })

  test('a job whose last good backup is too old is overdue', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await web.deps.db
      .updateTable('jobs')
      .set({ created_at: testNow - 9 * day })
      .execute()
    await seedRun(web.deps.db, job.id, { finished_at: testNow - 5 * day })
    expect(visibleText(await page(web))).toContain('overdue')
  })

  test('is found by name and filtered, and says when nothing matches', async () => {
    const web = await testWeb()
    await seedJob(web.deps.engine, { name: 'photos' })
    const bad = await seedJob(web.deps.engine, { name: 'mail' })
    await seedRun(web.deps.db, bad.id, failed)
    expect(visibleText(await page(web, '/?q=phot'))).not.toContain('Run now mail')
    const problems = await page(web, '/?only=problem')
    expect(problems).toContain(`>mail</a>`)
    expect(problems).not.toContain('>photos</a>')
    expect(visibleText(await page(web, `/?q=${encodeURIComponent('"><b>')}`))).toContain('No job matches.')
    expect((await web.get('/?page=-3&only=zzz')).status).toBe(200)
  })

  test('has pages of fifty that keep the search', async () => {
    const web = await testWeb()
    for (let i = 0; i < 60; i++) await seedJob(web.deps.engine, { name: `job ${i}` })
    const first = await page(web, '/?q=job')
    expect(visibleText(first)).toContain('1–50 of 60 jobs')
    const next = /rel="next" href="([^"]+)"/.exec(first)?.[1]?.replaceAll('&amp;', '&') ?? ''
    expect(next).toBe('/?q=job&page=2')
    expect(visibleText(await page(web, next))).toContain('51–60 of 60 jobs')
  })
})

describe('live', () => {
  test('sends nothing to a browser that has just been given the page, then what has changed', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await seedRun(web.deps.db, job.id, running)
    const live = /data-live="([^"]+)"/.exec(await page(web))?.[1]?.replaceAll('&amp;', '&') ?? ''
    const response = await web.get(live)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    const first = reader?.read()
    await web.deps.db.updateTable('runs').set({ status: 'success', finished_at: testNow }).execute()
    const sent = (await first)?.value ?? ''
    expect(sent).toContain('event: fragment')
    expect(sent).toContain('"id":"home-')
    expect(sent).not.toContain('running')
    await reader?.cancel()
  })

  test('sends all of it to a browser that was away', async () => {
    const web = await testWeb()
    await seedJob(web.deps.engine)
    const response = await web.get('/home/events?seen=something-else')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('"id":"home-table"')) text += (await reader?.read())?.value ?? ''
    expect(text).toContain('"id":"home-attention"')
    expect(text).toContain('"id":"home-summary"')
    await reader?.cancel()
  })
})

test('below a base path, every link and form of home, jobs and runs stays below it', async () => {
  const web = await testWeb({ config: { basePath: '/backup' } })
  const job = await seedJob(web.deps.engine)
  const bad = await seedRun(web.deps.db, job.id, failed)
  await seedArchives(web.deps.db, { name: 'jerry_nextcloud_20261121', job_id: job.id })
  const paths = [
    '',
    '/runs',
    `/runs/${bad}`,
    `/jobs/${job.id}`,
    `/jobs/${job.id}/edit`,
    `/jobs/${job.id}/delete`,
  ]
  for (const path of [...paths, '/jobs/new', `/jobs/${job.id}/retention`]) {
    const html = await page(web, `/backup${path}`)
    const links = [...html.matchAll(/\s(?:href|action|formaction|data-live|data-preview|src)="([^"]*)"/g)]
    expect(links.length).toBeGreaterThan(5)
    expect(
      links.map(([, link]) => link).filter((link) => !/^(\/backup(\/|$)|#)/.test(link ?? '')),
      path,
    ).toEqual([])
  }
})
