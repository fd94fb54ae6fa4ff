// The page of a restore: while it goes on, what it came to, its log, cancelling; and the history.
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { seedArchives } from '../../../../test/support/archives.ts'
import { eventsOf } from '../../../../test/support/events.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import {
  folderPlan,
  halfBack,
  putBack,
  restorableArchives,
  restoring,
  seedRestore,
  stepsIn,
} from '../../../../test/support/restore-seeds.ts'
import { testNow, type TestWeb } from '../../../../test/support/web.ts'
import { restoreLogPath } from '../../../engine/run-log.ts'
import { finishRestore, getRestore, setRestoreSteps } from '../../../store/restores.ts'

async function withRestore(change: Parameters<typeof seedRestore>[1] = {}) {
  const web = await restorableArchives()
  return { web, id: await seedRestore(web.deps.db, change) }
}

async function writeLog(web: TestWeb, id: number, text: string): Promise<void> {
  const path = restoreLogPath(web.deps.config.dataDir, id)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

async function page(web: TestWeb, path: string, language = 'en'): Promise<string> {
  const response = await web.get(path, { 'accept-language': language })
  expect(response.status).toBe(200)
  const html = await response.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

const hostile = '<script>alert(1)</script>\u202e'

describe('a restore’s page', () => {
  test.each([
    [
      'waiting',
      {
        status: 'queued',
        started_at: null,
        finished_at: null,
        steps_json: JSON.stringify(stepsIn(folderPlan)),
      },
    ],
    ['going on', restoring],
    ['done', {}],
    ['put back', putBack],
    ['put back in part', halfBack],
    ['cancelled', { status: 'cancelled', error_code: 'cancelled' }],
    [
      'of names that mean harm',
      { target: hostile, archive_name: hostile, actor: hostile, safety_archive: hostile, log_text: hostile },
    ],
  ] as const)('%s obeys what every page must, in both languages', async (_, change) => {
    const { web, id } = await withRestore(change)
    for (const language of ['en', 'fr']) {
      expect(await page(web, `/restores/${id}`, language)).not.toContain('<script>alert')
      expect(await page(web, '/restores', language)).not.toContain('<script>alert')
    }
  })

  test('that goes on is live with scripts, refreshes without, and can be cancelled', async () => {
    const { web, id } = await withRestore(restoring)
    const html = await page(web, `/restores/${id}`)
    expect(html).toContain(`data-live="/restores/${id}/events"`)
    expect(html).toContain('<noscript><meta http-equiv="refresh" content="5"></noscript>')
    expect(html).toContain('<title>◌ restoring')
    expect(html).toMatch(/<progress[^>]* value="39" max="100"/)
    expect(html).toContain(`action="/restores/${id}/cancel"`)
    const text = visibleText(html)
    expect(text).toMatch(
      /✓ Verify the archive .* done .*◌ Unpack 12,402 files .* now · Stop photos.service to come/,
    )
  })

  test('that succeeded says what to check, and where the state from before is and how long', async () => {
    const { web, id } = await withRestore({ safety_archive: 'jerry_photos_20261121-2' })
    const until = testNow + 7 * 86_400_000
    await seedArchives(web.deps.db, { name: 'jerry_photos_20261121-2', pinned: 1, pinned_until: until })
    const html = await page(web, `/restores/${id}`)
    const text = visibleText(html)
    expect(html).not.toContain('data-live')
    expect(text).toContain('/srv/photos was restored')
    expect(text).toContain('Look at some files in the folder')
    expect(text).toContain('Is the service running?')
    expect(text).not.toContain('Open the app')
    expect(html).toContain('href="/archives/jerry_photos_20261121-2"')
    expect(text).toContain('kept until Saturday, 28 November 2026')
  })

  test('that was put back says that everything is as before, why, and what to do', async () => {
    const { web, id } = await withRestore(putBack)
    const text = visibleText(await page(web, `/restores/${id}`))
    expect(text).toContain('everything is as it was before')
    expect(text).toContain('Unit photos.service has a bad setting')
    expect(text).toContain('↩ Stop photos.service put back')
    expect(text).toContain('remove the cause')
    const asked = await withRestore({ ...putBack, error_code: 'cancelled', error_facts: '{}' })
    expect(visibleText(await page(asked.web, `/restores/${asked.id}`))).toContain(
      'It was cancelled, so everything',
    )
  })

  test('that could not be put back names what was kept and where', async () => {
    const { web, id } = await withRestore({ ...halfBack, safety_archive: 'gone' })
    const text = visibleText(await page(web, `/restores/${id}`))
    expect(text).toContain('could not be put back wholly')
    expect(text).toContain('/srv/.photos.former')
    expect(text).toContain('also in the safety archive')
    expect(text).toContain('not there (yet, or any more)')
  })

  test('that failed before it touched anything does not frighten', async () => {
    const steps_json = JSON.stringify(stepsIn(folderPlan, 'failed'))
    const { web, id } = await withRestore({ status: 'error', error_code: 'archive_corrupted', steps_json })
    const text = visibleText(await page(web, `/restores/${id}`))
    expect(text).toContain('nothing was changed')
    expect(text).not.toContain('wholly')
  })

  test('shows the last lines of the database when the log file is gone', async () => {
    const { web, id } = await withRestore({ log_text: 'the last line\n' })
    expect(visibleText(await page(web, `/restores/${id}`))).toContain('the last line')
  })

  test('that is not there is not found', async () => {
    const { web } = await withRestore()
    for (const path of ['/restores/999', '/restores/x', '/restores/999/log', '/restores/999/events']) {
      expect((await web.get(path)).status, path).toBe(404)
    }
    expect((await web.post('/restores/999/cancel')).status).toBe(404)
  })
})

test('the log is plain text, from a byte on when asked, as a file when asked', async () => {
  const { web, id } = await withRestore()
  await writeLog(web, id, 'first\n<b>second</b>\n')
  const whole = await web.get(`/restores/${id}/log`)
  expect(whole.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(await whole.text()).toBe('first\n<b>second</b>\n')
  expect(await (await web.get(`/restores/${id}/log?from=6`)).text()).toBe('<b>second</b>\n')
  const file = await web.get(`/restores/${id}/log?download`)
  expect(file.headers.get('content-disposition')).toBe(
    `attachment; filename="backupmanager-restore-${id}.log"`,
  )
  await file.body?.cancel()
})

describe('cancelling', () => {
  test('marks a restore that goes on, and says so', async () => {
    const { web, id } = await withRestore(restoring)
    const answer = await web.post(`/restores/${id}/cancel`)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `/restores/${id}`])
    expect((await getRestore(web.deps.db, id))?.cancelRequested).toBe(true)
    const html = await page(web, `/restores/${id}`)
    expect(visibleText(html)).toContain('everything is put back…')
    expect(html).not.toContain('/cancel"')
  })

  test('comes too late for one that has ended, and needs the form’s token', async () => {
    const { web, id } = await withRestore()
    const answer = await web.post(`/restores/${id}/cancel`)
    const [cookie = ''] = answer.headers.getSetCookie().map((one) => one.split(';')[0] ?? '')
    const shown = await (await web.get(`/restores/${id}`, { cookie })).text()
    expect(visibleText(shown)).toContain('had ended before it could be cancelled')
    expect((await web.post(`/restores/${id}/cancel`, { _csrf: 'wrong' })).status).toBe(403)
  })
})

test('the live stream sends state, log and title as they change, with facts as text, and ends with the restore', async () => {
  const plan = { ...folderPlan, steps: [{ code: 'stop_service' as const, facts: { service: hostile } }] }
  const { web, id } = await withRestore({
    ...restoring,
    steps_json: JSON.stringify(stepsIn(plan, 'running')),
  })
  const { db, config } = web.deps
  await writeLog(web, id, 'first\n')
  const events = eventsOf(await web.get(`/restores/${id}/events?cursor=0`))
  const next = async () => (await events.next()).value
  expect(await next()).toEqual({ event: 'log', data: { cursor: 6, text: 'first\n' } })
  expect(await next()).toMatchObject({ event: 'fragment', data: { id: 'restore-stages' } })
  const status = await next()
  expect(status).toMatchObject({ event: 'fragment', data: { id: 'restore-status' } })
  expect(JSON.stringify(status)).not.toContain('<script>')
  expect(await next()).toMatchObject({ data: { id: 'restore-actions' } })
  expect(await next()).toMatchObject({ event: 'title' })

  await appendFile(restoreLogPath(config.dataDir, id), 'second\n')
  expect(await next()).toEqual({ event: 'log', data: { cursor: 13, text: 'second\n' } })
  await setRestoreSteps(db, id, stepsIn(plan, 'done'))
  await finishRestore(db, id, {
    status: 'success',
    finishedAt: testNow,
    errorCode: null,
    errorFacts: {},
    remarks: [],
    logTail: 'second\n',
  })
  const rest: unknown[] = []
  for (let one = await next(); one !== undefined; one = await next()) rest.push(one)
  const told = JSON.stringify(rest)
  expect(told).toContain('was restored')
  expect(told).toContain('restore-news')
  expect(rest.at(-1)).toMatchObject({ event: 'end' })
})

describe('the history', () => {
  test('goes back in pages of fifty, and is live', async () => {
    const { web } = await withRestore()
    for (let i = 0; i < 60; i++) await seedRestore(web.deps.db)
    const first = await page(web, '/restores')
    const second = await page(web, /href="(\/restores\?before=\d+)"/.exec(first)?.[1] ?? '')
    expect(second.match(/<tr>/g)).toHaveLength(1 + 11)
    const events = eventsOf(await web.get('/restores/events?before='))
    expect(await events.next()).toMatchObject({ value: { data: { id: 'restores-table' } } })
    await events.return(undefined)
  })

  test('says that there is none yet', async () => {
    const web = await restorableArchives()
    expect(visibleText(await page(web, '/restores'))).toContain('Nothing has been restored yet.')
  })

  test('of an archive is on its page, the newest five', async () => {
    const { web } = await withRestore()
    for (let i = 0; i < 6; i++) await seedRestore(web.deps.db, putBack)
    const html = await page(web, '/archives/jerry_photos_20261121')
    const linked = [...html.matchAll(/href="\/restores\/(\d+)"/g)].map(([, id]) => Number(id))
    expect(linked).toEqual([7, 6, 5, 4, 3])
    expect(await page(web, '/archives/jerry_nextcloud_20261121')).not.toContain('href="/restores/')
  })
})
