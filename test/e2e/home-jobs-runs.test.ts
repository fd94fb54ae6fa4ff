// The home page, jobs and runs in a real browser.
import { appendFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { runLogPath } from '../../src/engine/run-log.ts'
import { finishRun, setRunProgress } from '../../src/store/runs.ts'
import { listJobs } from '../../src/store/jobs.ts'
import { seedMorning, type Morning } from '../support/home-seeds.ts'
import { testNow, testWeb } from '../support/web.ts'
import { accessibilityFaults, complaints, looks, screenshot, served, tooWide, useBrowser } from './browser.ts'

const browser = useBrowser()

async function morning() {
  const web = await testWeb()
  const seeded = await seedMorning(web)
  const { url } = await served(web.app)
  return { web, url, ...seeded }
}

const pages: Readonly<Record<string, (m: Morning) => string>> = {
  home: () => '/',
  'home-found': () => '/?q=cloud&only=problem',
  'new-app': () => '/jobs/new?type=ynh_app',
  'new-system': () => '/jobs/new?type=ynh_system',
  'new-folder': () => '/jobs/new?type=custom_dir',
  'new-mysql': () => '/jobs/new?type=mysql',
  'new-postgresql': () => '/jobs/new?type=postgresql',
  'edit-database': ({ database }) => `/jobs/${database}/edit`,
  edit: ({ folder }) => `/jobs/${folder}/edit`,
  job: ({ job }) => `/jobs/${job}`,
  'job-database': ({ database }) => `/jobs/${database}`,
  'job-held': () => '/jobs/1',
  'job-new': () => '/jobs/7',
  retention: ({ job }) => `/jobs/${job}/retention`,
  delete: ({ job }) => `/jobs/${job}/delete`,
  'run-working': ({ runningRun }) => `/runs/${runningRun}`,
  'run-failed': ({ failedRun }) => `/runs/${failedRun}`,
  'run-warned': ({ warnedRun }) => `/runs/${warnedRun}`,
  runs: () => '/runs',
}
describe.each(looks)('%s', (lookName, look) => {
  // One server for all of them: filling it takes longer than looking at a page.
  test('every page has no fault and fits', { timeout: 120_000 }, async () => {
    const seeded = await morning()
    const page = await browser.page(look)
    const complained = complaints(page)
    const faults: string[] = []
    for (const [name, pathOf] of Object.entries(pages)) {
      await page.goto(seeded.url + pathOf(seeded))
      await screenshot(page, `${name}-${lookName}`)
      const found = [...(await accessibilityFaults(page)), ...(await tooWide(page))]
      faults.push(...found.map((fault) => `${name}: ${fault}`))
    }
    expect(faults).toEqual([])
    expect(complained).toEqual([])
  })

  test('the first visit has no fault and fits', async () => {
    const web = await testWeb()
    const { url } = await served(web.app)
    const page = await browser.page(look)
    await page.goto(url)
    await screenshot(page, `first-${lookName}`)
    expect(await accessibilityFaults(page)).toEqual([])
    expect(await tooWide(page)).toEqual([])
  })

  test('a form with everything wrong has no fault and fits', async () => {
    const { url } = await served((await testWeb()).app)
    const page = await browser.page(look)
    await page.goto(`${url}/jobs/new?type=custom_dir`)
    await page.locator('[name="preset"][value="custom"]').check()
    await page.locator('[name="cron_expr"]').fill('every night')
    await page.locator('[name="retention.daily"]').fill('')
    await page.locator('details:has([name^="config.restore"]) > summary').click()
    await page.locator('[name^="config.restore.firewall_ports"]').fill('http')
    await page.locator('form[data-preview] button.primary').click()
    await page.locator('.field-error').first().waitFor()
    await screenshot(page, `wrong-${lookName}`)
    expect(await page.locator('[name="cron_expr"]').inputValue()).toBe('every night')
    expect(await page.locator('[name^="config.restore.firewall_ports"]').inputValue()).toBe('http')
    expect(await accessibilityFaults(page)).toEqual([])
    expect(await tooWide(page)).toEqual([])
  })
})

test('a working run updates in place until it has ended, without a reload', async () => {
  const { web, url, runningRun } = await morning()
  const page = await browser.page()
  await page.goto(`${url}/runs/${runningRun}`)
  await page.evaluate('window.sameDocument = true')
  await page.locator('#run-status').getByText('42% ·').waitFor()
  await setRunProgress(web.deps.db, runningRun, 30 * 2 ** 30, 38 * 2 ** 30)
  await page.locator('#run-status').getByText('78% ·').waitFor()
  await appendFile(runLogPath(web.deps.config.dataDir, runningRun), '10:10:10 | <b>the newest line</b>\n')
  await page.locator('#run-log').getByText('<b>the newest line</b>').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).focus()
  await finishRun(web.deps.db, runningRun, {
    status: 'success',
    finishedAt: testNow,
    archiveName: 'jerry_system_20261121',
    sizeBytes: 38 * 2 ** 30,
    errorCode: null,
    errorFacts: {},
    targets: [],
    warnings: [],
    warningCount: 0,
    exitCodes: {},
    logTail: null,
  })
  await page
    .locator('#run-status')
    .getByText(/took 3\smin/)
    .waitFor()
  expect(await page.getByRole('button', { name: 'Cancel' }).count()).toBe(0)
  expect(await page.locator('#run-news').textContent()).toBe('ok')
  await page.getByRole('button', { name: 'Run again' }).waitFor()
  expect(await page.title()).toMatch(/^● ok · /)
  expect(await page.evaluate('window.sameDocument')).toBe(true)
})

test('without scripts a working run is reloaded by itself', async () => {
  const { web, url, runningRun } = await morning()
  const page = await browser.page({ script: false })
  await page.goto(`${url}/runs/${runningRun}`)
  await setRunProgress(web.deps.db, runningRun, 30 * 2 ** 30, 38 * 2 ** 30)
  await page.locator('#run-status').getByText('78% ·').waitFor({ timeout: 15_000 })
  expect(await page.getByRole('progressbar').getAttribute('value')).toBe('78')
})

test('the preview follows what is typed, and the focus stays', async () => {
  const { url } = await morning()
  const page = await browser.page()
  await page.goto(`${url}/jobs/new?type=ynh_app`)
  await page.getByLabel('App', { exact: true }).selectOption('wordpress')
  await page.locator('#job-preview').getByText('jerry_wordpress_20261122.tar').waitFor()
  await page.getByLabel('Every week').check()
  await page.getByLabel('Weekday').selectOption('Friday')
  await page.locator('#job-preview').getByText('every Friday at 03:00').waitFor()
  await page.getByLabel('A number').check()
  await page.getByLabel('Archives', { exact: true }).fill('5')
  await page
    .locator('#job-preview')
    .getByText(/5 of \d+ archives would be kept/)
    .waitFor()
  expect(await page.evaluate('document.activeElement?.id')).toBe('retention.count')
})

test('everything works without scripts: create, correct, run, cancel, turn off, delete', async () => {
  const { web, url } = await morning()
  const page = await browser.page({ script: false })
  await page.goto(url)
  await page.getByRole('link', { name: 'New job' }).click()
  await page.getByRole('link', { name: /Folder/ }).click()
  await page.getByLabel('Folder', { exact: true }).fill('/opt/wiki')
  await page.getByLabel('Every month').check()
  await page.getByLabel('Day of the month').fill('15')
  await page.getByRole('button', { name: 'Update the preview' }).click()
  await page.getByText('on day 15 of every month at 03:00').waitFor()
  await page.getByRole('button', { name: 'Create the job' }).click()
  await page.getByText('This is needed.').first().waitFor()
  expect(await page.getByLabel('Folder', { exact: true }).inputValue()).toBe('/opt/wiki')
  await page.getByLabel('Name of the job').fill('wiki files')
  await page.getByRole('button', { name: 'Create the job' }).click()
  await page.getByText('The job “wiki files” was created.').waitFor()
  await page.getByRole('button', { name: 'Run now' }).click()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByText('The run is being cancelled.').waitFor()
  await page.getByRole('link', { name: 'wiki files' }).first().click()
  await page.getByRole('button', { name: 'Turn off' }).click()
  await page.getByText('This job is turned off').waitFor()
  await page.getByRole('link', { name: 'Delete', exact: true }).click()
  await page.getByRole('button', { name: 'Delete the job “wiki files”' }).click()
  await page.getByText('The job “wiki files” was deleted.', { exact: true }).waitFor()
  expect((await listJobs(web.deps.db)).map((job) => job.name)).not.toContain('wiki files')
})

test('an open home page shows a run that begins, without a reload, and what is being typed stays', async () => {
  const { web, url, folder } = await morning()
  const page = await browser.page()
  await page.goto(url)
  const row = page.getByRole('row', { name: /photos of the whole family/ })
  await row.getByText('warning').waitFor()
  await page.getByLabel('Find a job').fill('pho')
  await web.deps.engine.startRun(folder, 'manual', 'somebody else')
  await row.getByText('waiting').waitFor()
  expect(await page.getByLabel('Find a job').inputValue()).toBe('pho')
  expect(await page.evaluate('document.activeElement?.id')).toBe('q')
})

test('home with its files weighs less than 100 KB', async () => {
  const { url } = await morning()
  const page = await browser.page()
  let bytes = 0
  page.on('response', (response) => {
    if (!response.url().includes('/events')) void response.body().then((body) => (bytes += body.length))
  })
  await page.goto(url)
  await page.waitForFunction("document.readyState === 'complete'")
  expect(bytes).toBeGreaterThan(20_000)
  expect(bytes).toBeLessThan(100_000)
})
