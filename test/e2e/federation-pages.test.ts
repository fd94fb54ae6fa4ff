// The pages of peers, tokens, transfers and copies in a real browser.
import { expect, test } from 'vitest'
import { finishTransfer, setTransferProgress } from '../../src/store/transfers.ts'
import { seedJob } from '../support/job-seeds.ts'
import { seedNetwork } from '../support/peer-seeds.ts'
import { testNow, testWeb } from '../support/web.ts'
import { accessibilityFaults, complaints, looks, screenshot, served, tooWide, useBrowser } from './browser.ts'

const browser = useBrowser()

async function filled() {
  const web = await testWeb()
  const network = await seedNetwork(web.deps.db)
  const job = await seedJob(web.deps.engine)
  await web.deps.engine.transfers.setJobDestinations(job.id, [network.tom.destination], 'test')
  return { web, network, job }
}

test.each(looks)(
  '%s: no page has a fault, and every page fits',
  { timeout: 240_000 },
  async (lookName, look) => {
    const { web, network, job } = await filled()
    const { url } = await served(web.app)
    const page = await browser.page(look)
    const complained = complaints(page)
    const { transfers } = network
    const pages = {
      peers: '/peers',
      invite: '/peers/invite',
      join: '/peers/join',
      add: '/peers/add',
      peer: `/peers/${network.tom.id}`,
      'peer-away': `/peers/${network.alice.id}`,
      'peer-silent': `/peers/${network.silent.id}`,
      'peer-remove': `/peers/${network.tom.id}/remove`,
      tokens: '/tokens',
      'token-new': '/tokens/new',
      'token-revoke': `/tokens/${network.monitoring}/revoke`,
      transfers: '/transfers',
      'transfer-running': `/transfers/${transfers.running}`,
      'transfer-waiting': `/transfers/${transfers.waiting}`,
      'transfer-failed': `/transfers/${transfers.failed}`,
      'archive-copies': '/archives/jerry_nextcloud_20261121',
      'archive-received': '/archives/tom_wiki_20261119',
      archives: '/archives',
      'job-form': `/jobs/${job.id}/edit`,
      job: `/jobs/${job.id}`,
    }
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(url + path)
      await screenshot(page, `${name}-${lookName}`)
      expect([name, ...(await accessibilityFaults(page))]).toEqual([name])
      expect([name, ...(await tooWide(page))]).toEqual([name])
    }
    // Pages that only a form leads to.
    for (const [name, path] of [
      ['invitation', '/peers/invite'],
      ['token-created', '/tokens/new'],
      ['add-wrong', '/peers/add'],
    ] as const) {
      await page.goto(url + path)
      if (name === 'token-created') await page.locator('#name').fill('a script')
      await page.locator('main form button.primary').click()
      await page.waitForLoadState()
      await screenshot(page, `${name}-${lookName}`)
      expect([name, ...(await accessibilityFaults(page))]).toEqual([name])
      expect([name, ...(await tooWide(page))]).toEqual([name])
    }
    expect(complained.filter((text) => !text.includes('status of 422'))).toEqual([])
  },
)

test('a page with its files weighs less than 100 KB', async () => {
  const { web, network } = await filled()
  const { url } = await served(web.app)
  const page = await browser.page()
  let bytes = 0
  page.on('response', (response) => {
    if (!response.url().includes('/events')) void response.body().then((body) => (bytes += body.length))
  })
  await page.goto(`${url}/peers/${network.tom.id}`)
  await page.waitForLoadState('networkidle')
  expect(bytes).toBeGreaterThan(20_000)
  expect(bytes).toBeLessThan(100_000)
})

test('everything works without scripts', { timeout: 60_000 }, async () => {
  const { web, network } = await filled()
  const { url } = await served(web.app)
  const page = await browser.page({ script: false })
  await page.goto(`${url}/settings`)
  await page.getByRole('link', { name: 'Tokens' }).click()
  await page.getByRole('link', { name: 'New token' }).click()
  await page.getByLabel('Name', { exact: true }).fill('a script')
  await page.getByRole('button', { name: 'Create the token' }).click()
  expect(await page.getByLabel('Secret').inputValue()).toMatch(/^[0-9a-f]{64}$/)
  await page.getByRole('link', { name: 'I have copied it' }).click()
  await page.getByRole('link', { name: 'Revoke… a script' }).click()
  await page.getByRole('button', { name: 'Revoke a script' }).click()
  await page.getByText('The token “a script” is worth nothing any more.').waitFor()

  await page.goto(`${url}/peers`)
  await page.getByRole('link', { name: 'Invite…' }).click()
  await page.getByLabel('Start jobs').uncheck()
  await page.getByRole('button', { name: 'Make the code' }).click()
  const code = await page.getByLabel('Invitation code').inputValue()
  await page.getByRole('button', { name: 'Cancel it' }).click()
  await page.getByText('That code is worth nothing any more.').waitFor()

  await page.goto(`${url}/peers/join`)
  await page.getByLabel('Invitation code').fill(code)
  await page.getByRole('button', { name: 'Look at it' }).click()
  await page.getByRole('heading', { name: 'Join this instance?' }).waitFor()

  await page.goto(`${url}/peers/${network.tom.id}`)
  await page.getByLabel('From', { exact: true }).fill('22:00')
  await page.getByLabel('To', { exact: true }).fill('06:00')
  await page.getByRole('button', { name: 'Save' }).first().click()
  await page.getByText('Saved: it applies to copies from now on.').waitFor()
  // Enter saves, though the button that looks at the certificate comes before the one that saves.
  await page.getByLabel('Archives at most').fill('70')
  await page.getByLabel('Archives at most').press('Enter')
  await page.getByText('Saved.', { exact: true }).waitFor()
  await page.getByText('1 of 70 archives').waitFor()

  await page.goto(`${url}/archives/tom_wiki_20261119`)
  await page.getByLabel('Send to').selectOption('alice')
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await page.getByRole('heading', { name: 'tom_wiki_20261119 to alice' }).waitFor()
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.locator('#transfer-status .badge', { hasText: 'Paused' }).waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.locator('#transfer-status .badge', { hasText: 'Cancelled' }).waitFor()
})

test('a transfer shows its progress and its end without a reload, and the focus stays', async () => {
  const { web, network } = await filled()
  const { db } = web.deps
  const { url } = await served(web.app)
  const page = await browser.page()
  const id = network.transfers.running
  await page.goto(`${url}/transfers/${id}`)
  await page.getByRole('button', { name: 'Pause' }).focus()
  await setTransferProgress(db, id, { bytesDone: 19 * 2 ** 30, moreSent: 0 })
  await page.getByText('50% · 19 GiB of 38 GiB').waitFor()
  expect(await page.evaluate('document.activeElement?.textContent')).toBe('Pause')
  await finishTransfer(db, id, { status: 'success', finishedAt: testNow, error: null })
  await page.locator('#transfer-status').getByText('Done').waitFor()
  expect(await page.title()).toMatch(/^● /)
  await page.getByRole('button', { name: 'Pause' }).waitFor({ state: 'detached' })
})
