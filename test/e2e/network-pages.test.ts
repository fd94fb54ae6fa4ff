// The network pages in a real browser: no fault, no width too much, both themes, and usable without scripts.
import { expect, test } from 'vitest'
import type { EngineControl } from '../../src/engine/create.ts'
import { changeRemoteRestore, insertRemoteRestore } from '../../src/store/remote-restores.ts'
import { seedArchives } from '../support/archives.ts'
import { seedJob, seedRun } from '../support/job-seeds.ts'
import { iso, jobThere, seedPeer, summaryOf, unreachable } from '../support/network-seeds.ts'
import { testNow, testWeb, type TestWeb } from '../support/web.ts'
import { accessibilityFaults, complaints, looks, screenshot, served, tooWide, useBrowser } from './browser.ts'

const browser = useBrowser()
const hour = 3_600_000
const gib = 2 ** 30
const archive = 'jerry_photos_20261121'

async function filled() {
  const web = await testWeb()
  const { db, engine } = web.deps
  const cloud = await seedJob(engine, { name: 'nextcloud' })
  const nocodb = await seedJob(engine, { name: 'nocodb', config: { app_id: 'nocodb' } })
  await seedRun(db, cloud.id, { status: 'error', error_code: 'disk_full', archive_name: null })
  await seedRun(db, nocodb.id, { archive_name: 'jerry_nocodb_20261121' })
  await seedArchives(
    db,
    { name: 'jerry_nextcloud_20261118', job_id: cloud.id, created_at: testNow - 72 * hour },
    { name: 'jerry_nocodb_20261121', app: 'nocodb', job_id: nocodb.id },
    { name: archive, app: 'photos', type: 'custom_dir' },
    { name: 'tom_wiki_20261121', app: 'wiki', instance_name: 'tom', origin: 'received' },
  )
  const holding = {
    instance_name: 'jerry',
    app: 'nextcloud',
    type: 'ynh_app',
    archive_count: 4,
    total_size_bytes: 38 * gib,
    newest_created_at: iso(testNow - 12 * hour),
    newest_name: 'jerry_nextcloud_20261120',
  }
  const tom = await seedPeer(db, {
    name: 'tom',
    columns: { quotaBytes: 200 * gib },
    said: summaryOf('tom', {
      jobs: [
        jobThere('wiki'),
        jobThere('a-very-long-name-of-an-application-that-nobody-would-choose', { id: 2, overdue: true }),
      ],
      holdings: [holding],
      yours: {
        archive_count: 12,
        total_size_bytes: 84 * gib,
        quota_bytes: 100 * gib,
        quota_count: null,
        hold_days: 0,
        scopes: ['read', 'run', 'restore'],
      },
    }),
  })
  const alice = await seedPeer(db, { name: 'alice', saidAt: testNow - 27 * hour, since: unreachable })
  await seedPeer(db, {
    name: 'eve',
    since: {
      status: 'error',
      errorCode: 'peer_identity_changed',
      errorFacts: { peer: 'eve', expected: 'x'.repeat(43), found: 'y'.repeat(43) },
    },
  })
  await seedPeer(db, { name: 'bob', said: null, since: unreachable, columns: { scopes: ['read'] } })
  const id = await insertRemoteRestore(db, {
    peerId: alice,
    archiveName: archive,
    order: { options: {}, force: false },
    actor: 'admin',
    askedAt: testNow - hour,
  })
  await changeRemoteRestore(db, id, {
    status: 'running',
    remoteId: 5,
    seenAt: testNow - 600_000,
    errorCode: 'peer_unreachable',
    errorFacts: { detail: 'connect ECONNREFUSED 203.0.113.7:443' },
    state: {
      restore_id: 5,
      status: 'running',
      steps: [
        { name: 'verify_archive', state: 'done', started_at: null, finished_at: null, detail: '' },
        { name: 'extract_files', state: 'running', started_at: null, finished_at: null, detail: '' },
        { name: 'start_service', state: 'waiting', started_at: null, finished_at: null, detail: '' },
      ],
      log_tail: '09:59:58 · restore 5\n09:59:59 | unpacking\n',
    },
  })
  return { web, tom, alice, restore: id }
}

/** The pages in front of an instance that answers what the test says. */
function withRemote(web: TestWeb, change: Partial<EngineControl['remote']>): void {
  Object.assign(web.deps.engine.remote, change)
}

const items = Array.from({ length: 5 }, (_, i) => ({
  name: i === 0 ? 'jerry_nocodb_20261121' : `tom_wiki_2026110${i}`,
  file: 'x.tar',
  type: 'ynh_app',
  app: 'wiki',
  instance_name: 'tom',
  created_at: iso(testNow - i * 24 * hour),
  size_bytes: gib,
  sha256: null,
  state: 'ok' as const,
  origin: 'local' as const,
  pinned: false,
  job_id: null,
}))

const plan = {
  archive,
  type: 'custom_dir',
  target: '/srv/photos',
  replaces: true,
  steps: [
    { name: 'verify_archive', text: `Verify the archive ${archive}` },
    { name: 'extract_files', text: 'Unpack 12,402 files (38 GiB) into /srv/photos' },
  ],
  warnings: [{ code: 'users_missing', text: 'These users do not exist here: photos' }],
  refusals: [],
  bytes: 38 * gib,
  files: 12_402,
  text: [],
}

test.each(looks)(
  '%s: no page has a fault, and every page fits',
  { timeout: 120_000 },
  async (lookName, look) => {
    const { web, tom, alice, restore } = await filled()
    withRemote(web, {
      archives: async () => ({ items, nextCursor: 'more' }),
      planRestore: async () => plan,
    })
    const { url } = await served(web.app)
    const page = await browser.page(look)
    const complained = complaints(page)
    const faults: string[] = []
    const check = async (name: string) => {
      await screenshot(page, `network-${name}-${lookName}`)
      const found = [...(await accessibilityFaults(page)), ...(await tooWide(page))]
      faults.push(...found.map((fault) => `${name}: ${fault}`))
    }
    const open = async (name: string, path: string) => {
      await page.goto(url + path)
      await check(name)
    }
    await open('home', '/')
    await open('network', '/network')
    await open('tom', `/network/${tom}`)
    await open('alice', `/network/${alice}`)
    await open('archives', `/network/${tom}/archives`)
    await open('restore', `/network/restores/${restore}`)
    await open('choose', `/network/restore?archive=${archive}`)
    await open('archive', `/archives/${archive}`)
    await open('options', `/network/restore?archive=${archive}&peer=${tom}`)
    await page.locator('form.form .primary').click()
    await check('plan')
    await page.locator('#word').fill('wrong')
    await page.locator('button.danger.final').click()
    await check('plan-mistyped')
    withRemote(web, { planRestore: async () => null })
    await page.goto(`${url}/network/restore?archive=${archive}&peer=${tom}`)
    await page.locator('form.form .primary').click()
    await check('plan-sent-first')
    for (let i = 0; i < 6; i++) await seedPeer(web.deps.db, { name: `friend-${i}` })
    await open('many', '/network')
    expect(faults).toEqual([])
    expect(complained.filter((text) => !text.includes('status of 422'))).toEqual([])
  },
)

test('without scripts: from an archive to a restore on another instance', { timeout: 60_000 }, async () => {
  const { web } = await filled()
  withRemote(web, { planRestore: async () => plan })
  const { url } = await served(web.app)
  const page = await browser.page({ script: false })
  await page.goto(`${url}/archives/${archive}`)
  await page.getByRole('link', { name: 'Restore on another server…' }).click()
  await page.getByRole('link', { name: 'Restore there… tom' }).click()
  await page.getByLabel('Only these files and folders').fill('2026')
  await page.getByRole('button', { name: 'Show what will happen' }).click()
  await page.getByRole('heading', { name: 'What will happen on tom' }).waitFor()
  await page.getByLabel('Type this name').fill('photos')
  await page.getByRole('button', { name: 'Replace /srv/photos on tom' }).click()
  await page.waitForURL(/\/network\/restores\/2$/)
  await page.getByText('tom is being asked to restore it').waitFor()
  const { options_json } = await web.deps.db
    .selectFrom('remote_restores')
    .select('options_json')
    .where('id', '=', 2)
    .executeTakeFirstOrThrow()
  expect(JSON.parse(options_json)).toMatchObject({ options: { paths: ['2026'] }, force: true })
})

test('an open network page and an open restore change by themselves', { timeout: 60_000 }, async () => {
  const { web, tom, restore } = await filled()
  const { db } = web.deps
  const { url } = await served(web.app)
  const page = await browser.page()
  await page.goto(`${url}/network/restores/${restore}`)
  await page.getByText('alice does not answer').waitFor()
  await changeRemoteRestore(db, restore, { status: 'success', finishedAt: testNow })
  await page.getByText('alice has restored it').waitFor()
  expect(await page.title()).toMatch(/^● restored/)
  await page.goto(`${url}/network`)
  await page.getByRole('row', { name: /^tom online/ }).waitFor()
  await db.updateTable('remote_instances').set({ status: 'offline' }).where('id', '=', tom).execute()
  await page.getByRole('row', { name: /^tom not reachable/ }).waitFor()
})
