// Copies on the pages of archives and jobs: where they are, how old that knowledge is, and sending one.
import { describe, expect, test } from 'vitest'
import { seedArchives } from '../../../../test/support/archives.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { seedJob, seedRun } from '../../../../test/support/job-seeds.ts'
import { seedNetwork } from '../../../../test/support/peer-seeds.ts'
import { testWeb } from '../../../../test/support/web.ts'
import { destinationsOfJob } from '../../../store/destinations.ts'
import { getJob } from '../../../store/jobs.ts'
import { listTransfers } from '../../../store/transfers.ts'

const cloud = '/archives/jerry_nextcloud_20261121'

async function filled() {
  const web = await testWeb()
  return { web, network: await seedNetwork(web.deps.db) }
}

async function textOf(answer: Response): Promise<string> {
  const html = await answer.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

describe('an archive’s page', () => {
  test('tells where copies are; of a holder that is away, the age of what is known', async () => {
    const { web } = await filled()
    const text = visibleText(await textOf(await web.get(cloud)))
    expect(text).toMatch(/There alice .* 12 hours ago .* it does not answer; last seen 3 hours ago/)
    expect(text).toMatch(/There tom .* 1 hour ago/)
    expect(text).not.toContain('No longer there')
    const french = await web.get(cloud, { 'accept-language': 'fr' })
    expect(visibleText(await textOf(french))).toContain('il ne répond pas')
  })

  test('sends it where somebody chose', async () => {
    const { web, network } = await filled()
    const archive = 'tom_wiki_20261119'
    const fields = { destination: String(network.tom.destination), mode: 'http' }
    const answer = await web.post(`/archives/${archive}/send`, fields)
    const [sent] = await listTransfers(web.deps.db, { archive, limit: 1 })
    expect(sent).toMatchObject({ direction: 'send', mode: 'http', status: 'queued', trigger: 'manual' })
    expect(answer.headers.get('location')).toBe(`/transfers/${sent?.id ?? 0}`)
  })

  test('says why it was not sent, and keeps what was chosen', async () => {
    const { web, network } = await filled()
    const none = await web.post(`${cloud}/send`, { destination: '' })
    expect(none.status).toBe(422)
    expect(await textOf(none)).toContain('id="destination-error"')
    const { destination } = network.alice
    const off = { enabled: false, mode: 'auto', bandwidthKib: null, window: null } as const
    await web.deps.engine.transfers.changeDestination(destination, off, 'test')
    const answer = await web.post(`${cloud}/send`, { destination: String(destination), mode: 'http' })
    expect(answer.status).toBe(422)
    const html = await textOf(answer)
    expect(visibleText(html)).toContain('This destination is switched off')
    expect(html).toMatch(/<option value="http" selected/)
  })

  test('of somebody else’s says whose it is and until when it is held', async () => {
    const { web } = await filled()
    for (const language of ['en', 'fr']) {
      const html = await textOf(await web.get('/archives/tom_wiki_20261119', { 'accept-language': language }))
      expect(visibleText(html)).toMatch(
        language === 'en'
          ? /It belongs to tom, who left it here 2 days ago\. Its owner cannot delete it here before Thursday, 3 December/
          : /Elle appartient à tom/,
      )
    }
    web.clock.time += 20 * 86_400_000
    const later = visibleText(await textOf(await web.get('/archives/tom_wiki_20261119')))
    expect(later).toContain('Its owner may delete it here at any time.')
  })

  test('leads to the peers where there are none', async () => {
    const web = await testWeb()
    await seedArchives(web.deps.db, { name: 'jerry_nextcloud_20261121' })
    const html = await textOf(await web.get(cloud))
    expect(visibleText(html)).toContain('This instance knows of no copy elsewhere.')
    expect(html).not.toContain(`action="${cloud}/send"`)
    expect(html).toMatch(/first connect this instance with another one\. <a href="\/peers">/)
  })

  test('a run shows those of its archive', async () => {
    const { web } = await filled()
    const { id: jobId } = await seedJob(web.deps.engine)
    const run = await seedRun(web.deps.db, jobId)
    const text = visibleText(await textOf(await web.get(`/runs/${run}`)))
    expect(text).toMatch(/Copies ● There tom .* There alice /)
    const bare = await seedRun(web.deps.db, jobId, { archive_name: 'other' })
    expect(visibleText(await textOf(await web.get(`/runs/${bare}`)))).not.toContain('Copies')
  })

  test('the list counts good copies', async () => {
    const { web } = await filled()
    const text = visibleText(await textOf(await web.get('/archives')))
    expect(text).toMatch(/jerry_nextcloud_20261121 2 copies/)
    expect(text).not.toMatch(/tom_wiki_20261119 \d cop/)
  })
})

describe('a job', () => {
  const fields = {
    type: 'ynh_app',
    name: 'cloud',
    'config.app_id': 'nextcloud',
    enabled: '1',
    preset: 'daily',
    'time-daily': '03:00',
    'retention.mode': 'count',
    'retention.count': '7',
  }

  test('has no section of copies as long as there is nowhere to send them', async () => {
    const web = await testWeb()
    expect(await textOf(await web.get('/jobs/new'))).not.toContain('name="copies"')
  })

  test('is made with its destinations, which its page and its form show', async () => {
    const { web, network } = await filled()
    const { destination } = network.tom
    const answer = await web.post('/jobs', {
      ...fields,
      copies: '1',
      destinations: [String(destination), '999'],
    })
    const path = answer.headers.get('location') ?? ''
    const id = Number(/\d+$/.exec(path)?.[0])
    expect((await destinationsOfJob(web.deps.db, id)).map((one) => one.name)).toEqual(['tom'])
    expect(visibleText(await textOf(await web.get(path)))).toContain('Copies to tom')
    const form = await textOf(await web.get(`${path}/edit`))
    expect(form).toContain(`name="destinations" value="${destination}" checked`)
    expect(form).toContain(`name="destinations" value="${network.alice.destination}">`)
  })

  test('loses a destination only when the form that was sent had them', async () => {
    const { web, network } = await filled()
    const { id } = await seedJob(web.deps.engine)
    await web.deps.engine.transfers.setJobDestinations(id, [network.tom.destination], 'test')
    await web.post(`/jobs/${id}`, { ...fields, name: 'renamed' })
    expect((await getJob(web.deps.db, id))?.name).toBe('renamed')
    expect(await destinationsOfJob(web.deps.db, id)).toHaveLength(1)
    await web.post(`/jobs/${id}`, { ...fields, copies: '1' })
    expect(await destinationsOfJob(web.deps.db, id)).toEqual([])
  })

  test('that is wrong keeps the destinations that were ticked', async () => {
    const { web, network } = await filled()
    const { destination } = network.tom
    const answer = await web.post('/jobs', {
      ...fields,
      name: '',
      copies: '1',
      destinations: String(destination),
    })
    expect(answer.status).toBe(422)
    expect(await textOf(answer)).toContain(`name="destinations" value="${destination}" checked`)
  })
})
