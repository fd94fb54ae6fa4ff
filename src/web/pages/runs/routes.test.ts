import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventsOf } from '../../../../test/support/events.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { failed, running, seedJob, seedRun } from '../../../../test/support/job-seeds.ts'
import { testNow, testWeb, type TestWeb } from '../../../../test/support/web.ts'
import { runLogPath } from '../../../engine/run-log.ts'
import { finishRun, getRun } from '../../../store/runs.ts'
import { shownLogBytes } from './log.ts'

async function withRun(change: Parameters<typeof seedRun>[2] = {}) {
  const web = await testWeb()
  const job = await seedJob(web.deps.engine, { name: '<b>cloud' })
  return { web, job, id: await seedRun(web.deps.db, job.id, change) }
}

async function writeLog(web: TestWeb, id: number, text: string): Promise<void> {
  const path = runLogPath(web.deps.config.dataDir, id)
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

describe('a run’s page', () => {
  test.each([
    ['working', running],
    ['failed', failed],
    ['good', {}],
    ['waiting', { ...running, status: 'queued', step: null, started_at: null, progress_done: null }],
    [
      'partly good',
      {
        status: 'warning',
        targets_json: JSON.stringify([{ kind: 'app', id: 'a<i>', status: 'error', detail: '<script>' }]),
        warnings_json: JSON.stringify([{ code: 'file_changed', path: '/a/<img src=x>' }]),
        warning_count: 3,
        exit_codes_json: JSON.stringify({ yunohost: 1 }),
      },
    ],
  ] as const)('%s obeys what every page must, in both languages', async (_, change) => {
    const { web, id } = await withRun(change)
    await writeLog(web, id, '03:00:00 | <script>alert(1)</script>\n')
    for (const language of ['en', 'fr']) {
      const html = await page(web, `/runs/${id}`, language)
      expect(html).not.toMatch(/<script>|<b>cloud|<img src=x>|a<i>/)
      expect(html).toContain('&lt;script&gt;alert(1)')
    }
  })

  test('an unfinished run is live with scripts and refreshes without', async () => {
    const { web, id } = await withRun(running)
    const html = await page(web, `/runs/${id}`)
    expect(html).toContain(`data-live="/runs/${id}/events"`)
    expect(html).toContain('<noscript><meta http-equiv="refresh" content="5"></noscript>')
    expect(html).toContain('<title>◌ running')
    expect(html).toMatch(/<progress[^>]* value="42" max="100"/)
  })

  test('a finished run is neither', async () => {
    const { web, id } = await withRun()
    const html = await page(web, `/runs/${id}`)
    expect(html).not.toContain('data-live')
    expect(html).not.toContain('refresh')
    expect(html).toContain('href="/archives/jerry_nextcloud_20261121"')
    expect(html).toContain('href="/restore/jerry_nextcloud_20261121"')
  })

  test('of a long log the last whole lines are shown, with a link to all of it', async () => {
    const { web, id } = await withRun()
    const text = Array.from({ length: 5000 }, (_, i) => `03:00:00 | zeile ${i} äöü ✓\n`).join('')
    await writeLog(web, id, text)
    const html = await page(web, `/runs/${id}`)
    const shown = /<pre[^>]*data-cursor="(\d+)"[^>]*>([\s\S]*?)<\/pre>/.exec(html)
    expect(Number(shown?.[1])).toBe(Buffer.byteLength(text))
    expect(shown?.[2]).toMatch(/^03:00:00 \| zeile \d+ äöü ✓\n/)
    expect(text.endsWith(shown?.[2] ?? 'nothing')).toBe(true)
    expect(Buffer.byteLength(shown?.[2] ?? '')).toBeLessThanOrEqual(shownLogBytes)
    expect(visibleText(html)).toContain('is left out here')
    expect(html).toContain(`href="/runs/${id}/log"`)
  })

  test('the last lines in the database stand in for a log file that is gone', async () => {
    const { web, id } = await withRun({ log_text: 'the last line\n' })
    expect(visibleText(await page(web, `/runs/${id}`))).toContain('the last line')
  })

  test('an unknown run is not found', async () => {
    const { web } = await withRun()
    for (const path of ['/runs/999', '/runs/x', '/runs/999/log', '/runs/999/events']) {
      expect((await web.get(path)).status, path).toBe(404)
    }
    expect((await web.post('/runs/999/cancel')).status).toBe(404)
  })
})

describe('the whole log', () => {
  test('is plain text, from a byte on when asked, as a file when asked', async () => {
    const { web, id } = await withRun()
    const text = `first\n${'x'.repeat(700_000)}é\n`
    await writeLog(web, id, text)
    const whole = await web.get(`/runs/${id}/log`)
    expect(whole.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await whole.text()).toBe(text)
    expect(await (await web.get(`/runs/${id}/log?from=6`)).text()).toBe(text.slice(6))
    const file = await web.get(`/runs/${id}/log?download`)
    expect(file.headers.get('content-disposition')).toBe(`attachment; filename="backupmanager-run-${id}.log"`)
    await file.body?.cancel()
  })

  test('of a run that logged nothing is empty', async () => {
    const { web, id } = await withRun()
    expect(await (await web.get(`/runs/${id}/log`)).text()).toBe('')
  })
})

describe('cancelling', () => {
  test('asks the engine and shows the run', async () => {
    const { web, job } = await withRun()
    const run = await web.deps.engine.startRun(job.id, 'manual', 'test')
    const response = await web.post(`/runs/${run.id}/cancel`)
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe(`/runs/${run.id}`)
    expect((await getRun(web.deps.db, run.id))?.status).toBe('cancelled')
  })

  test('a run that has ended meanwhile is simply shown', async () => {
    const { web, id } = await withRun()
    const response = await web.post(`/runs/${id}/cancel`)
    expect(response.status).toBe(303)
    expect((await getRun(web.deps.db, id))?.status).toBe('success')
  })
})

describe('live', () => {
  test('sends the state and what the log gains, until the run has ended', async () => {
    const { web, id } = await withRun(running)
    await writeLog(web, id, 'seen\n')
    const response = await web.get(`/runs/${id}/events?cursor=5`)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const events = eventsOf(response)
    expect(await events.next()).toMatchObject({ value: { event: 'fragment', data: { id: 'run-status' } } })
    const actions = (await events.next()).value
    expect(actions).toMatchObject({ event: 'fragment', data: { id: 'run-actions' } })
    expect(JSON.stringify(actions)).toContain('Cancel')
    expect(await events.next()).toMatchObject({ value: { event: 'title' } })
    await appendFile(runLogPath(web.deps.config.dataDir, id), 'new <b>line</b>\n')
    expect(await events.next()).toMatchObject({
      value: { event: 'log', data: { cursor: 21, text: 'new <b>line</b>\n' } },
    })
    // Three hours later: what the stream says must not count from its beginning.
    web.clock.time = testNow + 3 * 3_600_000
    await finishRun(web.deps.db, id, {
      status: 'success',
      finishedAt: testNow + 3 * 3_600_000,
      archiveName: 'jerry_nextcloud_20261121',
      sizeBytes: 5,
      errorCode: null,
      errorFacts: {},
      targets: [],
      warnings: [],
      warningCount: 0,
      exitCodes: {},
      logTail: null,
    })
    const last = await events.next()
    expect(last).toMatchObject({ value: { event: 'fragment', data: { id: 'run-status' } } })
    expect(JSON.stringify(last.value)).toContain('ended just now, took 3\u00a0h 3\u00a0min')
    const rest = []
    for await (const event of events) rest.push(event)
    expect(rest.map((one) => one.event)).toEqual(['fragment', 'title', 'fragment', 'end'])
    expect(JSON.stringify(rest[0])).toContain('Run again')
    expect(JSON.stringify(rest[1])).toContain('● ok · Run')
  })

  test('goes on from where a lost connection was', async () => {
    const { web, id } = await withRun()
    await writeLog(web, id, 'one\ntwo\n')
    const response = await web.get(`/runs/${id}/events`, { 'last-event-id': '4' })
    const events = []
    for await (const event of eventsOf(response)) events.push(event)
    expect(events.find((event) => event.event === 'log')?.data).toEqual({ cursor: 8, text: 'two\n' })
    expect(events.at(-1)?.event).toBe('end')
  })
})

describe('the list', () => {
  test('shows what runs, what waits and why, and what was, in both languages', async () => {
    const { web, job } = await withRun(failed)
    const folder = await seedJob(web.deps.engine, {
      name: 'photos',
      type: 'custom_dir',
      config: { source_path: '/opt/x' },
    })
    const later = await seedJob(web.deps.engine, { name: 'later', config: { app_id: 'nocodb' } })
    await seedRun(web.deps.db, job.id, running)
    await seedRun(web.deps.db, folder.id, {
      ...running,
      status: 'queued',
      step: null,
      started_at: null,
      progress_done: null,
    })
    await seedRun(web.deps.db, later.id, {
      ...running,
      status: 'queued',
      step: null,
      started_at: null,
      not_before: testNow + 120_000,
    })
    for (const language of ['en', 'fr']) await page(web, '/runs', language)
    const text = visibleText(await page(web, '/runs'))
    expect(text).toContain('With YunoHost (one at a time)')
    expect(text).toContain('The rest (2 at a time)')
    expect(text).toContain('waits for its turn')
    expect(text).toContain('so that not everything runs at once')
    expect(text).toContain('Not enough')
  })

  test('goes back in pages of fifty', async () => {
    const { web, job } = await withRun()
    for (let i = 0; i < 60; i++) await seedRun(web.deps.db, job.id)
    const first = await page(web, '/runs')
    const older = /href="(\/runs\?before=\d+)"/.exec(first)?.[1] ?? ''
    const second = await page(web, older)
    expect(second.match(/<tr>/g)).toHaveLength(1 + 11)
    expect(second).not.toContain('rel="next"')
  })

  test('is live: a run that begins appears without reloading', async () => {
    const { web, job } = await withRun()
    const live = /data-live="([^"]+)"/.exec(await page(web, '/runs'))?.[1] ?? ''
    const events = eventsOf(await web.get(live))
    expect(await events.next()).toMatchObject({ value: { data: { id: 'runs-queue' } } })
    expect(await events.next()).toMatchObject({ value: { data: { id: 'runs-table' } } })
    expect(await events.next()).toMatchObject({ value: { event: 'title' } })
    expect(await events.next()).toMatchObject({ value: { event: 'settled' } })
    await seedRun(web.deps.db, job.id, running)
    const queue = (await events.next()).value
    expect(JSON.stringify(queue)).toContain('running')
    await events.return(undefined)
  })

  test('says that there is nothing yet', async () => {
    const web = await testWeb()
    const text = visibleText(await page(web, '/runs'))
    expect(text).toContain('Nothing is running or waiting.')
    expect(text).toContain('No run yet.')
  })
})
