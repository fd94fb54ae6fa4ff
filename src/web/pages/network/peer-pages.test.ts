// The page of one instance, its archives, and restoring there, against a small instance that answers over HTTP.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { seedArchives } from '../../../../test/support/archives.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { seedJob } from '../../../../test/support/job-seeds.ts'
import { iso, jobThere, seedPeer, summaryOf } from '../../../../test/support/network-seeds.ts'
import { addPeer, bodyOf, peerServer, sendJson, sendProblem } from '../../../../test/support/peer-servers.ts'
import { folderInfo } from '../../../../test/support/restore-seeds.ts'
import { testNow, testWeb, type TestWeb } from '../../../../test/support/web.ts'
import { recordCopy } from '../../../store/copies.ts'
import { destinationOfPeer } from '../../../store/destinations.ts'
import { updatePeer } from '../../../store/peers.ts'
import { changeRemoteRestore, insertRemoteRestore } from '../../../store/remote-restores.ts'
import { createVault } from '../../../sys/vault.ts'

const archive = 'jerry_photos_20261121'
const hour = 3_600_000

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** jerry's dashboard, and tom, who answers what the test says: by `METHOD /path`, its query left out. */
async function world(answers: Readonly<Record<string, Answer>> = {}) {
  const web = await testWeb()
  const { db, config, clock } = web.deps
  const server = await peerServer(async (request, response) => {
    const path = (request.url ?? '').replace('/api/v1', '').replace(/\?.*/, '')
    const answer = answers[`${request.method ?? ''} ${path}`]
    if (answer !== undefined) await answer(request, response)
    else if (path === '/summary')
      sendJson(response, summaryOf('tom', { jobs: [jobThere('wiki', { id: 4 })] }))
    else sendProblem(response, 404, 'archive_not_found')
  })
  const id = await addPeer({ db, vault: await createVault(config.dataDir), clock }, 'tom', server.url)
  await web.deps.engine.peers.poll(id)
  await seedArchives(db, {
    name: archive,
    app: 'photos',
    type: 'custom_dir',
    backup_info_json: JSON.stringify(folderInfo),
  })
  return { ...web, id, server }
}

async function pageOf(answer: Response, status = 200): Promise<string> {
  expect(answer.status).toBe(status)
  const html = await answer.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

/** The page that a form leads to, with its message. */
async function after(web: TestWeb, answer: Response): Promise<string> {
  expect(answer.status).toBe(303)
  const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  return visibleText(await pageOf(await web.get(answer.headers.get('location') ?? '', { cookie })))
}

function there(name: string, change: object = {}) {
  return {
    name,
    file: `${name}.tar`,
    type: 'custom_dir',
    app: 'photos',
    instance_name: 'tom',
    created_at: iso(testNow - hour),
    size_bytes: 2 ** 30,
    sha256: null,
    state: 'ok',
    origin: 'local',
    pinned: false,
    job_id: null,
    ...change,
  }
}

const plan = {
  archive,
  type: 'custom_dir',
  target: '/srv/photos',
  replaces: true,
  steps: [{ name: 'extract_files', text: 'Unpack <b>3 files</b>' }],
  warnings: [],
  refusals: [],
  bytes: 4096,
  files: 3,
  text: [],
}

test('a job there is started with a click, and its run is named', async () => {
  const it = await world({
    'POST /jobs/4/run': (_, response) => sendJson(response, { run_id: 77, status: 'queued' }, 202),
  })
  const html = await pageOf(await it.get(`/network/${it.id}`))
  expect(html).toContain(`action="/network/${it.id}/jobs/4/run"`)
  expect(await after(it, await it.post(`/network/${it.id}/jobs/4/run`))).toContain('Run #77 was queued there')
  expect(it.server.asked.slice(-2)).toEqual(['POST /jobs/4/run', 'GET /summary'])
})

test('what the peer refuses is told, and what it does not allow is not offered', async () => {
  const it = await world({ 'POST /jobs/4/run': (_, response) => sendProblem(response, 403, 'scope_missing') })
  expect(await after(it, await it.post(`/network/${it.id}/jobs/4/run`))).toContain(
    'That was not done. The peer does not allow that',
  )
  await updatePeer(it.deps.db, it.id, { scopes: ['read'] }, testNow)
  const html = await pageOf(await it.get(`/network/${it.id}`))
  expect(html).not.toContain('/jobs/4/run')
  expect(html).toContain('does not allow running jobs')
})

test('a peer that is not known is said to be none', async () => {
  const it = await world()
  for (const path of ['/network/99', '/network/99/archives', '/network/restores/99']) {
    expect([path, (await it.get(path)).status]).toEqual([path, 404])
  }
  expect((await it.post('/network/99/poll')).status).toBe(404)
})

test('archives there are listed live, page by page; those that are here too are said to be', async () => {
  const it = await world({
    'GET /archives': (_, response) =>
      sendJson(response, { items: [there(archive), there('tom_<i>_1')], next_cursor: 'a b' }),
  })
  const html = await pageOf(await it.get(`/network/${it.id}/archives?q=pho`))
  expect(it.server.asked.at(-1)).toBe('GET /archives?limit=50&q=pho')
  expect(html).toContain(`href="/archives/${archive}"`)
  expect(html).toContain('value="tom_&lt;i&gt;_1"')
  expect(html).toContain(`href="/network/${it.id}/archives?q=pho&amp;cursor=a+b"`)
})

test('a list that cannot be had is told kindly, with what is known and how old that is', async () => {
  const it = await world({ 'GET /archives': (_, response) => void response.destroy() })
  it.clock.time = testNow + 2 * hour
  const text = visibleText(await pageOf(await it.get(`/network/${it.id}/archives`)))
  expect(text).toContain('The peer does not answer')
  expect(text).toContain('When it last answered, 2 hours ago, it had 42 archives, 96 GiB')
})

test('which instances may restore an archive, and why others may not', async () => {
  const it = await world()
  await seedPeer(it.deps.db, { name: 'alice', said: summaryOf('alice'), columns: { scopes: ['read'] } })
  const html = await pageOf(await it.get(`/network/restore?archive=${archive}`))
  expect(html).toContain(`href="/network/restore?archive=${archive}&amp;peer=${it.id}"`)
  expect(visibleText(html)).toMatch(/alice.*does not allow us to restore/)
  expect((await it.get('/network/restore?archive=nothing')).status).toBe(404)
  expect(await (await it.get(`/archives/${archive}`)).text()).toContain('Restore on another server…')
})

test('options, what will happen, agreement by name, and the order that the peer gets', async () => {
  const orders: unknown[] = []
  const it = await world({
    [`POST /archives/${archive}/restore`]: async (request, response) => {
      orders.push(await bodyOf(request))
      sendJson(response, plan)
    },
  })
  const form = { archive, peer: String(it.id), target: '/srv/again', paths: '/2026/\n\nnotes.txt' }
  expect(await pageOf(await it.get(`/network/restore?archive=${archive}&peer=${it.id}`))).toContain(
    'name="paths"',
  )
  const shown = await pageOf(await it.post('/network/restore/plan', form))
  expect(shown).toContain('Unpack &lt;b&gt;3 files&lt;/b&gt;')
  const options = { target_path: '/srv/again', paths: ['2026', 'notes.txt'] }
  expect(orders).toEqual([{ expected_sha256: 'ab'.repeat(32), options: { ...options, dry_run: true } }])
  const wrong = await pageOf(await it.post('/network/restore/start', { ...form, word: 'tom' }), 422)
  expect(wrong).toContain('aria-invalid="true"')
  expect(await pageOf(await it.post('/network/restore', form))).toContain('value="/srv/again"')
  const begun = await it.post('/network/restore/start', { ...form, word: 'photos' })
  expect(begun.headers.get('location')).toBe('/network/restores/1')
  const row = await it.deps.db.selectFrom('remote_restores').selectAll().executeTakeFirstOrThrow()
  expect(JSON.parse(row.options_json)).toMatchObject({ options, force: true })
  const again = await it.post('/network/restore/start', { ...form, word: 'photos' })
  expect(again.headers.get('location')).toBe('/network/restores/1')
})

test('what the peer would refuse cannot be started', async () => {
  const refusing = { ...plan, replaces: false, refusals: [{ field: 'target_path', message: 'No <room>' }] }
  const it = await world({
    [`POST /archives/${archive}/restore`]: (_, response) => sendJson(response, refusing),
  })
  const form = { archive, peer: String(it.id) }
  const html = await pageOf(await it.post('/network/restore/start', form))
  expect(html).toContain('No &lt;room&gt;')
  expect(html).not.toContain('class="primary"')
  expect(await it.deps.db.selectFrom('remote_restores').select('id').execute()).toEqual([])
})

test('an archive that is not there is sent first, and replaces nothing unless that is ticked', async () => {
  const it = await world()
  const form = { archive, peer: String(it.id) }
  const html = visibleText(await pageOf(await it.post('/network/restore/plan', form)))
  expect(html).toContain('The archive is not on tom yet')
  expect(html).toContain('Send 412 MiB to tom and restore')
  await it.post('/network/restore/start', form)
  const row = await it.deps.db.selectFrom('remote_restores').select('options_json').executeTakeFirstOrThrow()
  expect(JSON.parse(row.options_json)).toMatchObject({ options: {}, force: false })
})

test('a peer that cannot be asked for its plan: the form stays as it was typed', async () => {
  const it = await world({ [`POST /archives/${archive}/restore`]: (_, response) => void response.destroy() })
  const form = { archive, peer: String(it.id), target: '/srv/again' }
  const html = await pageOf(await it.post('/network/restore/plan', form), 422)
  expect(html).toContain('The peer does not answer')
  expect(html).toContain('value="/srv/again"')
})

test('a restore there is shown with its steps, and how old they are when the peer is silent', async () => {
  const it = await world()
  const { db } = it.deps
  const order = { options: {}, force: false }
  const id = await insertRemoteRestore(db, {
    peerId: it.id,
    archiveName: archive,
    order,
    actor: 'admin',
    askedAt: testNow - hour,
  })
  const step = { state: 'running', started_at: null, finished_at: null, detail: '' }
  await changeRemoteRestore(db, id, {
    status: 'running',
    remoteId: 5,
    seenAt: testNow - 600_000,
    state: {
      restore_id: 5,
      status: 'running',
      steps: [
        { ...step, name: 'extract_files' },
        { ...step, name: 'step_of_a_later_version', state: 'odd' },
      ],
      log_tail: 'unpacking <x>',
    },
  })
  const html = await pageOf(await it.get(`/network/restores/${id}`))
  const text = visibleText(html)
  expect(text).toContain('Unpack the files')
  expect(text).toContain('step_of_a_later_version')
  expect(text).toContain(
    'tom does not answer. The restore goes on there without us; this is how it was 10 minutes ago',
  )
  expect(html).toContain('unpacking &lt;x&gt;')
  await changeRemoteRestore(db, id, { status: 'unknown', finishedAt: testNow })
  expect(visibleText(await pageOf(await it.get(`/network/restores/${id}`)))).toContain('▲ end not known')
})

test('the home page has a word for each peer, and names those that are gone or late', async () => {
  const it = await world()
  const { db } = it.deps
  await seedPeer(db, {
    name: 'late',
    said: summaryOf('late', { jobs: [jobThere('wiki', { overdue: true })] }),
  })
  await seedPeer(db, {
    name: 'gone',
    saidAt: testNow - 72 * hour,
    since: { status: 'offline', failures: 9, errorCode: 'peer_unreachable', errorFacts: {} },
  })
  await it.deps.engine.createJob(
    {
      name: 'x',
      type: 'ynh_app',
      config: { app_id: 'nocodb' },
      cronExpr: '0 3 * * *',
      retention: { mode: 'count', count: 7 },
    },
    'test',
  )
  const text = visibleText(await pageOf(await it.get('/')))
  expect(text).toContain('off-site: gone ▲ late ▲ tom (no copies)')
  expect(text).toContain('gone has not been reached for 3 d')
  expect(text).toContain('late: 1 job is overdue')
})

test('on the home page a peer has its tick only while a copy of ours is there', async () => {
  const { deps, get, id } = await world()
  const { db } = deps
  await seedJob(deps.engine)
  const destination = await destinationOfPeer(db, id)
  if (destination === null) throw new Error('no destination')
  const copy = { archiveName: archive, destinationId: destination.id, sizeBytes: 1, sha256: 'a'.repeat(64) }
  await recordCopy(db, { ...copy, archiveAt: testNow }, testNow)
  expect(visibleText(await pageOf(await get('/')))).toContain('off-site: tom ✓')
  await db.updateTable('copies').set({ state: 'missing' }).execute()
  expect(visibleText(await pageOf(await get('/')))).toContain('off-site: tom (no copies)')
  expect(visibleText(await pageOf(await get('/', { 'accept-language': 'fr' })))).toContain(
    'tom (aucune copie)',
  )
})

test('a peer that refuses our key is told on the home page at once, with where to enter a new one', async () => {
  const it = await world()
  await seedJob(it.deps.engine)
  const id = await seedPeer(it.deps.db, {
    name: 'eve',
    since: { status: 'error', errorCode: 'peer_key_refused', errorFacts: { peer: 'eve' } },
  })
  const html = await pageOf(await it.get('/'))
  expect(visibleText(html)).toContain('eve refuses our key.')
  expect(html).toContain(`/peers/${id}"`)
  expect(visibleText(html)).toContain('off-site: eve ▲ tom (no copies)')
})
