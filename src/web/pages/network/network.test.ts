// The network page: what is known of every instance, how old it is, and what stands out.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { seedArchives } from '../../../../test/support/archives.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { seedJob } from '../../../../test/support/job-seeds.ts'
import { iso, jobThere, seedPeer, summaryOf, unreachable } from '../../../../test/support/network-seeds.ts'
import { testNow, testWeb, type TestWeb } from '../../../../test/support/web.ts'

const hour = 3_600_000
const gib = 2 ** 30

async function page(web: TestWeb, path: string, language = 'en'): Promise<string> {
  const answer = await web.get(path, { 'accept-language': language })
  expect(answer.status).toBe(200)
  const html = await answer.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

/** The text of the table row that begins with a heading. */
function rowOf(html: string, heading: string): string {
  const rows = html.match(/<tr>[\s\S]*?<\/tr>/g) ?? []
  return visibleText(
    rows.find((row) => new RegExp(`<th scope="row">(<a[^>]*>)?${heading}\\b`).test(row)) ?? '',
  )
}

test('a server without peers says what peers are good for', async () => {
  const html = await page(await testWeb(), '/network')
  expect(html).toContain('Only this server so far')
  expect(rowOf(html, 'jerry')).toMatch(/this server.*200 GiB free of 500 GiB/)
})

test('a peer that cannot be reached is told with its age, and what it last said stays', async () => {
  const web = await testWeb()
  await seedPeer(web.deps.db, { name: 'alice', saidAt: testNow - 3 * hour, since: unreachable })
  const html = await page(web, '/network')
  const row = rowOf(html, 'alice')
  expect(row).toContain('▲ not reachable')
  expect(row).toContain('Not reachable since Saturday')
  expect(row).toContain('3 hours ago')
  expect(row).toContain('120 GiB free of 500 GiB')
  expect(rowOf(html, 'nextcloud')).toContain('as it was 3 hours ago')
  expect(html).toContain('<title>▲ 1 instance needs a look')
})

test('after a day without an answer the state is a failure; a peer that never answered says so', async () => {
  const web = await testWeb()
  await seedPeer(web.deps.db, { name: 'alice', saidAt: testNow - 30 * hour, since: unreachable })
  await seedPeer(web.deps.db, { name: 'bob', said: null, since: unreachable })
  const html = await page(web, '/network')
  expect(rowOf(html, 'alice')).toContain('■ not reachable')
  expect(rowOf(html, 'bob')).toContain('It has never answered')
  expect(rowOf(html, 'bob')).toMatch(/never.*not known/)
})

test('a wrong answer, a changed identity and a clock that is off are told in words', async () => {
  const web = await testWeb()
  await seedPeer(web.deps.db, {
    name: 'eve',
    since: { status: 'error', errorCode: 'peer_identity_changed', errorFacts: { expected: 'a', found: 'b' } },
  })
  await seedPeer(web.deps.db, { name: 'tom', since: { errorFacts: { skewS: -86_400 } } })
  await seedPeer(web.deps.db, { name: 'bob', since: { status: 'error', errorCode: 'peer_key_refused' } })
  const html = await page(web, '/network')
  expect(rowOf(html, 'eve')).toMatch(/■ wrong answer Another instance answers at this address/)
  expect(rowOf(html, 'tom')).toContain('Its clock is 1 d behind ours')
  expect(rowOf(html, 'bob')).toMatch(/■ refuses our key It was revoked or has expired there/)
})

test('the matrix joins apps of all instances, overdue ones first, and says whose copies are where', async () => {
  const web = await testWeb()
  const { db, engine } = web.deps
  const job = await seedJob(engine, { name: 'nocodb', config: { app_id: 'nocodb' } })
  await seedArchives(
    db,
    { name: 'jerry_nocodb_20261121', app: 'nocodb', job_id: job.id },
    {
      name: 'tom_wiki_20261121',
      app: 'wiki',
      instance_name: 'tom',
      origin: 'received',
      created_at: testNow - 12 * hour,
    },
  )
  const tom = await seedPeer(db, {
    name: 'tom',
    said: summaryOf('tom', { jobs: [jobThere('wiki'), jobThere('zulip', { id: 2, overdue: true })] }),
  })
  await db
    .insertInto('copies')
    .values({
      archive_name: 'jerry_nocodb_20261121',
      destination_id: tom,
      state: 'present',
      size_bytes: gib,
      sha256: 'a'.repeat(64),
      job_uid: null,
      archive_at: testNow - hour,
      copied_at: testNow,
      checked_at: testNow,
    })
    .execute()
  const html = await page(web, '/network')
  const apps = [...html.matchAll(/<th scope="row">(\w+) <span/g)].map(([, app]) => app)
  expect(apps).toEqual(['zulip', 'nocodb', 'wiki'])
  expect(rowOf(html, 'zulip')).toContain('■ overdue – last good 2 hours ago')
  expect(rowOf(html, 'nocodb')).toMatch(
    /● good 1 hour ago.*copies at tom.*\+ copy of jerry’s \(1 GiB\), 1 hour ago/,
  )
  expect(rowOf(html, 'wiki')).toMatch(
    /\+ copy of tom’s \(412 MiB\), 12 hours ago.*● good 2 hours ago.*copies at jerry/,
  )
})

test('a copy whose archive is gone here is still told, by its name', async () => {
  const web = await testWeb()
  const { db, engine } = web.deps
  await seedJob(engine, { name: 'nocodb', config: { app_id: 'nocodb' } })
  const tom = await seedPeer(db, { name: 'tom', said: summaryOf('tom', { jobs: [] }) })
  await sql`INSERT INTO copies (archive_name, destination_id, state, size_bytes, sha256, archive_at, copied_at, checked_at)
    VALUES ('jerry_nocodb_20260101', ${tom}, 'present', 100, 'x', ${testNow - 48 * hour}, 1, 1)`.execute(db)
  expect(rowOf(await page(web, '/network'), 'nocodb')).toContain('+ copy of jerry’s (100 B), 2 days ago')
})

test('what peers say they hold of others is shown, and what they keep for whom', async () => {
  const web = await testWeb()
  await seedPeer(web.deps.db, {
    name: 'tom',
    columns: { quotaBytes: 200 * gib },
    said: summaryOf('tom', {
      holdings: [
        {
          instance_name: 'carol',
          app: 'gitea',
          type: 'ynh_app',
          archive_count: 3,
          total_size_bytes: gib,
          newest_created_at: iso(testNow - 5 * hour),
          newest_name: 'carol_gitea_20261121',
        },
      ],
      yours: {
        archive_count: 9,
        total_size_bytes: 84 * gib,
        quota_bytes: 100 * gib,
        quota_count: null,
        hold_days: 0,
        scopes: ['read'],
      },
    }),
  })
  const html = await page(web, '/network', 'fr')
  expect(rowOf(html, 'gitea')).toContain('+ 3 copies de carol (1 Gio), il y a 5 heures')
  expect(visibleText(html)).toContain('tom garde 84 Gio sur 100 Gio pour vous (9 archives)')
  expect(visibleText(html)).toContain('Vous gardez 0 o sur 200 Gio pour tom')
})

test('what a peer calls itself and its apps cannot become markup', async () => {
  const web = await testWeb()
  const said = summaryOf('tom', { jobs: [jobThere('<img src=x>', { name: '<script>alert(1)</script>' })] })
  said.health.instance.name = '"><b>tom'
  const id = await seedPeer(web.deps.db, { name: 'tom', said })
  for (const path of ['/network', `/network/${id}`]) {
    const html = await page(web, path)
    expect(html).not.toContain('<script>alert')
    expect(html).not.toContain('<img src=x>')
    expect(html).not.toContain('"><b>')
  }
})

test('two peers with one name for themselves: no copy is claimed to be of one of them', async () => {
  const web = await testWeb()
  const holding = {
    instance_name: 'tom',
    app: 'nextcloud',
    type: 'ynh_app',
    archive_count: 1,
    total_size_bytes: 1,
    newest_created_at: iso(testNow - hour),
    newest_name: 'tom_nextcloud_20261121',
  }
  const twin = summaryOf('tom')
  twin.health.instance.id = 'y'.repeat(43)
  await seedPeer(web.deps.db, { name: 'tom' })
  await seedPeer(web.deps.db, { name: 'other tom', said: twin })
  await seedPeer(web.deps.db, { name: 'alice', said: summaryOf('alice', { jobs: [], holdings: [holding] }) })
  const row = rowOf(await page(web, '/network'), 'nextcloud')
  expect(row).toContain('+ copy of tom’s')
  expect(row).not.toContain('copies at')
})

test.each([20, 5])(
  '%i peers with 30 apps each: light, and every app can be found',
  { timeout: 60_000 },
  async (peers) => {
    const web = await testWeb()
    for (let i = 0; i < peers; i++) {
      const name = `instance-${i}`
      const jobs = Array.from({ length: 30 }, (_, n) => jobThere(`application-${n}`, { id: n + 1 }))
      await seedPeer(web.deps.db, {
        name,
        said: summaryOf(name, { jobs }),
        since: i % 5 === 0 ? unreachable : {},
      })
    }
    const times: number[] = []
    let html = ''
    for (let i = 0; i < 9; i++) {
      const before = process.cpuUsage()
      html = await (await web.get('/network')).text()
      const used = process.cpuUsage(before)
      times.push((used.user + used.system) / 1000)
    }
    expect(htmlProblems(html)).toEqual([])
    const files = [...html.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)].map(([, path]) => path ?? '')
    let bytes = Buffer.byteLength(html)
    for (const file of files) bytes += (await (await web.get(file)).arrayBuffer()).byteLength
    const median = times.toSorted((a, b) => a - b)[4] ?? 0
    process.stdout.write(
      `network with ${peers} peers of 30 apps: ${median.toFixed(1)} ms of CPU (median), ${html.length} bytes, ${bytes} with files\n`,
    )
    expect(bytes).toBeLessThan(100_000)
    expect(html).toContain('Apps 1 to')
    expect(await page(web, '/network?q=application-29')).toContain('>application-29 ')
    expect(await page(web, '/network?page=999')).toContain('rel="prev"')
  },
)
