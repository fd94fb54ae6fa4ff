import { describe, expect, test } from 'vitest'
import { seedArchives } from '../../../../test/support/archives.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { failed, seedJob, seedRun } from '../../../../test/support/job-seeds.ts'
import { testNow, testWeb, type TestWeb } from '../../../../test/support/web.ts'
import { Problem } from '../../../domain/problem.ts'
import { insertDrill } from '../../../store/drills.ts'

const day = 86_400_000

async function page(web: TestWeb, path = '/', language = 'en'): Promise<string> {
  const response = await web.get(path, { 'accept-language': language })
  expect(response.status).toBe(200)
  const html = await response.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

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

  test('a job whose archive could not be restored in a test, until another test passes', async () => {
    const web = await testWeb()
    const job = await seedJob(web.deps.engine)
    await seedRun(web.deps.db, job.id)
    const drill = (verdict: 'passed' | 'failed') =>
      insertDrill(web.deps.db, {
        jobId: job.id,
        archiveName: 'jerry_nextcloud_20261121',
        depth: 'read',
        verdict,
        findings: [],
        actor: 'scheduler',
        startedAt: testNow - 2 * day,
        finishedAt: testNow - 2 * day,
      })
    await drill('failed')
    const html = await page(web)
    const text = visibleText(html)
    expect(html).toMatch(/<title>■ 1 /)
    expect(text).toContain('The newest proof of “nextcloud” failed')
    expect(text).toContain('not restorable nextcloud')
    expect(text).not.toContain('proven')
    expect(html).toContain(`href="/jobs/${job.id}"`)
    expect(await page(web, '/?only=problem')).toContain('>nextcloud</a>')
    await page(web, '/', 'fr')
    await drill('passed')
    const after = visibleText(await page(web))
    expect(after).not.toContain('The newest proof')
    expect(after).toContain('App · proven 2 days ago')
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
    expect(visibleText(await page(web))).toContain('the clock seems to have jumped ahead')
    for (const reason of ['clock_jump', 'size_collapse']) {
      const happened = { at: testNow, actor: 'retention', action: 'retention.suspend', subject: 'a job' }
      const facts_json = JSON.stringify({ reason })
      await web.deps.db
        .insertInto('activity')
        .values({ ...happened, facts_json })
        .execute()
    }
    const activity = visibleText(await page(web, '/activity'))
    expect(activity).toContain('suspended the removal of old archives')
    expect(activity).not.toMatch(/clock_jump|size_collapse/)
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
    expect(html).toMatch(/<title>■ 2 [^<]+ – jerry<\/title>/)
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
