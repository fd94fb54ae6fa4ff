// Test restores on a job's page: the plan, the last verdict, the history, and the button.
import { describe, expect, test } from 'vitest'
import { seedArchives } from '../../../../test/support/archives.ts'
import { eventually } from '../../../../test/support/eventually.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { seedJob } from '../../../../test/support/job-seeds.ts'
import { testNow, testWeb, type TestWeb } from '../../../../test/support/web.ts'
import type { Drill } from '../../../domain/drill.ts'
import { Problem } from '../../../domain/problem.ts'
import { drillsOfJob, insertDrill } from '../../../store/drills.ts'
import { getJob } from '../../../store/jobs.ts'

const folder = { name: 'photos', type: 'custom_dir', config: { source_path: '/opt/photos' } } as const
const archive = 'jerry_photos_20261121'

async function page(web: TestWeb, path: string, language = 'en'): Promise<string> {
  const response = await web.get(path, { 'accept-language': language })
  expect(response.status).toBe(200)
  const html = await response.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

async function withArchive(web: TestWeb, drill: Drill['depth'] | null = null) {
  const policy = drill === null ? null : { depth: drill, everyDays: 14 }
  const job = await seedJob(web.deps.engine, { ...folder, drill: policy })
  await seedArchives(web.deps.db, { name: archive, type: 'custom_dir', job_id: job.id })
  return job
}

function seedDrill(web: TestWeb, jobId: number, change: Partial<Drill> = {}): Promise<Drill> {
  return insertDrill(web.deps.db, {
    jobId,
    archiveName: archive,
    depth: 'extract',
    verdict: 'passed',
    findings: [
      { code: 'bytes_read', facts: { bytes: 2 ** 30 } },
      { code: 'files_compared', facts: { files: 12_402 } },
    ],
    actor: 'scheduler',
    startedAt: testNow - 3_700_000,
    finishedAt: testNow - 3_600_000,
    ...change,
  })
}

describe('the page', () => {
  test('says plainly that nothing was ever proven', async () => {
    const web = await testWeb()
    const { id } = await withArchive(web)
    const html = await page(web, `/jobs/${id}`)
    const text = visibleText(html)
    expect(text).toContain('No test restores are planned for this job.')
    expect(text).toContain('nobody knows whether it can be restored')
    expect(html).toContain(`action="/jobs/${id}/drill"`)
    await page(web, `/jobs/${id}`, 'fr')
  })

  test('has no button where there is nothing to prove or to restore', async () => {
    const web = await testWeb()
    const { id } = await seedJob(web.deps.engine, folder)
    await seedArchives(web.deps.db, { name: archive, job_id: id, state: 'corrupted' })
    const html = await page(web, `/jobs/${id}`)
    expect(html).not.toContain(`action="/jobs/${id}/drill"`)
    expect(html).not.toContain('href="/restore/')
  })

  test('leads to the restore of the newest good archive', async () => {
    const web = await testWeb()
    const { id } = await withArchive(web)
    const newer = { created_at: testNow + 1000, job_id: id }
    await seedArchives(web.deps.db, { name: 'jerry_photos_20261122', ...newer, state: 'corrupted' })
    expect(await page(web, `/jobs/${id}`)).toContain(`href="/restore/${archive}"`)
  })

  test('tells the last one in sentences and the ones before in a list, in both languages', async () => {
    const web = await testWeb()
    const { id } = await withArchive(web, 'extract')
    const findings = [
      { code: 'file_differs', facts: { path: '2026/<b>a</b>.jpeg' } },
      { code: 'file_missing', facts: { path: '2026/b.jpeg' } },
    ] as const
    await seedDrill(web, id, { verdict: 'inconclusive', findings: [{ code: 'no_space', facts: {} }] })
    await seedDrill(web, id, { verdict: 'failed', findings, actor: 'alice' })
    await seedDrill(web, id)
    const html = await page(web, `/jobs/${id}`)
    const text = visibleText(html)
    expect(html).not.toContain('<b>a</b>')
    expect(text).toContain('Every 14 days: Unpack into a scratch folder and compare')
    expect(text).toMatch(/passed 1 hour ago.* · unpacked · jerry_photos_20261121/)
    expect(text).toContain('1 GiB read and compared')
    expect(text).toContain('12,402 files unpacked and compared')
    expect(text).toMatch(/failed .*A file is missing: 2026\/b\.jpeg.*inconclusive .*not enough room/)
    await page(web, `/jobs/${id}`, 'fr')
  })

  test('folds findings that are too many', async () => {
    const web = await testWeb()
    const { id } = await withArchive(web)
    const findings = Array.from({ length: 50 }, (_, i) => ({
      code: 'file_missing' as const,
      facts: { path: `file ${i}.` },
    }))
    await seedDrill(web, id, { verdict: 'failed', findings })
    const html = await page(web, `/jobs/${id}`)
    expect(html).toContain('<summary>and 42 more</summary>')
    for (const i of [0, 7, 8, 49]) expect(html).toContain(`file ${i}.`)
  })

  test('lists the last ten before it', async () => {
    const web = await testWeb()
    const { id } = await withArchive(web)
    for (let i = 0; i < 15; i++) await seedDrill(web, id, { archiveName: `archive_${i}` })
    const html = await page(web, `/jobs/${id}`)
    expect(html).toContain('archive_14')
    expect(html).toContain('archive_4<')
    expect(html).not.toContain('archive_3<')
  })
})

describe('the button', () => {
  test('proves the newest archive as deep as it is told, and says how it went', async () => {
    const web = await testWeb()
    const { id } = await withArchive(web)
    const response = await web.post(`/jobs/${id}/drill`, { depth: 'extract' })
    expect(response.headers.get('location')).toBe(`/jobs/${id}`)
    expect(await drillsOfJob(web.deps.db, id, 5)).toMatchObject([
      { archiveName: archive, depth: 'extract', verdict: 'passed' },
    ])
    const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? ''
    const html = await (await web.get(`/jobs/${id}`, { cookie })).text()
    expect(visibleText(html)).toContain(`The archive ${archive} can be restored.`)
  })

  test('a failed one suspends removal and says so', async () => {
    const web = await testWeb()
    const { id } = await withArchive(web)
    web.machine.drill = { verdict: 'failed', findings: [{ code: 'file_missing', facts: { path: 'x' } }] }
    await web.post(`/jobs/${id}/drill`, { depth: 'extract' })
    const text = visibleText(await page(web, `/jobs/${id}`))
    expect(text).toContain('A file is missing: x')
    expect(text).toContain('are not removed: a test restore failed')
    for (const language of ['en', 'fr']) await page(web, '/activity', language)
    expect(visibleText(await page(web, '/activity'))).toContain('could not restore in a test the archive')
  })

  test('a depth that the type does not have is not asked for', async () => {
    const web = await testWeb()
    const { id } = await withArchive(web, 'read')
    await web.post(`/jobs/${id}/drill`, { depth: 'load' })
    expect(await drillsOfJob(web.deps.db, id, 5)).toMatchObject([{ depth: 'read' }])
  })

  test('a long one goes on behind the page, which shows that it does, and its end', async () => {
    const web = await testWeb()
    const { id } = await withArchive(web)
    const gate = Promise.withResolvers<void>()
    web.machine.verifyGate = gate.promise
    expect((await web.post(`/jobs/${id}/drill`, { depth: 'read' })).status).toBe(303)
    const html = await page(web, `/jobs/${id}`)
    expect(visibleText(html)).toContain('being proven')
    expect(html).not.toContain(`action="/jobs/${id}/drill"`)
    expect((await web.post(`/jobs/${id}/drill`)).headers.get('location')).toBe(`/jobs/${id}`)

    const live = /data-live="([^"]+)"/.exec(html)?.[1] ?? ''
    const { body } = await web.get(live)
    let told = ''
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      told += chunk
      if (told.includes('being proven')) gate.resolve()
      if (told.includes('badge-ok')) break
    }
    expect(told).toContain('"id":"job-drills"')
    expect(await drillsOfJob(web.deps.db, id, 5)).toHaveLength(1)
  })

  test('one that could not be carried out later is told on the page', async () => {
    const web = await testWeb()
    const { id } = await withArchive(web)
    const gate = Promise.withResolvers<void>()
    web.machine.verifyGate = gate.promise
    await web.post(`/jobs/${id}/drill`, { depth: 'read' })
    gate.reject(new Problem('helper_refused'))
    await eventually(
      async () => visibleText(await page(web, `/jobs/${id}`)).includes('refused'),
      'the reason',
    )
    expect(await drillsOfJob(web.deps.db, id, 5)).toEqual([])
  })

  test('a job without a good archive says so', async () => {
    const web = await testWeb()
    const { id } = await seedJob(web.deps.engine, folder)
    const response = await web.post(`/jobs/${id}/drill`)
    const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? ''
    const html = await (await web.get(`/jobs/${id}`, { cookie })).text()
    expect(visibleText(html)).toContain('has no good archive that could be proven')
  })
})

describe('the form', () => {
  const form = {
    name: 'photos',
    type: 'custom_dir',
    'config.source_path': '/opt/photos',
    preset: 'daily',
    'time-daily': '03:00',
    'retention.mode': 'count',
    'retention.count': '7',
    enabled: '1',
  }

  test('offers what the type can do, and stores it', async () => {
    const web = await testWeb()
    const html = await page(web, '/jobs/new?type=custom_dir')
    expect(html).toContain('name="drill.depth" value="extract"')
    expect(html).not.toContain('name="drill.depth" value="load"')
    const { id } = await seedJob(web.deps.engine, folder)
    const fields = { ...form, 'drill.depth': 'extract', 'drill.every_days': '90' }
    expect((await web.post(`/jobs/${id}`, fields)).status).toBe(303)
    expect(await getJob(web.deps.db, id)).toMatchObject({ drill: { depth: 'extract', everyDays: 90 } })
    expect(await page(web, `/jobs/${id}/edit`)).toContain('name="drill.every_days" type="number" value="90"')
    expect((await web.post(`/jobs/${id}`, { ...fields, 'drill.depth': '' })).status).toBe(303)
    expect(await getJob(web.deps.db, id)).toMatchObject({ drill: null, nextDrillAt: null })
  })

  test.each([
    [{ 'drill.depth': 'load', 'drill.every_days': '30' }, 'drill.depth'],
    [{ 'drill.depth': 'read', 'drill.every_days': '366' }, 'drill.every_days'],
    [{ 'drill.depth': 'read', 'drill.every_days': '0' }, 'drill.every_days'],
  ])('%o is told beside %s', async (fields, field) => {
    const web = await testWeb()
    const response = await web.post('/jobs', { ...form, ...fields })
    expect(response.status).toBe(422)
    const html = await response.text()
    expect(htmlProblems(html)).toEqual([])
    expect(html).toContain(`id="${field}-error"`)
  })
})
