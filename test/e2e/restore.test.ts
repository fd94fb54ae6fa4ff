// A year later, in a panic: a folder is brought back in a real browser against the real server, with and without scripts.
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { createTestServer, type TestServer } from '../support/server.ts'
import { accessibilityFaults, useBrowser } from './browser.ts'

const browser = useBrowser()
let server: TestServer
let photos: string
beforeEach(async () => {
  server = await createTestServer()
  photos = join(server.folder, 'photos')
  await mkdir(join(photos, '2026'), { recursive: true })
  await writeFile(join(photos, '2026', 'one.jpg'), 'a picture')
  await writeFile(join(photos, '2026', 'two\nlines.jpg'), 'another picture')
  await writeFile(join(photos, 'notes.txt'), 'as they were')
  const config = JSON.stringify({ source_path: photos })
  await server.json([
    'job',
    'add',
    '--name',
    'Photos',
    '--type',
    'custom_dir',
    '--config',
    config,
    '--cron',
    '@yearly',
    '--retention',
    'count:7',
  ])
  await server.json(['job', 'run', 'Photos', '--wait'])
  await server.serve()
  // What happened since then.
  await rm(join(photos, '2026', 'one.jpg'))
  await writeFile(join(photos, 'notes.txt'), 'spoilt')
  await writeFile(join(photos, 'new.txt'), 'made since then')
})
afterEach(() => server.dispose())

/** Waits for a text; without scripts the page has to be asked again, which the browser would do after some seconds. */
async function shows(page: Page, script: boolean, text: string): Promise<void> {
  const look = async () => {
    if (!script) await page.reload()
    return (await page.locator('main').innerText()).includes(text)
  }
  await eventually(look, `"${text}" on the page`, 40_000)
}

test.each([true, false])(
  'the whole folder comes back, and the state before it is kept (JavaScript: %s)',
  async (script) => {
    const page = await browser.page({ script })
    await page.goto(server.url)
    await page.getByRole('link', { name: 'Restore', exact: true }).click()
    await page.getByRole('link', { name: /^Restore… jerry_photos_/ }).click()
    await page.getByRole('button', { name: 'Show what will happen' }).click()
    await page.getByText('This will, in this order:').waitFor()
    expect(await readFile(join(photos, 'notes.txt'), 'utf8')).toBe('spoilt')
    if (script) expect(await accessibilityFaults(page)).toEqual([])

    await page.getByLabel('Type this name').fill('something else')
    await page.getByRole('button', { name: `Replace ${photos}` }).click()
    await page.getByText('This is not its name').waitFor()
    await page.getByLabel('Type this name').fill('photos')
    await page.getByRole('button', { name: `Replace ${photos}` }).click()
    await page.waitForURL(/\/restores\/1$/)
    await shows(page, script, `${photos} was restored`)
    if (script) expect(await accessibilityFaults(page)).toEqual([])

    expect(await readFile(join(photos, 'notes.txt'), 'utf8')).toBe('as they were')
    expect((await readdir(join(photos, '2026'))).toSorted()).toEqual(['one.jpg', 'two\nlines.jpg'])
    expect(existsSync(join(photos, 'new.txt'))).toBe(false)
    // The state from before can be brought back the same way.
    const safety = page.locator('dd', { hasText: 'the state from before the restore' }).getByRole('link')
    await safety.click()
    await page.getByRole('link', { name: 'Contents' }).click()
    await page.getByText('new.txt').waitFor()
  },
  120_000,
)

test('single files are found, downloaded, and restored elsewhere with a name of two lines', async () => {
  const page = await browser.page({ script: false })
  await page.goto(`${server.url}/archives`)
  await page.getByRole('link', { name: /^jerry_photos_/ }).click()
  const archive = page.url()
  await page.getByRole('link', { name: 'Contents' }).click()
  await page.getByRole('link', { name: '2026/', exact: true }).click()
  const file = await page.getByRole('link', { name: 'Download one.jpg' }).getAttribute('href')
  const answer = await page.request.get(new URL(file ?? '', page.url()).href)
  expect([answer.status(), await answer.text()]).toEqual([200, 'a picture'])
  expect(answer.headers()['content-disposition']).toContain('filename="one.jpg"')

  const whole = await (await page.request.get(`${archive}/download`)).body()
  const part = await page.request.get(`${archive}/download`, { headers: { range: 'bytes=512-1023' } })
  expect([part.status(), (await part.body()).equals(whole.subarray(512, 1024))]).toEqual([206, true])

  await page.getByRole('checkbox', { name: 'two[U+000A]lines.jpg' }).check()
  await page.getByRole('button', { name: 'Restore only these…' }).click()
  await page.getByLabel('Folder to restore into').fill(join(server.folder, 'again'))
  await page.getByRole('button', { name: 'Show what will happen' }).click()
  await page.getByRole('button', { name: /^Restore to / }).click()
  await page.waitForURL(/\/restores\/1$/)
  await shows(page, false, 'was restored')
  expect(await readFile(join(server.folder, 'again', '2026', 'two\nlines.jpg'), 'utf8')).toBe(
    'another picture',
  )
  expect(await readdir(join(server.folder, 'again'))).toEqual(['2026'])
  expect(await readFile(join(photos, 'notes.txt'), 'utf8')).toBe('spoilt')
}, 120_000)

test('the page says how the folder differs from the archive', async () => {
  const page = await browser.page()
  await page.goto(`${server.url}/archives`)
  await page.getByRole('link', { name: /^jerry_photos_/ }).click()
  await page.getByRole('link', { name: 'Compare' }).click()
  await page.getByRole('button', { name: 'Compare' }).click()
  await page.getByRole('heading', { name: 'Result' }).waitFor()
  const text = await page.locator('#compare-result').innerText()
  expect(text).toMatch(/only in the folder\s+new\.txt/)
  expect(text).toMatch(/only in the archive\s+2026\/one\.jpg/)
  expect(text).toMatch(/changed\s+notes\.txt/)
}, 120_000)

test('what cannot be done is refused with the reason, before anything is touched', async () => {
  const page = await browser.page()
  await page.goto(`${server.url}/restore`)
  await page.getByRole('link', { name: /^Restore… jerry_photos_/ }).click()
  await page.getByLabel('Folder to restore into').fill(join(server.archivesDir, 'inside'))
  await page.getByRole('button', { name: 'Show what will happen' }).click()
  await page.getByText('It cannot be restored like this').waitFor()
  expect(await page.getByRole('button', { name: /^Re(place|store to)/ }).count()).toBe(0)
  await page.getByRole('button', { name: 'Change the options' }).click()
  expect(await page.getByLabel('Folder to restore into').inputValue()).toBe(
    join(server.archivesDir, 'inside'),
  )
  expect(existsSync(join(server.archivesDir, 'inside'))).toBe(false)
}, 120_000)

test('a restore that is cancelled in the middle puts everything back', async () => {
  const recipe = { post_restore_commands: ['echo the command runs; sleep 300'] }
  const config = JSON.stringify({ source_path: photos, restore: recipe })
  await server.json(['job', 'edit', 'Photos', '--config', config])
  await server.json(['job', 'run', 'Photos', '--wait'])
  await writeFile(join(photos, 'notes.txt'), 'spoilt again')
  const page = await browser.page()
  await page.goto(`${server.url}/restore`)
  await page.getByRole('link', { name: /^Restore… jerry_photos_/ }).click()
  await page.getByRole('button', { name: 'Show what will happen' }).click()
  await page.getByText('what they did is not undone').waitFor()
  await page.getByLabel('Type this name').fill('photos')
  await page.getByRole('button', { name: `Replace ${photos}` }).click()
  await page.locator('#restore-log', { hasText: 'the command runs' }).waitFor()
  await page.getByRole('button', { name: 'Cancel and put back' }).click()
  await page.getByText('It was cancelled, so everything done until then was taken back').waitFor()
  expect(await page.title()).toMatch(/^▲ put back/)
  expect(await page.locator('li', { hasText: 'Put the files in place' }).innerText()).toContain('put back')
  expect(await readFile(join(photos, 'notes.txt'), 'utf8')).toBe('spoilt again')
  expect((await readdir(photos)).toSorted()).toEqual(['2026', 'new.txt', 'notes.txt'])
}, 120_000)
