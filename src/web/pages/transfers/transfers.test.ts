// The list of transfers, a transfer's page, and what can be asked of one.
import { describe, expect, test } from 'vitest'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { seedNetwork, seedPeer, seedTransfer } from '../../../../test/support/peer-seeds.ts'
import { testNow, testWeb } from '../../../../test/support/web.ts'
import type { Transfer } from '../../../domain/transfer.ts'
import { getTransfer } from '../../../store/transfers.ts'
import { formats, translator } from '../../i18n.ts'
import { actionsFor } from './state.ts'
import { transferRow } from './view.ts'

async function filled() {
  const web = await testWeb()
  return { web, network: await seedNetwork(web.deps.db) }
}

async function textOf(answer: Response): Promise<string> {
  const html = await answer.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

describe('the list', () => {
  test.each(['en', 'fr'])('says what waits for what, and what failed and why, in %s', async (language) => {
    const { web } = await filled()
    const text = visibleText(await textOf(await web.get('/transfers', { 'accept-language': language })))
    for (const part of language === 'en'
      ? [
          'Under way',
          '42% · 16 GiB of 38 GiB',
          'The peer does not answer – Tried again in 5 minutes',
          'Waiting for its hours',
          'Paused',
          'Done',
          'The quota for this peer is used up',
        ]
      : ['Le pair ne répond pas', 'Attend son créneau', 'En pause', 'Le quota de ce pair est épuisé']) {
      expect(text.replaceAll('\u00a0', ' ')).toContain(part)
    }
  })

  test('has what moves first, then what waits, then the newest of what has ended', async () => {
    const { web } = await filled()
    const html = await textOf(await web.get('/transfers'))
    const ids = [...html.matchAll(/href="\/transfers\/(\d+)"/g)].map(([, id]) => Number(id))
    expect(ids).toEqual([1, 4, 3, 2, 7, 6, 5])
  })

  test('can be of one destination, page by page', async () => {
    const { web, network } = await filled()
    const { destination } = network.alice
    const html = await textOf(await web.get(`/transfers?destination=${destination}`))
    const ids = [...html.matchAll(/href="\/transfers\/(\d+)"/g)].map(([, id]) => Number(id))
    expect(ids).toEqual([4, 2])
    const ended = { status: 'success', finished_at: testNow } as const
    for (let n = 0; n < 26; n++) {
      await seedTransfer(web.deps.db, destination, { ...ended, archive_name: `a${n}` })
    }
    const first = await textOf(await web.get(`/transfers?destination=${destination}`))
    const older = /rel="next" href="([^"]+)"/.exec(first)?.[1]?.replaceAll('&amp;', '&') ?? ''
    const second = await textOf(await web.get(older))
    expect(second).toContain('a0')
    expect(second).not.toContain('rel="next"')
    expect(second).toContain(`href="/transfers?destination=${destination}"`)
  })

  test('stays light however many wait, and says how many more there are', async () => {
    const web = await testWeb()
    const { destination } = await seedPeer(web.deps.db)
    for (let n = 0; n < 60; n++) {
      const waiting = { status: 'waiting', error_code: 'peer_unreachable' } as const
      const archive_name = `jerry_an-archive-with-a-long-name_20261121-${n}`
      await seedTransfer(web.deps.db, destination, { archive_name, ...waiting })
      const ended = { status: 'error', error_code: 'peer_unreachable', finished_at: testNow } as const
      await seedTransfer(web.deps.db, destination, { archive_name, ...ended })
    }
    const html = await textOf(await web.get('/transfers', { 'accept-language': 'fr' }))
    expect(html.length).toBeLessThan(60_000)
    expect(visibleText(html)).toContain('et 25 autres')
  })

  test('leads to archives that have a page, and to no others', async () => {
    const { web } = await filled()
    const html = await textOf(await web.get('/transfers'))
    expect(html).toContain('href="/archives/jerry_nextcloud_20261121"')
    expect(html).not.toContain('href="/archives/jerry_wordpress_20260901"')
  })
})

describe('a transfer’s page', () => {
  test('tells of every state what it means, in both languages', async () => {
    const { web, network } = await filled()
    const meaning = {
      running: '42% · 16 GiB of 38 GiB',
      waiting: 'Tried again in 5 minutes.',
      hours: 'It goes on in 5 minutes, when its hours come.',
      paused: 'It stays as it is until somebody lets it go on.',
      done: 'over HTTPS (chosen automatically)',
      failed: 'Delete older copies there or ask its admin for more.',
      cancelled: 'jerry_nextcloud_20261121 from tom',
    } as const
    for (const [name, id] of Object.entries(network.transfers)) {
      const text = visibleText(await textOf(await web.get(`/transfers/${id}`)))
      expect(text.replaceAll('\u00a0', ' ')).toContain(meaning[name as keyof typeof meaning])
      await textOf(await web.get(`/transfers/${id}`, { 'accept-language': 'fr' }))
    }
  })

  test('pauses, goes on, and is cancelled', async () => {
    const { web, network } = await filled()
    const id = network.transfers.hours
    const statusAfter = async (action: string) => {
      const answer = await web.post(`/transfers/${id}/${action}`)
      expect(answer.headers.get('location')).toBe(`/transfers/${id}`)
      return (await getTransfer(web.deps.db, id))?.status
    }
    expect(await statusAfter('pause')).toBe('paused')
    expect(await statusAfter('resume')).toBe('queued')
    expect(await statusAfter('cancel')).toBe('cancelled')
    const html = await textOf(await web.get(`/transfers/${id}`))
    expect(html).not.toContain('formaction=')
    // Once more: the page says that there was nothing left to do.
    const again = await web.post(`/transfers/${id}/cancel`)
    expect(again.status).toBe(303)
  })

  test('of something that is not known is refused in words', async () => {
    const { get, post } = await testWeb()
    expect((await get('/transfers/9')).status).toBe(404)
    expect((await get('/transfers/x/events')).status).toBe(404)
    expect((await post('/transfers/9/cancel')).status).toBe(404)
  })

  test('sends what changes until it has ended', async () => {
    const { web, network } = await filled()
    const stream = await (await web.get(`/transfers/${network.transfers.done}/events`)).text()
    expect(stream).toContain('event: fragment')
    expect(stream).toContain('transfer-status')
    expect(stream).toContain('event: end')
  })
})

describe('in words', () => {
  const transfer: Transfer = {
    id: 1,
    direction: 'send',
    archiveName: 'a',
    destinationId: 1,
    mode: 'auto',
    chosen: 'http',
    status: 'running',
    trigger: 'manual',
    actor: 'alice',
    attempt: 1,
    notBefore: testNow,
    queuedAt: testNow,
    startedAt: testNow,
    finishedAt: null,
    bytesDone: 2 ** 30,
    bytesTotal: 4 * 2 ** 30,
    bytesSent: 2 ** 30,
    errorCode: null,
    errorFacts: {},
    wanted: null,
  }
  const words = { t: translator('en'), f: formats('en', 'UTC', testNow) }
  const row = (change: Partial<Transfer>, pace: Parameters<typeof transferRow>[0]['pace'] = null) =>
    transferRow({ transfer: { ...transfer, ...change }, destination: null, pace, known: false }, words)

  test('pace and time left are told while something moves', () => {
    const pace = { bytesPerSecond: 2 ** 20, secondsLeft: 3000, inFlight: 0 }
    expect(row({}, pace).pace.replaceAll('\u00a0', ' ')).toBe('1 MiB per second · about 50 min left')
    expect(row({ status: 'queued' }, pace).pace).toBe('')
    expect(row({}, { ...pace, secondsLeft: null }).pace.replaceAll('\u00a0', ' ')).toBe('1 MiB per second')
  })

  test('what is on its way counts as progress while it runs, up to the whole', () => {
    const pace = { bytesPerSecond: 2 ** 20, secondsLeft: 3000, inFlight: 2 ** 30 }
    const shown = (change: Partial<Transfer>, inFlight = pace.inFlight) =>
      row(change, { ...pace, inFlight }).progress?.text.replaceAll('\u00a0', ' ')
    expect(shown({})).toBe('50% · 2 GiB of 4 GiB')
    expect(shown({}, 9 * 2 ** 30)).toBe('100% · 4 GiB of 4 GiB')
    expect(shown({ status: 'waiting' })).toBe('25% · 1 GiB of 4 GiB')
    expect(shown({ bytesDone: 0, bytesTotal: null })).toContain('1 GiB')
  })

  test('what was asked of it comes before what it still does', () => {
    expect(row({ wanted: 'cancel' }).state.label).toBe('Being cancelled')
    expect(row({ wanted: 'pause' }).state.label).toBe('Being paused')
  })

  test.each([
    ['queued', null, ['pause', 'cancel']],
    ['running', null, ['pause', 'cancel']],
    ['running', 'pause', ['resume', 'cancel']],
    ['running', 'cancel', []],
    ['waiting', null, ['resume', 'pause', 'cancel']],
    ['paused', null, ['resume', 'cancel']],
    ['error', null, ['resume']],
    ['success', null, []],
    ['cancelled', null, []],
  ] as const)('%s (wanted: %s) can be asked %j', (status, wanted, actions) => {
    expect(actionsFor({ status, wanted })).toEqual(actions)
  })
})
