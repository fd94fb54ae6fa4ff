// The pages of tokens: a secret is shown in one answer only, and a revoked token lets nobody in.
import { describe, expect, test } from 'vitest'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { seedNetwork, seedPeer } from '../../../../test/support/peer-seeds.ts'
import { testWeb } from '../../../../test/support/web.ts'
import { listTokens } from '../../../store/tokens.ts'

const script = { name: 'monitoring of the house', scopes: ['read', 'run'], life: '30' }

describe('the list', () => {
  test.each(['en', 'fr'])('tells who may do what, in %s', async (language) => {
    const web = await testWeb()
    await seedNetwork(web.deps.db)
    const html = await (await web.get('/tokens', { 'accept-language': language })).text()
    expect(htmlProblems(html)).toEqual([])
    const text = visibleText(html)
    for (const name of ['monitoring', 'tom, by hand', 'old script']) expect(text).toContain(name)
    expect(text).toContain(language === 'en' ? 'Expired' : 'Expiré')
  })

  test('names what an admin typed without running it', async () => {
    const web = await testWeb()
    const hostile = `"><script>alert(1)</script>`
    await web.post('/tokens', { ...script, name: hostile })
    const html = await (await web.get('/tokens')).text()
    expect(html).not.toContain('<script>alert')
    expect(html).toContain('&lt;script&gt;')
  })
})

describe('a new token', () => {
  test('shows its secret in that one answer, which nobody keeps', async () => {
    const web = await testWeb()
    const answer = await web.post('/tokens', script)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('set-cookie') ?? '').not.toMatch(/[0-9a-f]{64}/)
    const html = await answer.text()
    expect(htmlProblems(html)).toEqual([])
    const secret = /<textarea[^>]*>([0-9a-f]{64})<\/textarea>/.exec(html)?.[1] ?? ''
    const verdict = await web.deps.engine.tokens.verify(secret, '192.0.2.1')
    expect(verdict).toMatchObject({ ok: true, caller: { scopes: ['read', 'run'] } })
    for (const path of ['/tokens', '/tokens/new', '/activity', '/settings']) {
      expect(await (await web.get(path)).text()).not.toContain(secret)
    }
    expect(web.logged.join('\n')).not.toContain(secret)
  })

  test('ends when its days are over, or never', async () => {
    const web = await testWeb()
    await web.post('/tokens', script)
    await web.post('/tokens', { ...script, name: 'for ever', life: '' })
    const tokens = await listTokens(web.deps.db)
    const ends = new Map(tokens.map((one) => [one.name, one.expiresAt]))
    expect(ends.get(script.name)).toBe(web.clock.time + 30 * 86_400_000)
    expect(ends.get('for ever')).toBeNull()
  })

  test('is not made of an incomplete form, which keeps what was typed', async () => {
    const web = await testWeb()
    const answer = await web.post('/tokens', { name: '', scopes: ['run', 'invented'], life: '30' })
    const html = await answer.text()
    expect(answer.status).toBe(422)
    expect(htmlProblems(html)).toEqual([])
    expect(html).toContain('id="name-error"')
    expect(html).toMatch(/value="run" checked/)
    expect(html).toMatch(/<option value="30" selected/)
    const none = await (await web.post('/tokens', { name: 'x', life: '30' })).text()
    expect(none).toContain('id="scopes-error"')
    expect(await (await web.post('/tokens', { ...script, life: '7' })).text()).toContain('id="life-error"')
    expect(await listTokens(web.deps.db)).toEqual([])
  })
})

describe('whose a new token is', () => {
  test.each(['en', 'fr'])(
    'is chosen in the form, which says what each can reach, in %s',
    async (language) => {
      const web = await testWeb()
      const { tom } = await seedNetwork(web.deps.db)
      const html = await (await web.get('/tokens/new', { 'accept-language': language })).text()
      expect(htmlProblems(html)).toEqual([])
      expect(html).toMatch(/<option value="" selected/)
      expect(html).toMatch(new RegExp(`<option value="${tom.id}">tom<`))
      const text = visibleText(html)
      const [script, peer] =
        language === 'en'
          ? ['A script reaches everything', 'A peer reaches only the archives that it left here']
          : ['Un script atteint tout', 'Un pair n’atteint que les archives qu’il a laissées ici']
      expect(text).toContain(script)
      expect(text).toContain(peer)
    },
  )

  test('is the peer from whose page the admin comes, and its token speaks for it', async () => {
    const web = await testWeb()
    const { tom } = await seedNetwork(web.deps.db)
    const path = `/tokens/new?peer=${tom.id}`
    expect(await (await web.get(`/peers/${tom.id}`)).text()).toContain(`/tokens/new?peer=${tom.id}"`)
    expect(await (await web.get(path)).text()).toMatch(new RegExp(`<option value="${tom.id}" selected`))
    const html = await (await web.post('/tokens', { ...script, peer: String(tom.id) })).text()
    const secret = /<textarea[^>]*>([0-9a-f]{64})<\/textarea>/.exec(html)?.[1] ?? ''
    const verdict = await web.deps.engine.tokens.verify(secret, '192.0.2.1')
    expect(verdict).toMatchObject({ ok: true, caller: { peerId: tom.id, actor: 'peer:tom' } })
  })

  test('is a script only when nothing else was asked for', async () => {
    const web = await testWeb()
    await web.post('/tokens', { ...script, peer: '' })
    expect((await listTokens(web.deps.db)).map((one) => one.peerId)).toEqual([null])
    for (const peer of ['77', 'x', '1e0']) {
      expect((await web.get(`/tokens/new?peer=${peer}`)).status).toBe(404)
      const answer = await web.post('/tokens', { ...script, peer })
      expect(answer.status).toBe(422)
      const html = await answer.text()
      expect(htmlProblems(html)).toEqual([])
      expect(html).toContain('id="peer-error"')
    }
    expect(await listTokens(web.deps.db)).toHaveLength(1)
  })

  test('shows the name of a peer as text, without running it', async () => {
    const web = await testWeb()
    await seedPeer(web.deps.db, { name: `"><script>alert(1)</script>\u202egnp` })
    const html = await (await web.get('/tokens/new')).text()
    expect(htmlProblems(html)).toEqual([])
    expect(html).not.toContain('<script>alert')
    expect(html).not.toContain('\u202e')
  })
})

describe('revoking', () => {
  test('asks first, says what ends, and then lets nobody in', async () => {
    const web = await testWeb()
    const { token, secret } = await web.deps.engine.tokens.create({ name: 'lost', scopes: ['read'] }, 'test')
    const asked = await (await web.get(`/tokens/${token.id}/revoke`)).text()
    expect(htmlProblems(asked)).toEqual([])
    expect(visibleText(asked)).toContain('Whatever uses it is refused from now on')
    const answer = await web.post(`/tokens/${token.id}/revoke`)
    expect(answer.headers.get('location')).toBe('/tokens')
    expect(await web.deps.engine.tokens.verify(secret, '192.0.2.1')).toMatchObject({ ok: false })
    const again = await (await web.get(`/tokens/${token.id}/revoke`)).text()
    expect(again).not.toContain('danger final')
  })

  test('of a token that is not known is refused in words', async () => {
    const web = await testWeb()
    for (const id of ['77', 'x', '1e3']) {
      expect((await web.get(`/tokens/${id}/revoke`)).status).toBe(404)
      expect((await web.post(`/tokens/${id}/revoke`)).status).toBe(404)
    }
  })
})
