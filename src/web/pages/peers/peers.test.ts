// The list of peers, a peer's page with its forms, and removing one.
import { describe, expect, test } from 'vitest'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { seedNetwork, seedPeer, summaryOf, tomUid } from '../../../../test/support/peer-seeds.ts'
import { testNow, testWeb } from '../../../../test/support/web.ts'
import { peerKeyPlace } from '../../../engine/peers/target.ts'
import { createVault } from '../../../sys/vault.ts'
import { listActivity } from '../../../store/activity.ts'
import { getDestination } from '../../../store/destinations.ts'
import { getPeer, recordPoll, sealedPeerKey, updatePeer } from '../../../store/peers.ts'
import { listTransfers } from '../../../store/transfers.ts'

const key = 'c0ffee'.repeat(11).slice(0, 64)

async function filled() {
  const web = await testWeb()
  return { web, network: await seedNetwork(web.deps.db) }
}

/** A peer with a key that can be read, at an address where nobody listens. */
async function unreachable() {
  const web = await testWeb()
  const { id } = await seedPeer(web.deps.db, { uid: null, url: 'https://127.0.0.1:9/backup' })
  const vault = await createVault(web.deps.config.dataDir)
  await updatePeer(web.deps.db, id, { sealedKey: vault.seal(key, peerKeyPlace(id)) }, web.clock.time)
  return { web, id }
}

async function textOf(answer: Response): Promise<string> {
  const html = await answer.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

describe('the list', () => {
  test('is an invitation to have peers as long as there are none', async () => {
    const { get } = await testWeb()
    for (const language of ['en', 'fr']) {
      const html = await textOf(await get('/peers', { 'accept-language': language }))
      expect(html).toContain('href="/peers/invite"')
    }
  })

  test.each(['en', 'fr'])('tells state, rights both ways, quota and SSH, in %s', async (language) => {
    const { web } = await filled()
    const text = visibleText(await textOf(await web.get('/peers', { 'accept-language': language })))
    for (const part of language === 'en'
      ? [
          'Answers',
          'Does not answer',
          'Only comes to us',
          '120 GiB of 200 GiB · 1 archive',
          'nothing: we have no key',
        ]
      : ['Répond', 'Ne répond pas', 'Vient chez nous', 'nous n’avons pas de clé']) {
      expect(text.replaceAll('\u00a0', ' ')).toContain(part)
    }
  })

  test('says that a peer refuses our key, and what to do, here and on its page', async () => {
    const web = await testWeb()
    const { id } = await seedPeer(web.deps.db)
    const refused = { status: 'error', failures: 1, errorCode: 'peer_key_refused', errorFacts: {} } as const
    await recordPoll(web.deps.db, id, { ...refused, at: testNow, nextPollAt: testNow + 1 })
    for (const path of ['/peers', `/peers/${id}`]) {
      const text = visibleText(await textOf(await web.get(path)))
      expect(text).toContain('■ Refuses our key')
      expect(text).toContain('Pair again, or enter a new key')
      const french = await textOf(await web.get(path, { 'accept-language': 'fr' }))
      expect(visibleText(french)).toContain('Refuse notre clé')
    }
  })

  test('shows what peers say about themselves as text', async () => {
    const web = await testWeb()
    const hostile = `"><script>alert(1)</script>\u202egnp`
    const { id } = await seedPeer(web.deps.db, { name: hostile })
    for (const path of ['/peers', `/peers/${id}`, `/peers/${id}/remove`, '/transfers']) {
      const html = await textOf(await web.get(path))
      expect(html).not.toContain('<script>alert')
      expect(html.replaceAll(/value="[^"]*"/g, '')).not.toContain('\u202e')
    }
  })

  test('asks a peer now, and says that it does not answer', async () => {
    const { web, id } = await unreachable()
    const answer = await web.post(`/peers/${id}/poll`, { back: 'list' })
    expect(answer.headers.get('location')).toBe('/peers')
    expect(await getPeer(web.deps.db, id)).toMatchObject({ status: 'offline', errorCode: 'peer_unreachable' })
    const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? ''
    const text = visibleText(await textOf(await web.get('/peers', { cookie })))
    expect(text).toContain('tom was asked, and it is not well')
    expect(text).toContain('Does not answer')
  })
})

describe('a peer’s page', () => {
  test('has its facts, its tokens, and archives that are only there', async () => {
    const { web, network } = await filled()
    for (const language of ['en', 'fr']) {
      const html = await textOf(await web.get(`/peers/${network.tom.id}`, { 'accept-language': language }))
      expect(html).toContain('tom, by hand')
      expect(html).toContain('jerry_wordpress_20260901')
      expect(html).not.toContain('value="jerry_nextcloud_20261121"')
    }
  })

  test('tells how much is used there even when nothing limits it', async () => {
    const web = await testWeb()
    const { id } = await seedPeer(web.deps.db)
    const facts = summaryOf('tom', tomUid)
    const yours = { archive_count: 5, total_size_bytes: 57.5 * 2 ** 20, quota_bytes: null, quota_count: null }
    const said = {
      facts: { ...facts, yours: { ...yours, hold_days: 0, scopes: [] } },
      etag: '"1"',
      scopes: null,
    }
    const good = { status: 'online', failures: 0, errorCode: null, errorFacts: {} } as const
    const at = { at: testNow, nextPollAt: testNow + 1 }
    await recordPoll(web.deps.db, id, { ...good, ...at, said: { ...said, uid: tomUid } })
    const read = async (language: string) =>
      visibleText(await textOf(await web.get(`/peers/${id}`, { 'accept-language': language })))
    expect((await read('en')).replaceAll('\u00a0', ' ')).toContain('no limit, 57.5 MiB used')
    expect((await read('fr')).replaceAll(/[\u00a0\u202f]/g, ' ')).toContain('sans limite, 57,5 Mio utilisés')
  })

  test('keeps the key when none is typed, and never shows one', async () => {
    const { web, network } = await filled()
    const { id } = network.silent
    const fields = { name: 'carol', url: 'https://tom.example/backup', quota_bytes: '50', hold_days: '7' }
    const before = await sealedPeerKey(web.deps.db, id)
    const answer = await web.post(`/peers/${id}`, { ...fields, key: '' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `/peers/${id}`])
    expect(await getPeer(web.deps.db, id)).toMatchObject({
      name: 'carol',
      quotaBytes: 50 * 2 ** 30,
      quotaCount: null,
      holdDays: 7,
    })
    expect(await sealedPeerKey(web.deps.db, id)).toBe(before)
  })

  test('says what is wrong beside the fields, keeps the input, but never the key', async () => {
    const { web, network } = await filled()
    const { id } = network.tom
    const answer = await web.post(`/peers/${id}`, {
      name: '',
      url: 'tom.example',
      key,
      cert_pin: 'AB:CD',
      quota_bytes: 'much',
      quota_count: '-1',
      hold_days: '4000',
    })
    expect(answer.status).toBe(422)
    const html = await textOf(answer)
    for (const field of ['name', 'cert_pin', 'quota_bytes', 'quota_count', 'hold_days']) {
      expect(html).toContain(`id="${field}-error"`)
      expect(html).toContain(`href="#${field}"`)
    }
    expect(html).toContain('value="tom.example"')
    expect(html).toContain('value="much"')
    expect(html).not.toContain(key)
    expect((await getPeer(web.deps.db, id))?.name).toBe('tom')
  })

  test('sets how and when copies go there', async () => {
    const { web, network } = await filled()
    const { id, destination } = network.tom
    const fields = { mode: 'http', bandwidth_kib: '2048', window_from: '22:30', window_to: '06:00' }
    expect((await web.post(`/peers/${id}/copies`, fields)).status).toBe(303)
    expect(await getDestination(web.deps.db, destination)).toMatchObject({
      enabled: false,
      mode: 'http',
      bandwidthKib: 2048,
      window: { fromMinute: 1350, toMinute: 360 },
    })
    const shown = await textOf(await web.get(`/peers/${id}`))
    expect(shown).toContain('value="22:30"')
    await web.post(`/peers/${id}/copies`, { enabled: '1', mode: 'auto', window_from: '', window_to: '' })
    const open = { enabled: true, mode: 'auto', bandwidthKib: null, window: null }
    expect(await getDestination(web.deps.db, destination)).toMatchObject(open)
  })

  test('does not take half a window, a pace of nothing or an unknown way', async () => {
    const { web, network } = await filled()
    const answer = await web.post(`/peers/${network.tom.id}/copies`, {
      mode: 'carrier pigeon',
      bandwidth_kib: '0',
      window_from: '22:30',
      window_to: '',
    })
    expect(answer.status).toBe(422)
    const html = await textOf(answer)
    for (const field of ['mode', 'bandwidth_kib', 'window_to']) expect(html).toContain(`id="${field}-error"`)
    expect(html).toContain('value="22:30"')
  })

  test('says why our key could not be renewed, and keeps it', async () => {
    const { web, id } = await unreachable()
    const before = await sealedPeerKey(web.deps.db, id)
    const answer = await web.post(`/peers/${id}/rotate`)
    expect(answer.status).toBe(422)
    expect(visibleText(await textOf(answer))).toContain('The peer does not answer')
    expect(await sealedPeerKey(web.deps.db, id)).toBe(before)
  })

  test('brings back an archive that is only there', async () => {
    const { web, network } = await filled()
    const archive = 'jerry_wordpress_20260901'
    const answer = await web.post(`/peers/${network.tom.id}/fetch`, { archive })
    expect(answer.headers.get('location')).toMatch(/^\/transfers\/\d+$/)
    const [newest] = await listTransfers(web.deps.db, { archive, limit: 1 })
    expect(newest).toMatchObject({ direction: 'fetch', status: 'queued', trigger: 'manual' })
    const wrong = await web.post(`/peers/${network.tom.id}/fetch`, { archive: '../../etc/passwd' })
    expect(wrong.status).toBe(422)
  })

  test('is not there for a peer that is not known', async () => {
    const { get } = await testWeb()
    for (const id of ['9', 'x', '0x1']) expect((await get(`/peers/${id}`)).status).toBe(404)
  })
})

describe('removing a peer', () => {
  test('says what ends, what stays, and what would be lost', async () => {
    const { web, network } = await filled()
    const text = visibleText(await textOf(await web.get(`/peers/${network.tom.id}/remove`)))
    for (const part of [
      'Its 2 tokens end at once',
      '2 transfers to or from it end',
      '1 archive that it left here stays',
      'Our 2 copies there stay',
      '1 of these copies is the only one',
    ]) {
      expect(text).toContain(part)
    }
    await textOf(await web.get(`/peers/${network.tom.id}/remove`, { 'accept-language': 'fr' }))
  })

  test('needs the name as long as archives exist only there', async () => {
    const { web, network } = await filled()
    const { id } = network.tom
    for (const name of ['', 'tim']) {
      const answer = await web.post(`/peers/${id}/remove`, { name })
      expect(answer.status).toBe(422)
      expect(await textOf(answer)).toContain('id="name-error"')
    }
    expect(await getPeer(web.deps.db, id)).not.toBeNull()
    expect((await web.post(`/peers/${id}/remove`, { name: 'tom' })).headers.get('location')).toBe('/peers')
    expect(await getPeer(web.deps.db, id)).toBeNull()
    const [newest] = await listActivity(web.deps.db, { limit: 1 })
    expect(newest?.action).toBe('peer.remove')
  })

  test('needs no name when nothing is lost by it', async () => {
    const { web, network } = await filled()
    const { id } = network.alice
    const html = await textOf(await web.get(`/peers/${id}/remove`))
    expect(html).not.toContain('name="name"')
    expect((await web.post(`/peers/${id}/remove`)).status).toBe(303)
    expect(await getPeer(web.deps.db, id)).toBeNull()
  })
})

describe('the SSH test', () => {
  test('is offered where the peer has an inbox, and its failure is shown', async () => {
    const web = await testWeb()
    const hostKeys = ['ssh-ed25519 AAAA']
    const ssh = { host: 'tom.example', port: 22, user: 'inbox', hostKeys, theirKey: null }
    const { id } = await seedPeer(web.deps.db, { ssh })
    const more = { uid: null, name: 'ann', ssh: { ...ssh, hostKeys: [] } }
    const without = await seedPeer(web.deps.db, more)
    expect(await textOf(await web.get(`/peers/${id}`))).toContain(`/peers/${id}/test-ssh"`)
    expect(await textOf(await web.get(`/peers/${without.id}`))).not.toContain('/test-ssh"')
    const answer = await web.post(`/peers/${id}/test-ssh`, {})
    expect(answer.status).toBe(422)
    await textOf(answer)
  })
})
