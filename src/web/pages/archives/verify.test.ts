// Verifying from the page: quick ones, long ones, refused ones.
import { describe, expect, test } from 'vitest'
import { someArchives } from '../../../../test/support/archives.ts'
import { eventually } from '../../../../test/support/eventually.ts'
import { visibleText } from '../../../../test/support/html.ts'
import { Problem } from '../../../domain/problem.ts'

describe('verifying', () => {
  test('a good archive says so at once', async () => {
    const { get, post } = await someArchives()
    const answer = await post('/archives/20261101-101500/verify')
    expect(answer.status).toBe(303)
    const html = await (await get('/archives/20261101-101500')).text()
    expect(visibleText(html)).toContain('Good')
  })

  test('a damaged archive says so', async () => {
    const { get, post, machine } = await someArchives()
    machine.damaged.set('jerry_nextcloud_20261121', 'the tar ends in the middle of a member')
    await post('/archives/jerry_nextcloud_20261121/verify')
    const html = await (await get('/archives/jerry_nextcloud_20261121')).text()
    expect(visibleText(html)).toContain('Damaged')
    expect(html).toContain('the tar ends in the middle of a member')
  })

  test('a long one goes on behind the page, which shows its end', async () => {
    const { app, get, post, machine } = await someArchives()
    const gate = Promise.withResolvers<void>()
    machine.verifyGate = gate.promise
    const name = '20261101-101500'
    expect((await post(`/archives/${name}/verify`)).status).toBe(303)
    expect(visibleText(await (await get(`/archives/${name}`)).text())).toContain('Being verified')

    const gone = new AbortController()
    const live = await app.request(`/archives/${name}/live`, { signal: gone.signal })
    const reader = live.body?.pipeThrough(new TextDecoderStream()).getReader()
    let heard = ''
    const hear = async (word: string) =>
      eventually(async () => {
        if (!heard.includes(word)) heard += (await reader?.read())?.value ?? ''
        return heard.includes(word)
      }, word)
    await hear('Being verified')
    gate.resolve()
    await hear('Its content is what was written')
    await reader?.cancel()
    gone.abort()
  })

  test('one that fails later is told on the page', async () => {
    const { get, post, machine } = await someArchives()
    const gate = Promise.withResolvers<void>()
    machine.verifyGate = gate.promise
    await post('/archives/20261101-101500/verify')
    gate.reject(new Problem('helper_unavailable'))
    const told = await eventually(async () => {
      const html = await (await get('/archives/20261101-101500')).text()
      return html.includes('could not be carried out') && html
    })
    expect(told).toContain('does not answer')
  })

  test('one that is refused at once is told at once', async () => {
    const { post, machine } = await someArchives()
    machine.broken = new Problem('helper_unavailable')
    expect((await post('/archives/20261101-101500/verify')).status).toBe(503)
  })
})
