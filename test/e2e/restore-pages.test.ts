// The pages of restores and contents in a real browser: no fault, no width too much, not too heavy, and usable.
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { restoreLogPath } from '../../src/engine/run-log.ts'
import { finishRestore, setRestoreSteps } from '../../src/store/restores.ts'
import { seedArchives } from '../support/archives.ts'
import {
  folderPlan,
  halfBack,
  putBack,
  restorableArchives,
  restoring,
  seedRestore,
  stepsIn,
} from '../support/restore-seeds.ts'
import { testNow, type TestWeb } from '../support/web.ts'
import { accessibilityFaults, complaints, looks, screenshot, served, tooWide, useBrowser } from './browser.ts'

const browser = useBrowser()
const archive = 'jerry_photos_20261121'
const base = 'data/custom/srv/photos'
const longName =
  'a-very-long-name-of-a-picture-that-somebody-gave-without-thinking-of-anybody-who-has-to-show-it.jpeg'

async function filled(): Promise<TestWeb> {
  const web = await restorableArchives()
  await seedArchives(web.deps.db, {
    name: 'jerry_photos_20261121-2',
    app: 'photos',
    pinned: 1,
    pinned_until: testNow + 7 * 86_400_000,
  })
  const files = Object.entries(web.machine.contents.files)
  web.machine.contents.files = {
    ...Object.fromEntries(files),
    [`${base}/${longName}`]: { text: 'x' },
    [`${base}/photo\u202egpj.exe`]: { text: 'x' },
    [`${base}/A of two\nlines`]: { text: 'x' },
    [`${base}/pipe`]: { kind: 'fifo' },
    ...Object.fromEntries(
      Array.from({ length: 120 }, (_, i) => [`${base}/IMG_${1000 + i}.jpg`, { text: 'picture' }]),
    ),
  }
  web.machine.contents.comparison = {
    against: '/srv/photos',
    same: 12_398,
    added: 1,
    removed: 1,
    changed: 2,
    changes: [
      { path: '2026/new.jpg', change: 'added', what: [] },
      { path: longName, change: 'removed', what: [] },
      { path: 'notes.txt', change: 'changed', what: ['size', 'mtime'] },
      { path: 'config', change: 'changed', what: ['owner', 'mode'] },
    ],
  }
  web.machine.plan = () => ({
    ...folderPlan,
    steps: folderPlan.steps.slice(2),
    warnings: [...folderPlan.warnings, { code: 'commands_not_undone', facts: {} }],
  })
  return web
}

test.each(looks)(
  '%s: no page has a fault, and every page fits',
  { timeout: 120_000 },
  async (lookName, look) => {
    const web = await filled()
    const { db, config } = web.deps
    const ids: Record<string, number> = {
      live: await seedRestore(db, restoring),
      success: await seedRestore(db, { safety_archive: 'jerry_photos_20261121-2' }),
      'put-back': await seedRestore(db, putBack),
      'half-back': await seedRestore(db, halfBack),
    }
    const log = restoreLogPath(config.dataDir, ids['live'] ?? 0)
    await mkdir(dirname(log), { recursive: true })
    await writeFile(log, '09:59:58 · restore 1 of jerry_photos_20261121\n09:59:59 | unpacking\n')
    const { url } = await served(web.app)
    const page = await browser.page(look)
    const complained = complaints(page)
    const faults: string[] = []
    const check = async (name: string) => {
      await screenshot(page, `restore-${name}-${lookName}`)
      const found = [...(await accessibilityFaults(page)), ...(await tooWide(page))]
      faults.push(...found.map((fault) => `${name}: ${fault}`))
    }
    const open = async (name: string, path: string) => {
      await page.goto(url + path)
      await check(name)
    }
    await open('choose', '/restore')
    await open('contents', `/archives/${archive}/contents`)
    await open('found', `/archives/${archive}/contents?q=jpg`)
    await open('archive', `/archives/${archive}`)
    await open('list', '/restores')
    for (const [name, id] of Object.entries(ids)) await open(name, `/restores/${id}`)
    await open('options', `/restore/${archive}`)
    for (const fold of await page.locator('details.fold > summary').all()) await fold.click()
    await check('options-open')
    await page.locator('form.form .primary').click()
    await check('plan')
    await page.locator('#word').fill('wrong')
    await page.locator('button.danger.final').click()
    await check('plan-mistyped')
    web.machine.plan = () => ({ ...folderPlan, refusals: [{ field: 'target_path', code: 'no_space' }] })
    await page.goto(`${url}/restore/${archive}`)
    await page.locator('form.form .primary').click()
    await check('plan-refused')
    await open('parts', '/restore/20261101-101500')
    await page.locator('[name="targets"]').first().uncheck()
    for (const box of await page.locator('[name="targets"]').all()) await box.uncheck()
    await page.locator('form.form .primary').click()
    await check('parts-wrong')
    await open('compare', `/archives/${archive}/compare`)
    await page.locator('form.form .primary').click()
    await check('compare-result')
    web.machine.contents.building = {
      state: 'building',
      members: 120_000,
      done: 2 ** 30,
      totalBytes: 4 * 2 ** 30,
    }
    await open('contents-building', `/archives/${archive}/contents`)
    expect(faults).toEqual([])
    expect(complained.filter((text) => !text.includes('status of 422'))).toEqual([])
  },
)

test('the heaviest pages with their files weigh less than 100 KB', async () => {
  const { url } = await served((await filled()).app)
  for (const path of [`/archives/${archive}/contents`, `/archives/${archive}/contents?q=jpg`, '/restore']) {
    const page = await browser.page()
    let bytes = 0
    page.on('response', (response) => void response.body().then((body) => (bytes += body.length)))
    await page.goto(url + path)
    await page.waitForLoadState('networkidle')
    expect([path, bytes > 20_000, bytes < 100_000]).toEqual([path, true, true])
  }
})

test('without scripts: from the contents over options and plan to a restore, and back', async () => {
  const web = await filled()
  const { url } = await served(web.app)
  const page = await browser.page({ script: false })
  await page.goto(url)
  await page.getByRole('link', { name: 'Restore', exact: true }).click()
  await page.getByRole('link', { name: `Restore… ${archive}`, exact: true }).click()
  await page.getByText('Only some files').click()
  await page.getByRole('link', { name: 'Choose them in the contents' }).click()
  await page.getByRole('checkbox', { name: '2026/' }).check()
  await page.getByRole('checkbox', { name: 'A of two[U+000A]lines' }).check()
  await page.getByRole('button', { name: 'Restore only these…' }).click()
  expect(await page.getByLabel('Only these files and folders').inputValue()).toBe('2026')
  await page.getByLabel('Folder to restore into').fill('/tmp/again')
  await page.getByRole('button', { name: 'Show what will happen' }).click()
  await page.getByRole('heading', { name: 'What will happen' }).waitFor()
  await page.getByRole('button', { name: 'Change the options' }).click()
  expect(await page.getByLabel('Folder to restore into').inputValue()).toBe('/tmp/again')
  await page.getByRole('button', { name: 'Show what will happen' }).click()
  await page.getByLabel('Type this name').fill('photos')
  await page.getByRole('button', { name: 'Replace /srv/photos' }).click()
  await page.waitForURL(/\/restores\/1$/)
  await page.getByRole('button', { name: 'Cancel and put back' }).click()
  await page.getByText('It was cancelled before anything was changed').waitFor()
  const stored = await web.deps.db.selectFrom('restores').select('options_json').executeTakeFirstOrThrow()
  expect(JSON.parse(stored.options_json)).toEqual({
    target_path: '/tmp/again',
    paths: ['2026', 'A of two\nlines'],
  })
})

test('a restore is watched to its end without a reload', async () => {
  const web = await filled()
  const { db, config } = web.deps
  const id = await seedRestore(db, restoring)
  const { url } = await served(web.app)
  const page = await browser.page()
  await page.goto(`${url}/restores/${id}`)
  await stage(page, 'Restoring')
  const log = restoreLogPath(config.dataDir, id)
  await mkdir(dirname(log), { recursive: true })
  await appendFile(log, 'a line of the tool\n')
  await page.getByText('a line of the tool').waitFor()
  await setRestoreSteps(db, id, stepsIn(folderPlan, 'done', 'done', 'done', 'running'))
  await page.locator('[aria-current="step"]', { hasText: 'Stop photos.service' }).waitFor()
  await setRestoreSteps(db, id, stepsIn(folderPlan, ...Array.from({ length: 7 }, () => 'done' as const)))
  const end = { errorCode: null, errorFacts: {}, remarks: [], logTail: '' }
  await finishRestore(db, id, { ...end, status: 'success', finishedAt: testNow })
  await page.getByText('/srv/photos was restored').waitFor()
  await stage(page, 'Result')
  expect(await page.title()).toMatch(/^● restored/)
  expect(await page.getByRole('button', { name: 'Cancel and put back' }).count()).toBe(0)
})

test('the contents appear by themselves once their index is there', async () => {
  const web = await filled()
  web.machine.contents.building = { state: 'building', members: 10, done: 1, totalBytes: 4 }
  const { url } = await served(web.app)
  const page = await browser.page()
  await page.goto(`${url}/archives/${archive}/contents`)
  await page.getByText('The list of contents is being made').waitFor()
  web.machine.contents.building = null
  await page.getByRole('checkbox', { name: '2026/' }).check()
  await page.getByRole('button', { name: 'Restore only these…' }).click()
  expect(await page.getByLabel('Only these files and folders').inputValue()).toBe('2026')
})

async function stage(page: Page, name: string): Promise<void> {
  await page.locator('.stages [aria-current="step"]', { hasText: name }).waitFor()
}
