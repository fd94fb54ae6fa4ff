// The audit log in sentences.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { testNow, testWeb } from '../../../../test/support/web.ts'
import { en } from '../../../../locales/en.ts'
import { drillVerdicts } from '../../../domain/drill.ts'
import { addActivity } from '../../../store/activity.ts'

test('tells who did what to what, newest first, in both languages', async () => {
  const { get, deps } = await testWeb()
  const entry = { jobId: null, at: testNow - 60_000 }
  await addActivity(deps.db, {
    ...entry,
    actor: 'alice',
    action: 'archive.pin',
    subject: 'jerry_wiki_20261121',
  })
  await addActivity(deps.db, {
    ...entry,
    actor: 'scheduler',
    action: 'run.skipped',
    subject: 'nightly',
    facts: { reason: 'still_running', due: testNow },
  })
  await addActivity(deps.db, {
    ...entry,
    actor: 'cli (alice)',
    action: 'archive.delete',
    subject: 'old',
    facts: { reason: 'by hand', bytes: 2048 },
  })
  const text = visibleText(await (await get('/activity')).text())
  expect(text).toMatch(
    /from the command line \(alice\) deleted the archive old by hand · 2 KiB.*by the scheduler skipped a run nightly the job was still running · due on Saturday.*alice pinned the archive jerry_wiki_20261121/,
  )
  const french = await (await get('/activity', { 'accept-language': 'fr' })).text()
  expect(htmlProblems(french)).toEqual([])
  expect(visibleText(french)).toContain('en ligne de commande (alice) a supprimé l’archive')
})

test('why retention removed an archive and how much one holds is told in words', async () => {
  const { get, deps } = await testWeb()
  const entry = { at: testNow, actor: 'retention', subject: 'old', jobId: null }
  await addActivity(deps.db, { ...entry, action: 'archive.delete', facts: { reason: 'beyond_gfs' } })
  await addActivity(deps.db, { ...entry, action: 'archive.verify', facts: { members: 24 } })
  const text = visibleText(await (await get('/activity')).text())
  expect(text).toContain('24 members')
  expect(text).toContain('not the newest of a kept day, week or month')
  expect(text).not.toContain('beyond_gfs')
})

test('restores and test restores are told with how they ended, and lead to their archive', async () => {
  const { get, deps } = await testWeb()
  const entry = { at: testNow, actor: 'alice', subject: 'jerry_wiki_20261121', jobId: 1 }
  await addActivity(deps.db, { ...entry, action: 'drill.failed', facts: { depth: 'load' } })
  await addActivity(deps.db, { ...entry, action: 'restore.start', facts: { target: '/opt/<wiki>' } })
  await addActivity(deps.db, {
    ...entry,
    action: 'restore.end',
    facts: { status: 'rolled_back', target: '/opt/<wiki>' },
  })
  const html = await (await get('/activity')).text()
  expect(htmlProblems(html)).toEqual([])
  expect(html).toContain('href="/archives/jerry_wiki_20261121"')
  const text = visibleText(html)
  expect(text).toContain('began to restore jerry_wiki_20261121 /opt/&lt;wiki&gt;')
  expect(text).toContain('could not restore in a test the archive jerry_wiki_20261121 loaded')
  expect(text).not.toContain('rolled_back')
})

test('an action or a detail that nobody has words for is shown as it was noted', async () => {
  const { get, deps } = await testWeb()
  await addActivity(deps.db, {
    at: testNow,
    actor: '<b>eve</b>',
    action: 'peer.invited',
    subject: '"><script>',
    jobId: null,
    facts: { reason: 'because', n: 12_345 },
  })
  const html = await (await get('/activity')).text()
  expect(htmlProblems(html)).toEqual([])
  expect(html).toContain('&lt;b&gt;eve&lt;/b&gt;')
  expect(visibleText(html)).toContain('peer.invited')
  expect(visibleText(html)).toContain('because · n: 12,345')
})

test('what peers and scripts did is told by their names, and leads to where it is listed', async () => {
  const { get, deps } = await testWeb()
  const entry = { at: testNow, jobId: null }
  await addActivity(deps.db, {
    ...entry,
    actor: 'peer:tom',
    action: 'archive.received',
    subject: 'tom_wiki_20261121',
  })
  await addActivity(deps.db, {
    ...entry,
    actor: 'token:nas',
    action: 'transfer.send',
    subject: 'jerry_wiki_20261121',
  })
  await addActivity(deps.db, { ...entry, actor: 'alice', action: 'peer.add', subject: 'mia' })
  await addActivity(deps.db, { ...entry, actor: 'poller', action: 'peer.gone', subject: 'zoe' })
  await addActivity(deps.db, { ...entry, actor: 'alice', action: 'peer.remove', subject: 'eve' })
  const html = await (await get('/activity')).text()
  expect(htmlProblems(html)).toEqual([])
  expect(visibleText(html)).toContain('tom (peer) received the archive tom_wiki_20261121')
  expect(visibleText(html)).toContain('token nas had a copy sent of jerry_wiki_20261121')
  expect(html).not.toMatch(/peer:tom|token:nas/)
  expect([...html.matchAll(/href="([^"]+)">(\w+)<\/a>/g)].map(([, path, text]) => `${text} ${path}`)).toEqual(
    expect.arrayContaining([
      'tom_wiki_20261121 /archives/tom_wiki_20261121',
      'jerry_wiki_20261121 /transfers',
      'mia /peers',
      'zoe /network',
    ]),
  )
  expect(html).not.toContain('>eve</a>')
  const french = visibleText(await (await get('/activity', { 'accept-language': 'fr' })).text())
  expect(french).toContain('tom (pair)')
  expect(french).toContain('jeton nas')
})

test('goes back through a long history without losing or repeating a line', async () => {
  const { get, deps } = await testWeb()
  for (let i = 0; i < 230; i += 1) {
    await addActivity(deps.db, {
      at: testNow,
      actor: 'a',
      action: 'job.update',
      subject: `s${i}.`,
      jobId: null,
    })
  }
  const seen: string[] = []
  let path: string | undefined = '/activity'
  while (path !== undefined) {
    const html = await (await get(path)).text()
    seen.push(...(html.match(/s\d+\./g) ?? []))
    path = /rel="next" href="([^"]+)"/.exec(html)?.[1]
  }
  expect(seen).toEqual(Array.from({ length: 230 }, (_, i) => `s${229 - i}.`))
})

test('every action that the engine notes has words', () => {
  const folder = join(import.meta.dirname, '../../../engine')
  const code = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
  const noted = [...code.matchAll(/\baction: .*/g)].flatMap(([line]) =>
    [...line.matchAll(/'([a-z]+\.[a-z_]+)'/g)].map(([, action]) => action),
  )
  // Made of the verdict.
  noted.push(...drillVerdicts.map((verdict) => `drill.${verdict}`))
  expect(noted.length).toBeGreaterThan(15)
  expect(noted.filter((action) => !Object.hasOwn(en, `activity.action.${action}`))).toEqual([])
})
