// The first evening of an admin, in a real browser against the real server: make a job, run it, watch it, find its archive.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { isAlive } from '../support/programs/programs.ts'
import { createTestServer, type TestServer } from '../support/server.ts'
import { accessibilityFaults, useBrowser } from './browser.ts'

const browser = useBrowser()
let server: TestServer
beforeEach(async () => {
  server = await createTestServer()
  await mkdir(join(server.folder, 'photos', 'cache'), { recursive: true })
  await writeFile(join(server.folder, 'photos', 'one.jpg'), 'a picture')
  await writeFile(join(server.folder, 'photos', 'cache', 'small.jpg'), 'a small picture')
  await server.serve()
})
afterEach(() => server.dispose())

test.each([true, false])(
  'a folder is backed up (JavaScript: %s)',
  async (script) => {
    const page = await browser.page({ script })
    await page.goto(`${server.url}/jobs/new?type=custom_dir`)
    await page.getByLabel('Folder', { exact: true }).last().fill(join(server.folder, 'nowhere'))
    await page.getByLabel('Leave out', { exact: true }).fill('cache/')
    await page.getByLabel('Name of the job').fill('Photos')
    await page.getByRole('button', { name: 'Create the job' }).click()
    // What was typed is still there, and the message stands beside the field.
    expect(await page.getByLabel('Name of the job').inputValue()).toBe('Photos')
    expect(await page.locator('[aria-invalid="true"]').count()).toBe(1)
    await page.getByLabel('Folder', { exact: true }).last().fill(join(server.folder, 'photos'))
    await page.getByRole('button', { name: 'Create the job' }).click()
    await page.waitForURL(/\/jobs\/\d+$/)

    await page.getByRole('button', { name: 'Run now' }).first().click()
    await page.waitForURL(/\/runs\/\d+$/)
    await eventually(
      async () => {
        // Without JavaScript the page refreshes itself; here the test does what the browser does after a few seconds.
        if (!script) await page.reload()
        return (
          (await page.title()).includes('ok') ||
          (await page.locator('main').innerText()).includes('ended: success')
        )
      },
      'the end of the run on the page',
      30_000,
    )
    if (script) expect(await accessibilityFaults(page)).toEqual([])

    await page
      .getByRole('link', { name: /^jerry_photos_\d{8}$/ })
      .first()
      .click()
    await page.waitForURL(/\/archives\/jerry_photos_/)
    const { items } = (await server.json(['archive', 'list'])) as { items: { name: string }[] }
    expect(items).toHaveLength(1)
    const info = JSON.parse(
      await readFile(join(server.archivesDir, `${items[0]?.name}.info.json`), 'utf8'),
    ) as object
    expect(info).toHaveProperty('system')
  },
  60_000,
)

test('a run is cancelled from its page, with everything it started', async () => {
  await server.yunohost.setModes({ hang: 'tar' })
  const page = await browser.page()
  await page.goto(`${server.url}/jobs/new?type=ynh_app`)
  await page
    .locator('[name="config.app_id"][value="nextcloud"], select[name="config.app_id"]')
    .first()
    .waitFor()
  const choice = page.locator('select[name="config.app_id"]')
  if ((await choice.count()) > 0) await choice.selectOption('nextcloud')
  else await page.locator('[name="config.app_id"][value="nextcloud"]').check()
  await page.getByLabel('Name of the job').fill('cloud')
  await page.getByRole('button', { name: 'Create the job' }).click()
  await page.getByRole('button', { name: 'Run now' }).first().click()
  await page.waitForURL(/\/runs\/\d+$/)
  const pid = await eventually(() => server.yunohost.hangingPid(), 'the hanging child', 20_000)
  await page.getByRole('button', { name: 'Cancel' }).click()
  await eventually(
    async () => (await page.locator('main').innerText()).includes('ended: cancelled'),
    'the end',
    20_000,
  )
  expect(isAlive(pid)).toBe(false)
}, 60_000)
