// Inviting, joining, and adding a peer by hand.
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { testAuthority } from '../../../../test/support/certificates.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { testWeb } from '../../../../test/support/web.ts'
import { formatInvite, parseInvite } from '../../../engine/peers/invite-code.ts'
import { listOpenCodes } from '../../../store/pairing.ts'
import { listPeers } from '../../../store/peers.ts'

const key = 'c0ffee'.repeat(11).slice(0, 64)
const tom = 'T'.repeat(43)
const nowhere = formatInvite({ v: 1, url: 'https://127.0.0.1:9/backup', id: tom, secret: 's'.repeat(43) })

async function textOf(answer: Response): Promise<string> {
  const html = await answer.text()
  expect(htmlProblems(html)).toEqual([])
  return html
}

describe('an invitation', () => {
  test('explains every right, and proposes those that peers need', async () => {
    const { get } = await testWeb()
    for (const language of ['en', 'fr']) {
      const html = await textOf(await get('/peers/invite', { 'accept-language': language }))
      const ticked = [...html.matchAll(/name="scopes" value="(\w+)" checked/g)].map(([, scope]) => scope)
      expect(ticked).toEqual(['read', 'run', 'upload', 'download', 'delete'])
      expect(html).toMatch(/name="ssh" value="1">/)
    }
  })

  test('is shown in one answer only, and can be taken back', async () => {
    const web = await testWeb()
    const answer = await web.post('/peers/invite', { scopes: ['read', 'upload'] })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const html = await textOf(answer)
    const code = /<textarea[^>]*>(bm1\.[\w-]+)<\/textarea>/.exec(html)?.[1] ?? ''
    expect(parseInvite(code).url).toBe('https://jerry.example/backup')
    expect(visibleText(html)).toContain('10:15:00')
    const [open] = await listOpenCodes(web.deps.db, web.clock.time)
    expect(open).toMatchObject({ scopes: ['read', 'upload'], ssh: false })
    const later = await textOf(await web.get('/peers/invite'))
    expect(later).not.toContain(code)
    expect(later).toContain(`/peers/invite/${open?.id ?? 0}/cancel`)
    await web.post(`/peers/invite/${open?.id ?? 0}/cancel`)
    expect(await listOpenCodes(web.deps.db, web.clock.time)).toEqual([])
  })

  test('without any right is none', async () => {
    const web = await testWeb()
    const answer = await web.post('/peers/invite', { ssh: '1', scopes: 'everything' })
    expect(answer.status).toBe(422)
    const html = await textOf(answer)
    expect(html).toContain('id="scopes-error"')
    expect(html).toMatch(/name="ssh" value="1" checked/)
    expect(await listOpenCodes(web.deps.db, web.clock.time)).toEqual([])
  })
})

describe('joining', () => {
  test('shows who the invitation is from before anybody is asked', async () => {
    const web = await testWeb()
    for (const language of ['en', 'fr']) {
      const html = await textOf(
        await web.post('/peers/join', { code: `  ${nowhere}\r\n` }, { 'accept-language': language }),
      )
      expect(html).toContain('https://127.0.0.1:9/backup')
      expect(html).toContain(tom)
      expect(html).toMatch(/name="scopes" value="upload" checked/)
      expect(html).toMatch(/name="ssh" value="1">/)
    }
    expect(await listPeers(web.deps.db)).toEqual([])
  })

  test('takes nothing else for an invitation, and keeps what was pasted', async () => {
    const web = await testWeb()
    for (const code of ['', 'hello', 'bm1.', nowhere.slice(0, 60), `<b>${nowhere}`]) {
      const answer = await web.post('/peers/join', { code, intent: 'join', scopes: 'read' })
      expect(answer.status).toBe(422)
      const html = await textOf(answer)
      expect(html).toContain('id="code-error"')
      expect(html).not.toContain('<b>')
    }
  })

  test('says why it failed, and can be tried again at once', async () => {
    const web = await testWeb()
    const answer = await web.post('/peers/join', { code: nowhere, intent: 'join', scopes: ['read'] })
    expect(answer.status).toBe(422)
    const html = await textOf(answer)
    expect(visibleText(html)).toContain('The peer does not answer')
    expect(html).toContain(`name="code" value="${nowhere}"`)
    expect(html).toMatch(/name="scopes" value="read" checked/)
    expect(html).not.toMatch(/name="scopes" value="upload" checked/)
    const none = await web.post('/peers/join', { code: nowhere, intent: 'join' })
    expect(await textOf(none)).toContain('id="scopes-error"')
  })
})

describe('adding by hand', () => {
  test('says what is missing beside the fields, and never shows the key again', async () => {
    const web = await testWeb()
    const empty = await textOf(await web.post('/peers/add', {}))
    for (const field of ['name', 'url', 'key']) expect(empty).toContain(`id="${field}-error"`)
    const answer = await web.post('/peers/add', { name: 'tom', url: 'https://127.0.0.1:9/backup', key })
    expect(answer.status).toBe(422)
    const html = await textOf(answer)
    expect(html).toContain('id="url-error"')
    expect(visibleText(html)).toContain('The peer does not answer')
    expect(html).toContain('value="tom"')
    expect(html).not.toContain(key)
    expect(web.logged.join('\n')).not.toContain(key)
  })

  test('shows the certificate of an address, to be compared before it is trusted', async () => {
    const web = await testWeb()
    const leaf = (await testAuthority()).leaf({ selfSigned: true })
    const server = createServer(leaf, (_, response) => response.end()).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/backup`
    const html = await textOf(await web.post('/peers/add', { name: 'tom', url, key, intent: 'certificate' }))
    const text = visibleText(html)
    expect(text).toContain((leaf.sha256.toUpperCase().match(/../g) ?? []).join(':'))
    expect(text).toContain('leaf 1')
    expect(text).toContain('compare the fingerprint by another way')
    expect(html).toContain(`name="pin_seen" value="${leaf.sha256}"`)
    expect(html).toContain(`value="${url}"`)
    expect(html).not.toContain(key)
  })

  test('says why no certificate was seen', async () => {
    const web = await testWeb()
    const closed = { name: 'tom', intent: 'certificate', url: 'https://127.0.0.1:9/' }
    const html = await textOf(await web.post('/peers/add', closed))
    expect(visibleText(html)).toContain('The peer does not answer')
    const none = await textOf(await web.post('/peers/add', { ...closed, url: 'tom' }))
    expect(none).toContain('id="url-error"')
  })
})
