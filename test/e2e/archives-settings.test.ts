// The archives, settings and activity pages in a real browser.
import { expect, test } from 'vitest'
import { addActivity } from '../../src/store/activity.ts'
import { backupInfo, seedArchives } from '../support/archives.ts'
import { testNow, testWeb, type TestWeb } from '../support/web.ts'
import { accessibilityFaults, complaints, looks, screenshot, served, tooWide, useBrowser } from './browser.ts'

const browser = useBrowser()
const day = 86_400_000
const longName = 'jerry_a-very-long-name-of-a-folder-that-goes-on_2026'

async function filled(): Promise<TestWeb> {
  const web = await testWeb()
  const apps = ['nextcloud', 'nocodb', 'wordpress', 'vaultwarden', 'forgejo']
  await seedArchives(
    web.deps.db,
    ...Array.from({ length: 70 }, (_, i) => {
      const app = apps[i % apps.length] ?? 'nextcloud'
      const at = testNow - 7 * 3_600_000 - Math.floor(i / apps.length) * day
      return {
        name: `jerry_${app}_${new Date(at).toISOString().slice(0, 10).replaceAll('-', '')}`,
        app,
        created_at: at,
        size_bytes: (i + 1) * 53_000_000 * (app === 'nextcloud' ? 90 : 1),
        pinned: i === 6 ? 1 : 0,
        state: i === 3 ? ('corrupted' as const) : ('ok' as const),
        state_detail: i === 3 ? 'the tar ends in the middle of a member at byte 52428800' : null,
        backup_info_json: JSON.stringify(backupInfo),
        verified_at: testNow - 4 * day,
      }
    }),
    {
      name: 'tom_wiki_20261119',
      app: 'wiki',
      instance_name: 'tom',
      origin: 'received',
      created_at: testNow - 2 * day,
    },
    {
      name: longName,
      app: '/opt/a-very-long-path/that/goes/on/and/on',
      type: 'custom_dir',
      created_at: testNow - 60_000,
    },
    {
      name: 'hand made, with spaces',
      app: null,
      type: null,
      instance_name: null,
      origin: 'foreign',
      state: 'unverified',
      verified_at: null,
      sha256: null,
      created_at: testNow - 5 * 3_600_000,
    },
    { name: 'jerry_gone_20261120', app: 'gone', missing_at: testNow, created_at: testNow - 6 * 3_600_000 },
  )
  for (const [action, subject] of [
    ['job.create', 'nightly cloud'],
    ['archive.pin', longName],
    ['run.skipped', 'nightly cloud'],
    ['archive.corrupted', 'jerry_vaultwarden_20261121'],
  ] as const) {
    const facts = action === 'run.skipped' ? { reason: 'still_running', due: testNow } : {}
    await addActivity(web.deps.db, {
      at: testNow - 90_000,
      actor: 'alice',
      action,
      subject,
      jobId: null,
      facts,
    })
  }
  web.machine.unfinished = [
    { file: 'jerry_nextcloud_20261121-2.tar', sizeBytes: 5e9, modifiedAt: testNow - 4000 },
  ]
  return web
}

const pages = {
  list: '/archives',
  found: '/archives?q=cloud&state=ok',
  archive: '/archives/jerry_nextcloud_20261121',
  damaged: '/archives/jerry_vaultwarden_20261121',
  foreign: '/archives/hand%20made%2C%20with%20spaces',
  delete: '/archives/tom_wiki_20261119/delete',
  settings: '/settings',
  activity: '/activity',
  missing: '/archives/nothing-of-that-name',
}
test.each(looks)(
  '%s: no page has a fault, and every page fits',
  { timeout: 120_000 },
  async (lookName, look) => {
    const { url } = await served((await filled()).app)
    const page = await browser.page(look)
    const complained = complaints(page)
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(url + path)
      await screenshot(page, `${name}-${lookName}`)
      expect([name, ...(await accessibilityFaults(page))]).toEqual([name])
      expect([name, ...(await tooWide(page))]).toEqual([name])
    }
    expect(complained.filter((text) => !text.includes('status of 404'))).toEqual([])
  },
)

test('a page with its files weighs less than 100 KB', async () => {
  const { url } = await served((await filled()).app)
  const page = await browser.page()
  let bytes = 0
  page.on('response', (response) => {
    if (!response.url().includes('/live')) void response.body().then((body) => (bytes += body.length))
  })
  await page.goto(`${url}/archives`)
  await page.waitForLoadState('networkidle')
  expect(bytes).toBeGreaterThan(20_000)
  expect(bytes).toBeLessThan(100_000)
})

test('everything works without scripts: search, pin, verify, delete, language, theme', async () => {
  const web = await filled()
  const { url } = await served(web.app)
  const page = await browser.page({ script: false })
  await page.goto(`${url}/archives`)
  await page.getByLabel('Search name, app or job').fill('wiki')
  await page.getByRole('button', { name: 'Search' }).click()
  await page.getByRole('link', { name: 'tom_wiki_20261119' }).click()
  await page.getByRole('button', { name: 'Pin', exact: true }).click()
  await page.getByText('Pinned: this archive will be kept.').waitFor()
  await page.getByRole('button', { name: 'Unpin' }).click()
  await page.getByRole('button', { name: 'Verify' }).click()
  await page.getByText('Verified: the archive is good.').waitFor()
  await page.getByRole('button', { name: 'Français' }).click()
  expect(page.url()).toBe(`${url}/archives/tom_wiki_20261119`)
  await page.getByRole('link', { name: 'Supprimer…' }).click()
  await page.getByLabel('Tapez le nom').fill('tom_wiki_20261119')
  await page.getByRole('button', { name: /Supprimer 1 archive/ }).click()
  await page.getByText('tom_wiki_20261119 a été supprimée').waitFor()
  expect(web.machine.deleted).toEqual(['tom_wiki_20261119'])
  await page.getByRole('button', { name: /Thème/ }).click()
  expect(await page.locator('html').getAttribute('data-theme')).toBe('light')
})

test('the theme that was chosen wins over the browser’s', async () => {
  const { url } = await served((await filled()).app)
  const page = await browser.page({ theme: 'dark' })
  const background = () => page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor')
  await page.goto(`${url}/settings`)
  const dark = await background()
  await page.getByRole('button', { name: /Theme/ }).click()
  await page.getByRole('button', { name: /Theme: Light/ }).waitFor()
  expect(await background()).not.toBe(dark)
  await page.getByRole('button', { name: /Theme/ }).click()
  await page.getByRole('button', { name: /Theme: Dark/ }).waitFor()
  expect(await background()).toBe(dark)
})

test('a verification that takes long shows its end without a reload, and the focus stays', async () => {
  const web = await filled()
  const gate = Promise.withResolvers<void>()
  web.machine.verifyGate = gate.promise
  const { url } = await served(web.app)
  const page = await browser.page()
  await page.goto(`${url}/archives/hand%20made%2C%20with%20spaces`)
  await page.getByRole('button', { name: 'Verify' }).click()
  await page.locator('#archive-state').getByText('Being verified').waitFor()
  await page.getByRole('button', { name: 'Pin', exact: true }).focus()
  gate.resolve()
  await page.locator('#archive-state').getByText('Good').waitFor()
  expect(await page.evaluate('document.activeElement?.textContent')).toBe('Pin')
  await page.getByText('The verification goes on').waitFor({ state: 'detached' })
  expect(await page.getByRole('button', { name: 'Verify' }).isEnabled()).toBe(true)
  expect(await page.title()).toMatch(/^● /)
})

test('a filter is applied by its button, not while somebody goes through its choices', async () => {
  const { url } = await served((await filled()).app)
  const page = await browser.page()
  await page.goto(`${url}/archives`)
  await page.getByLabel('App', { exact: true }).selectOption('wiki')
  await page.getByRole('button', { name: 'Search' }).click()
  await page.waitForURL(/app=wiki/)
  expect(await page.locator('tbody tr').count()).toBe(1)
})

test('the first key leads past the menu', async () => {
  const { url } = await served((await filled()).app)
  const page = await browser.page()
  await page.goto(`${url}/archives`)
  await page.keyboard.press('Tab')
  expect(await page.evaluate('document.activeElement?.textContent')).toBe('Skip to the content')
  await page.keyboard.press('Enter')
  expect(await page.evaluate('document.activeElement?.id')).toBe('main')
})
