import { describe, expect, test } from 'vitest'
import { seedArchives } from '../../../../test/support/archives.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { failed, running, seedJob, seedRun } from '../../../../test/support/job-seeds.ts'
import { testNow, testWeb, type FormFields, type TestWeb } from '../../../../test/support/web.ts'
import { Problem } from '../../../domain/problem.ts'
import { addActivity } from '../../../store/activity.ts'
import { getJob, listJobs } from '../../../store/jobs.ts'
import { openRuns } from '../../../store/runs.ts'

const common: FormFields = {
  name: 'cloud',
  preset: 'daily',
  'time-daily': '03:00',
  'retention.mode': 'count',
  'retention.count': '7',
  enabled: '1',
}
const form: FormFields = { ...common, type: 'ynh_app', 'config.app_id': 'nextcloud' }
const folder: FormFields = { ...common, type: 'custom_dir', 'config.source_path': '/opt/photos' }
const hostile = `"><script>alert('x')</script>`

async function page(web: TestWeb, path: string, language = 'en'): Promise<string> {
  const response = await web.get(path, { 'accept-language': language })
  expect(response.status).toBe(200)
  const html = await response.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

describe('the form for a new job', () => {
  test.each(['ynh_app', 'ynh_system', 'custom_dir'])(
    '%s obeys what every page must, in both languages',
    async (type) => {
      const web = await testWeb()
      for (const language of ['en', 'fr']) {
        expect(await page(web, `/jobs/new?type=${type}`, language)).toContain(`name="type" value="${type}"`)
      }
    },
  )

  test('offers what is really there', async () => {
    const web = await testWeb()
    expect(await page(web, '/jobs/new?type=ynh_app')).toContain(
      '<option value="nocodb">NocoDB (nocodb)</option>',
    )
    expect(await page(web, '/jobs/new?type=ynh_system')).toContain('value="data_mail"')
    expect(await page(web, '/jobs/new?type=nonsense')).toContain('name="config.app_id"')
  })

  test('shows the next five runs, the archive’s name and what would be kept, before anything is typed', async () => {
    const text = visibleText(await page(await testWeb(), '/jobs/new?type=ynh_app'))
    expect(text).toContain('every day at 03:00')
    expect(text).toContain('Sunday 22 November at 03:00')
    expect(text).toContain('archives would be kept')
    expect(text).toContain('Times are those of Europe/Paris')
  })

  test('still comes when the machine does not answer, with the reason', async () => {
    const web = await testWeb()
    web.machine.broken = new Problem('helper_unavailable')
    const response = await web.get('/jobs/new?type=custom_dir')
    expect(response.status).toBe(200)
    expect(htmlProblems(await response.text())).toEqual([])
  })

  test('creates the job and shows it', async () => {
    const web = await testWeb()
    const response = await web.post('/jobs', form)
    expect(response.status).toBe(303)
    const [job] = await listJobs(web.deps.db)
    expect(response.headers.get('location')).toBe(`/jobs/${job?.id}`)
    expect(job).toMatchObject({
      name: 'cloud',
      type: 'ynh_app',
      config: { app_id: 'nextcloud', core_only: false },
      cronExpr: '0 3 * * *',
      retention: { mode: 'count', count: 7 },
      enabled: true,
    })
  })

  test('a folder with its exclusions, hooks, limits and another schedule', async () => {
    const web = await testWeb()
    await web.post('/jobs', {
      ...folder,
      'config.excludes:lines': 'cache/\r\n*.tmp',
      preset: 'weekly',
      weekday: '6',
      'time-weekly': '22:30',
      'retention.mode': 'gfs',
      'retention.daily': '7',
      'retention.weekly': '4',
      'retention.monthly': '3',
      'retention.yearly': '1',
      'retention.max_bytes': '50',
      'hooks.pre_backup': 'systemctl stop photos',
      'hooks.post_backup': 'systemctl start photos',
      'hooks.timeout_s': '60',
      timeout_min: '90',
    })
    const [job] = await listJobs(web.deps.db)
    expect(job).toMatchObject({
      config: { source_path: '/opt/photos', excludes: ['cache/', '*.tmp'] },
      cronExpr: '30 22 * * 6',
      retention: { mode: 'gfs', daily: 7, weekly: 4, monthly: 3, yearly: 1, maxBytes: 50 * 2 ** 30 },
      hooks: { preBackup: 'systemctl stop photos', postBackup: 'systemctl start photos', timeoutS: 60 },
      timeoutS: 5400,
    })
  })

  test('wrong input comes back beside its field, with all that was typed, and nothing is written', async () => {
    const web = await testWeb()
    web.machine.checkErrors = [
      { field: 'config.app_id', code: 'app_not_installed', facts: { app: 'nextcloud' } },
    ]
    const wrong = {
      ...form,
      name: `a/${hostile}`,
      preset: 'custom',
      cron_expr: 'every night',
      'retention.count': 'seven',
      'hooks.pre_backup': hostile,
    }
    const response = await web.post('/jobs', wrong)
    expect(response.status).toBe(422)
    const html = await response.text()
    expect(htmlProblems(html)).toEqual([])
    expect(html).toContain('id="name-error"')
    expect(html).toContain('id="cron_expr-error"')
    expect(html).toContain('id="retention.count-error"')
    expect(html).toContain('value="every night"')
    expect(html).toContain('value="seven"')
    expect(html).not.toContain(hostile)
    expect(html).toContain('&quot;&gt;&lt;script&gt;')
    expect(visibleText(html)).toContain('Nothing was saved')
    expect(await listJobs(web.deps.db)).toEqual([])
  })

  test('what the machine refuses comes back beside its field too', async () => {
    const web = await testWeb()
    web.machine.checkErrors = [{ field: 'config.source_path', code: 'path_missing' }]
    const response = await web.post('/jobs', folder)
    expect(response.status).toBe(422)
    expect(await response.text()).toMatch(/id="config.source_path-error">.*nothing at this path/)
    expect(await listJobs(web.deps.db)).toEqual([])
  })

  test('a second job of one name is refused', async () => {
    const web = await testWeb()
    await seedJob(web.deps.engine, { name: 'Cloud' })
    const response = await web.post('/jobs', form)
    expect(response.status).toBe(422)
    expect(await response.text()).toContain('Another job has this name.')
  })

  test('without scripts, its preview button shows the form again, saving nothing', async () => {
    const web = await testWeb()
    const response = await web.post('/jobs', { ...form, 'time-daily': '22:15', intent: 'preview' })
    expect(response.status).toBe(200)
    const html = await response.text()
    expect(visibleText(html)).toContain('every day at 22:15')
    expect(html).toContain('value="cloud"')
    expect(await listJobs(web.deps.db)).toEqual([])
  })

  test('with scripts, the preview alone is answered, also for half a form', async () => {
    const web = await testWeb()
    const whole = await (await web.post('/jobs/preview', { ...form, preset: 'hourly', minute: '5' })).text()
    expect(visibleText(whole)).toContain('every hour at minute 05')
    expect(whole).toContain('jerry_nextcloud_20261121.tar')
    expect(whole).not.toContain('<html')
    const half = await web.post('/jobs/preview', { type: 'custom_dir', preset: 'custom', cron_expr: '* *' })
    expect(half.status).toBe(200)
    expect(visibleText(await half.text())).toContain('not a schedule')
  })
})

describe('editing', () => {
  test('changes the job and leaves what the form does not show', async () => {
    const web = await testWeb()
    const config = { source_path: '/opt/x', excludes: ['cache/'], restore: { permissions: { mode: '0750' } } }
    const job = await seedJob(web.deps.engine, { name: 'x', type: 'custom_dir', config })
    const html = await page(web, `/jobs/${job.id}/edit`)
    expect(html).toContain('value="/opt/x"')
    expect(html).toContain('value="03:00"')
    const response = await web.post(`/jobs/${job.id}`, {
      ...folder,
      name: 'y',
      'config.source_path': '/opt/y',
      'config.excludes:lines': '',
    })
    expect(response.headers.get('location')).toBe(`/jobs/${job.id}`)
    const changed = await getJob(web.deps.db, job.id)
    expect(changed).toMatchObject({ name: 'y', type: 'custom_dir' })
    expect(changed?.config).toMatchObject({
      source_path: '/opt/y',
      excludes: [],
      restore: { permissions: { mode: '0750' } },
    })
  })

  test('shows what a shorter rule would remove, by name', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await archives(web, job.id, 5)
    const fields = { ...form, 'retention.count': '2' }
    const text = visibleText(await (await web.post(`/jobs/${job.id}/preview`, fields)).text())
    expect(text).toContain('3 archives')
    expect(text).toContain('jerry_nextcloud_2026111')
  })

  test('wrong input keeps the job as it was', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    const response = await web.post(`/jobs/${job.id}`, { ...form, name: '' })
    expect(response.status).toBe(422)
    expect(await getJob(web.deps.db, job.id)).toMatchObject({ name: 'nextcloud' })
  })
})

describe('a job’s page', () => {
  test('shows settings, runs, archives with reasons, and skipped ticks, in both languages', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine, { hooks: { preBackup: hostile }, timeoutS: 600 })
    for (let i = 0; i < 35; i++) await seedRun(web.deps.db, job.id)
    await seedRun(web.deps.db, job.id, failed)
    await archives(web, job.id, 9)
    const facts = { reason: 'still_running', due: testNow }
    await addActivity(web.deps.db, {
      at: testNow,
      actor: 'scheduler',
      action: 'run.skipped',
      subject: 'x',
      jobId: job.id,
      facts,
    })
    for (const language of ['en', 'fr']) await page(web, `/jobs/${job.id}`, language)
    const html = await page(web, `/jobs/${job.id}`)
    const text = visibleText(html)
    expect(html).not.toContain(hostile)
    expect(text).toContain('the 7 newest')
    expect(text).toContain('older than those counted')
    expect(text).toContain('Remove 2 archives…')
    expect(text).toContain('the run before it was not finished')
    expect(html).toContain('aria-label="Last 30 runs: 29 ok, 1 failed"')
    const older = /href="(\/jobs\/\d+\?before=\d+)#runs"/.exec(html)?.[1] ?? ''
    expect(visibleText(await page(web, older))).toContain('Newest')
  })

  test('a job that never ran has an empty page that says so', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    const text = visibleText(await page(web, `/jobs/${job.id}`))
    expect(text).toContain('No run yet')
    expect(text).toContain('No archive yet')
  })

  test('an unknown job is not found', async () => {
    const web = await testWeb()
    for (const path of ['/jobs/99', '/jobs/x', '/jobs/99/edit', '/jobs/99/delete', '/jobs/99/retention']) {
      expect((await web.get(path)).status, path).toBe(404)
    }
    expect((await web.post('/jobs/99/run')).status).toBe(404)
  })
})

describe('actions', () => {
  test('Run now queues a run and shows it; asked again, it shows the same run', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    const first = await web.post(`/jobs/${job.id}/run`)
    expect(first.status).toBe(303)
    const [run] = await openRuns(web.deps.db)
    expect(first.headers.get('location')).toBe(`/runs/${run?.id}`)
    const second = await web.post(`/jobs/${job.id}/run`)
    expect(second.headers.get('location')).toBe(`/runs/${run?.id}`)
    expect(await openRuns(web.deps.db)).toHaveLength(1)
  })

  test('a job is turned off and on', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    expect((await web.post(`/jobs/${job.id}/disable`)).status).toBe(303)
    expect(await getJob(web.deps.db, job.id)).toMatchObject({ enabled: false })
    expect(visibleText(await page(web, `/jobs/${job.id}`))).toContain('This job is turned off')
    await web.post(`/jobs/${job.id}/enable`)
    expect(await getJob(web.deps.db, job.id)).toMatchObject({ enabled: true })
  })

  test('removal that was suspended is allowed again', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await web.deps.db.updateTable('jobs').set({ retention_hold: 'verify_failed' }).execute()
    expect(visibleText(await page(web, `/jobs/${job.id}`))).toContain('an archive turned out to be damaged')
    expect((await web.post(`/jobs/${job.id}/release`)).status).toBe(303)
    expect(await getJob(web.deps.db, job.id)).toMatchObject({ retentionHold: null })
  })

  test('old archives are removed after saying exactly which', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine, { retention: { mode: 'count', count: 2 } })
    await archives(web, job.id, 4)
    const html = await page(web, `/jobs/${job.id}/retention`)
    expect(visibleText(html)).toContain('Delete 2 archives, 824 MiB')
    const remove = [...html.matchAll(/name="remove" value="([^"]+)"/g)].map(([, name]) => name ?? '')
    const response = await web.post(`/jobs/${job.id}/retention`, { remove })
    expect(response.status).toBe(303)
    expect(web.machine.deleted.toSorted()).toEqual(remove.toSorted())
  })

  test('nothing is removed when the plan has changed since it was shown', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine, { retention: { mode: 'count', count: 2 } })
    await archives(web, job.id, 4)
    const response = await web.post(`/jobs/${job.id}/retention`, { remove: ['jerry_nextcloud_20261117'] })
    expect(response.status).toBe(409)
    const html = await response.text()
    expect(htmlProblems(html)).toEqual([])
    expect(visibleText(html)).toContain('The plan has changed')
    expect(web.machine.deleted).toEqual([])
  })

  test('deleting a job asks first, and its archives stay', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine, { name: 'old' })
    await archives(web, job.id, 3)
    expect(visibleText(await page(web, `/jobs/${job.id}/delete`))).toContain('Its 3 archives stay (1.2 GiB)')
    expect((await web.post(`/jobs/${job.id}/delete`)).headers.get('location')).toBe('/')
    expect(await getJob(web.deps.db, job.id)).toBeNull()
    expect(await web.deps.db.selectFrom('archives').select('name').execute()).toHaveLength(3)
    expect(web.machine.deleted).toEqual([])
  })

  test('deleting a job without archives speaks of none', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    for (const language of ['en', 'fr']) {
      const text = visibleText(await page(web, `/jobs/${job.id}/delete`, language))
      expect(text).toContain(language === 'en' ? 'It has no archive.' : 'Elle n’a aucune archive.')
      expect(text).not.toContain('(0')
    }
    const cookie = (await web.post(`/jobs/${job.id}/delete`)).headers.get('set-cookie') ?? ''
    const home = await (await web.get('/', { cookie: cookie.split(';')[0] ?? '' })).text()
    expect(home).toContain('was deleted.')
    expect(home).not.toContain('Its archives stay')
  })

  test('is live: buttons, runs and title follow what happens', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await seedRun(web.deps.db, job.id, running)
    const html = await page(web, `/jobs/${job.id}`)
    expect(html).toContain('<title>◌ ')
    const live = /data-live="([^"]+)"/.exec(html)?.[1] ?? ''
    const { body } = await web.get(live)
    let told = ''
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      told += chunk
      if (told.includes('event: title')) break
    }
    for (const id of ['job-actions', 'job-runs', 'job-archives']) expect(told).toContain(`"id":"${id}"`)
    expect(told).toContain('Watch the run')
  })

  test('a job with a run that is working is not deleted', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await seedRun(web.deps.db, job.id, running)
    expect((await web.post(`/jobs/${job.id}/delete`)).status).toBe(409)
    expect(await getJob(web.deps.db, job.id)).not.toBeNull()
  })
})

/** One archive a day, the newest today. */
async function archives(web: TestWeb, jobId: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const at = testNow - i * 86_400_000 - 3_600_000
    const day = new Date(at).toISOString().slice(0, 10).replaceAll('-', '')
    await seedArchives(web.deps.db, { name: `jerry_nextcloud_${day}`, created_at: at, job_id: jobId })
  }
}
