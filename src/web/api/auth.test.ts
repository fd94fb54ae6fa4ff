// Keys: from where, what for, how often wrong. And that nothing else counts.
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { apiBench, problemOf } from '../../../test/support/api.ts'
import { temporaryFolder } from '../../../test/support/temp.ts'
import type { Config } from '../../config.ts'
import type { ProxyDeps } from '../proxy-secret.ts'
import { addressOf, type Asking } from './address.ts'

const unknown = 'f'.repeat(64)

test('a key in the header alone opens; a query, a cookie, a session, a name of YunoHost do not', async () => {
  const bench = await apiBench({ config: { auth: 'sso' } })
  const { secret } = await bench.script('read')
  expect((await bench.ask('GET /health', { key: secret })).status).toBe(200)
  for (const headers of [
    { cookie: `x-backupmanager-key=${secret}` },
    { authorization: `Bearer ${secret}` },
    { ynh_user: 'admin' },
  ]) {
    expect(await problemOf(await bench.ask('GET /health', { headers }))).toBe('401 unauthenticated')
  }
  const inQuery = await bench.ask(`GET /health?key=${secret}&x-backupmanager-key=${secret}`)
  expect(inQuery.status).toBe(401)
})

test('answers set no cookie and may be kept by no shared cache', async () => {
  const bench = await apiBench()
  const key = await bench.script('read')
  const answer = await bench.ask('GET /health', { key })
  expect(answer.headers.get('set-cookie')).toBeNull()
  expect(answer.headers.get('cache-control')).toBe('private, no-cache')
  expect((await bench.ask('GET /jobs/1/runs', { key })).headers.get('cache-control')).toBe('no-store')
})

test('below a base path the API is below it, and nowhere else', async () => {
  const bench = await apiBench({ config: { basePath: '/backup', auth: 'sso' } })
  const key = await bench.script('read')
  expect((await bench.ask('GET /health', { key })).status).toBe(200)
  const headers = { 'x-backupmanager-key': key.secret }
  expect((await bench.web.app.request('/api/v1/health', { headers }, {})).status).toBe(404)
  expect((await bench.web.app.request('/backup/api/v2/health', { headers }, {})).status).toBe(404)
  expect((await bench.web.app.request('/backup/apifoo', {}, {})).status).toBe(404)
})

test('too many wrong keys from an address make it wait, and say how long; others do not wait', async () => {
  const bench = await apiBench({ config: { listen: { kind: 'unix', path: '/run/x.sock' } } })
  const key = await bench.script('read')
  const from = (address: string) => ({ headers: { 'x-forwarded-for': `6.6.6.6, ${address}` } })
  let last = await bench.ask('GET /health', { key: unknown, ...from('192.0.2.1') })
  for (let n = 0; n < 40 && last.status !== 429; n += 1) {
    last = await bench.ask('GET /health', { key: unknown, ...from('192.0.2.1') })
  }
  expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await problemOf(last)).toBe('429 too_many_failures')
  const other = await bench.ask('GET /health', { key: unknown, ...from('192.0.2.2') })
  expect(other.status).toBe(401)
  expect((await bench.ask('GET /health', { key, ...from('192.0.2.2') })).status).toBe(200)
})

test('a wrong invitation counts by address, before the body is read', async () => {
  const bench = await apiBench({ config: { listen: { kind: 'unix', path: '/run/x.sock' } } })
  const headers = { 'x-forwarded-for': '192.0.2.1', 'content-type': 'application/json' }
  const statuses = new Set<number>()
  for (let n = 0; n < 25; n += 1) {
    statuses.add((await bench.ask('POST /pairing/join', { headers, body: '{}' })).status)
  }
  expect([...statuses]).toEqual([422, 429])
  const refused = await bench.ask('POST /pairing/join', { headers, body: '{"broken' })
  expect(await problemOf(refused)).toBe('429 too_many_failures')
  const other = await bench.ask('POST /pairing/join', {
    headers: { ...headers, 'x-forwarded-for': '192.0.2.2' },
    body: '{"broken',
  })
  expect(other.status).toBe(400)
  bench.web.clock.time += 120_000
  expect((await bench.ask('POST /pairing/join', { headers, body: '{}' })).status).toBe(422)
})

test('an invitation whose body does not come counts at once: one address holds no more than a few connections', async () => {
  const bench = await apiBench({ config: { listen: { kind: 'unix', path: '/run/x.sock' } } })
  const stop = new AbortController()
  const pending: Promise<Response>[] = []
  const join = (from: string) => {
    const body = new ReadableStream<Uint8Array>({
      start: (to) => stop.signal.addEventListener('abort', () => to.close(), { once: true }),
    })
    const headers = { 'x-forwarded-for': from, 'content-type': 'application/json' }
    const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit
    return Promise.resolve(bench.web.app.request('/api/v1/pairing/join', init, {}))
  }
  for (let n = 0; n < 21; n += 1) pending.push(join('192.0.2.1'))
  expect(await problemOf(await join('192.0.2.1'))).toBe('429 too_many_failures')
  const other = join('192.0.2.2')
  stop.abort()
  expect(await problemOf(await other)).toBe('422 validation_failed')
  expect(new Set((await Promise.all(pending)).map((one) => one.status))).toEqual(new Set([422]))
})

test('a key that was revoked is unknown at once', async () => {
  const bench = await apiBench()
  const key = await bench.script('read')
  expect((await bench.ask('GET /health', { key })).status).toBe(200)
  await bench.web.deps.engine.tokens.revoke(key.tokenId, 'test')
  expect(await problemOf(await bench.ask('GET /health', { key }))).toBe('401 unauthenticated')
})

test('a key can be exchanged by its bearer, whatever it allows; it appears nowhere but in the answer', async () => {
  const bench = await apiBench()
  const key = await bench.peer('tom', 'upload')
  const answer = await bench.ask('POST /tokens/rotate', { key })
  const { token } = (await answer.json()) as { token: string }
  expect(token).toMatch(/^[0-9a-f]{64}$/)
  expect(token).not.toBe(key.secret)
  expect((await bench.ask('GET /archives/upload/none', { key: token })).status).toBe(404)
  const activity = await bench.web.deps.db.selectFrom('activity').selectAll().execute()
  expect(activity.map(({ action, actor }) => `${action} ${actor}`)).toContain('token.rotate peer:tom')
  expect(JSON.stringify([activity, bench.web.logged])).not.toContain(token)
})

test('the address behind a socket is the last one that nginx added', async () => {
  const unix = { kind: 'unix', path: '/run/x.sock' } as const
  const at = (forwarded: string | undefined) =>
    addressOf(context({ 'x-forwarded-for': forwarded }), deps(unix))
  expect(await at('6.6.6.6, 192.0.2.7')).toBe('192.0.2.7')
  expect(await at('2001:db8::1')).toBe('2001:db8::1')
  for (const odd of [undefined, '', 'unknown', '192.0.2.7, <script>']) expect(await at(odd)).toBe('unix')
})

test('on a port the header counts only with the secret that nginx knows', async () => {
  const file = join(await temporaryFolder(), 'proxy.secret')
  await writeFile(file, 'between us\n')
  await chmod(file, 0o600)
  const tcp = { kind: 'tcp', host: '127.0.0.1', port: 8787 } as const
  const at = (headers: Record<string, string>, proxySecretFile: string | null) =>
    addressOf(context({ 'x-forwarded-for': '192.0.2.7', ...headers }), deps(tcp, proxySecretFile))
  expect(await at({ 'x-backupmanager-proxy': 'between us' }, file)).toBe('192.0.2.7')
  expect(await at({ 'x-backupmanager-proxy': 'guessed' }, file)).toBe('127.0.0.9')
  expect(await at({ 'x-backupmanager-proxy': '' }, null)).toBe('127.0.0.9')
  expect(await at({}, file)).toBe('127.0.0.9')
})

function deps(listen: Config['listen'], proxySecretFile: string | null = null): ProxyDeps {
  return { config: { listen, proxySecretFile }, log: pino({ level: 'silent' }) }
}

function context(headers: Record<string, string | undefined>): Asking {
  return {
    env: { incoming: { socket: { remoteAddress: '127.0.0.9' } } },
    req: { header: (name) => headers[name] },
  }
}
