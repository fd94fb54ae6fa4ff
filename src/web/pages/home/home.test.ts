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

describe('what needs somebody', () => {
  test('nothing: no box, and the title says that all is well', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await seedRun(web.deps.db, job.id)
    web.machine.apps = web.machine.apps.filter((app) => app.id === 'nextcloud')
    const html = await page(web)
    expect(html).toContain('<title>● all is well – jerry</title>')
    expect(html).not.toContain('attention-title')
  })

  test('the title is not well while an app is not protected, or no job is turned on', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await seedRun(web.deps.db, job.id)
    expect(await page(web)).toContain('<title>▲ 1 app not protected – jerry</title>')
    await web.deps.engine.setJobEnabled(job.id, false, 'test')
    expect(await page(web)).toContain('<title>– no job is turned on – jerry</title>')
    expect(await page(web, '/', 'fr')).toContain('<title>– aucune tâche n’est active – jerry</title>')
  })

  test('a job whose archives are all gone or damaged, however well its runs end', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await seedRun(web.deps.db, job.id)
    await seedArchives(
      web.deps.db,
      { name: 'gone', job_id: job.id, missing_at: testNow },
      { name: 'bad', job_id: job.id, state: 'corrupted' },
    )
    const html = await page(web)
    const text = visibleText(html)
    expect(text).toContain('“nextcloud” has no good archive left: the file is gone or damaged.')
    expect(text).toContain('1 archive is no longer in its folder')
    expect(html).toContain('href="/archives?state=missing"')
    expect(html).toContain(`formaction="/jobs/${job.id}/run"`)
    expect(text).toContain('no archive nextcloud')
    expect(text).toContain('0 of 2 apps have a good backup')
    expect(text).toContain('no good backup yet')
    expect(await page(web, '/?only=problem')).toContain('>nextcloud</a>')
    await page(web, '/', 'fr')
  })

  test('a job whose backups are cancelled night after night', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await web.deps.db
      .updateTable('jobs')
      .set({ created_at: testNow - 9 * day })
      .execute()
    await seedRun(web.deps.db, job.id, { finished_at: testNow - 5 * day })
    const nothing = { status: 'cancelled', archive_name: null, size_bytes: null } as const
    for (let n = 4; n > 0; n--) {
      await seedRun(web.deps.db, job.id, { ...nothing, finished_at: testNow - n * day })
    }
    const html = await page(web)
    const text = visibleText(html)
    expect(html).toMatch(/<title>■ 1 /)
    expect(text).toContain('“nextcloud” has had no good backup for 5 d.')
    expect(text).toContain('Its last good backup is older than its schedule allows. Run it now.')
    expect(text).toContain('0 of 2 apps have a good backup')
    expect(await page(web, '/?only=problem')).toContain('>nextcloud</a>')
  })

  test('says what YunoHost said, on one short line, and which target was not saved', async () => {
    const web = await testWeb()
    const bad = await seedJob(web.deps.engine, { name: 'bad' })
    const detail = `Failed to collect\n files ${'x'.repeat(500)}`
    const errorFacts = JSON.stringify({ detail })
    const run = await seedRun(web.deps.db, bad.id, {
      ...failed,
      error_code: 'yunohost_failed',
      error_facts: errorFacts,
    })
    const partial = await seedJob(web.deps.engine, { name: 'partial' })
    const targets = [
      { kind: 'app', id: 'nocodb', status: 'success' },
      { kind: 'app', id: 'wiki', status: 'warning', detail: 'database was locked' },
    ]
    await seedRun(web.deps.db, partial.id, { status: 'warning', targets_json: JSON.stringify(targets) })
    const html = await page(web)
    expect(html).toMatch(/<code>Failed to collect files x{100,190}…<\/code>/)
    expect(visibleText(html)).toContain('“partial” has 1 warning.')
    expect(html).toContain('<code>database was locked</code>')
    expect(await page(web, `/runs/${run}`)).toContain('<code>Failed to collect')
  })

  test('removal that was suspended says why in words', async () => {
    const web = await testWeb()
    for (const reason of ['clock_jump', 'size_collapse', 'verify_failed']) {
      const job = await seedJob(web.deps.engine, { name: reason.replace('_', ' ') })
      const change = { retention_hold: reason }
      await web.deps.db.updateTable('jobs').set(change).where('id', '=', job.id).execute()
    }
    for (const language of ['en', 'fr']) {
      expect(visibleText(await page(web, '/', language))).not.toMatch(
        /clock_jump|size_collapse|verify_failed/,
      )
    }
  })

  test('comes worst first, each with what to do; the title counts', async () => {
    const web = await testWeb()
    const odd = await seedJob(web.deps.engine, { name: 'odd' })
    await seedRun(web.deps.db, odd.id, { status: 'warning', warning_count: 3 })
    const broken = await seedJob(web.deps.engine, { name: 'broken', config: { app_id: 'nocodb' } })
    await seedRun(web.deps.db, broken.id, { started_at: testNow - 3 * day, finished_at: testNow - 3 * day })
    const bad = await seedRun(web.deps.db, broken.id, failed)
    await seedArchives(web.deps.db, { name: 'jerry_x_20261101', state: 'corrupted', state_detail: 'hash' })
    const html = await page(web)
    const text = visibleText(html)
    expect(html).toContain('<title>■ 2 failed – jerry</title>')
    expect(text).toContain('3 things need you')
    expect(text).toContain('“broken” has had no good backup for 3 d. Last error: Not enough room on the disk')
    expect(text.indexOf('1 archive is damaged')).toBeLessThan(text.indexOf('“odd” has 3 warnings'))
    expect(html).toContain(`href="/runs/${bad}"`)
    expect(html).toContain(`formaction="/jobs/${broken.id}/run"`)
    await page(web, '/', 'fr')
  })

  test('a tick that passed without a run, a suspended removal, a full disk', async () => {
    const web = await testWeb()
    const late = await seedJob(web.deps.engine, { name: 'late' })
    await web.deps.db
      .updateTable('jobs')
      .set({ next_run_at: testNow - day })
      .where('id', '=', late.id)
      .execute()
    const held = await seedJob(web.deps.engine, { name: 'held' })
    await web.deps.db
      .updateTable('jobs')
      .set({ retention_hold: 'verify_failed' })
      .where('id', '=', held.id)
      .execute()
    web.machine.disk = { totalBytes: 100 * 2 ** 30, freeBytes: 2 ** 20 }
    const text = visibleText(await page(web))
    expect(text).toContain('“late” has never had a good backup.')
    expect(text).toContain(
      'Old archives of “held” are no longer removed: an archive turned out to be damaged',
    )
    expect(text).toContain('The archives’ disk is full')
  })

  test('a machine that does not answer is itself the first thing', async () => {
    const web = await testWeb()
    await seedJob(web.deps.engine)
    web.machine.broken = new Problem('helper_unavailable')
    const response = await web.get('/')
    expect(response.status).toBe(200)
    expect(visibleText(await response.text())).toContain('1 thing needs you')
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
