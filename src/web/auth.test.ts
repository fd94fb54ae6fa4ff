// Who gets in: every way of asking, through both kinds of listener, with the system's real `getent`.
import { chmod, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Config } from '../config.ts'
import { type Run, run } from '../sys/process.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import { testWeb } from '../../test/support/web.ts'

const secret = 'a-long-secret-that-only-nginx-knows'
const library = ['x86_64-linux-gnu', 'aarch64-linux-gnu', 'arm-linux-gnueabihf']
  .map((triplet) => `/usr/lib/${triplet}/libnss_wrapper.so`)
  .find((file) => existsSync(file))

/** `getent` as it is, with the groups of a file in place of the machine's (libnss-wrapper). */
async function withGroups(lines: string): Promise<Run> {
  if (library === undefined) throw new Error('this test needs the package libnss-wrapper')
  const folder = await temporaryFolder()
  const group = join(folder, 'group')
  const passwd = join(folder, 'passwd')
  await writeFile(group, lines)
  await writeFile(passwd, 'root:x:0:0:root:/root:/bin/sh\n')
  const env = { LD_PRELOAD: library, NSS_WRAPPER_GROUP: group, NSS_WRAPPER_PASSWD: passwd }
  return (file, args, options = {}) => run(file, args, { ...options, env: { ...options.env, ...env } })
}

const admins = 'admins:*:4001:alice,bob\nall_users:*:4002:alice,bob,mallory\n'

async function server(listener: 'tcp' | 'unix', groups = admins, change: Partial<Config> = {}) {
  const folder = await temporaryFolder()
  const proxySecretFile = join(folder, 'secret')
  await writeFile(proxySecretFile, `${secret}\n`)
  const listen =
    listener === 'tcp'
      ? ({ kind: 'tcp', host: '127.0.0.1', port: 8787 } as const)
      : ({ kind: 'unix', path: join(folder, 'socket') } as const)
  return testWeb({
    folder,
    run: await withGroups(groups),
    config: { auth: 'sso', listen, proxySecretFile, ...change },
  })
}

const through = { 'x-backupmanager-proxy': secret }

describe.each(['tcp', 'unix'] as const)('a dashboard on %s', (listener) => {
  test('lets an admin in whom SSOwat named', async () => {
    const { get } = await server(listener)
    const answer = await get('/settings', { ...through, ynh_user: 'alice' })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain('alice')
  })

  test.each(['Ynh-User', 'Remote-User', 'X-Forwarded-User', 'YNH-USER'])(
    'does not believe the header %s, which anybody can send',
    async (header) => {
      const { get } = await server(listener)
      const answer = await get('/settings', { ...through, [header]: 'alice' })
      expect(answer.status).toBe(401)
      expect(await answer.text()).toContain('did not say who you are')
    },
  )

  test('does not take a name from the Authorization header', async () => {
    const { get } = await server(listener)
    const basic = `Basic ${Buffer.from('alice:-').toString('base64')}`
    expect((await get('/settings', { ...through, authorization: basic })).status).toBe(401)
  })

  test('refuses somebody who is not in the group, by name', async () => {
    const { get } = await server(listener)
    const answer = await get('/settings', { ...through, ynh_user: 'mallory' })
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('mallory')
  })

  test.each(['Alice', 'alic', 'alice ', 'alice,bob', 'alice, bob', 'admins', '*', ''])(
    'compares names exactly: "%s" is nobody',
    async (name) => {
      const { get } = await server(listener)
      const answer = await get('/settings', { ...through, ynh_user: name })
      // Header values lose their outer spaces on the way, as RFC 9110 wants.
      expect(answer.status).toBe(
        name === 'alice ' ? 200 : name === '' || name === '*' || name.includes(',') ? 401 : 403,
      )
    },
  )

  test('refuses everybody when the group cannot be read', async () => {
    const { get } = await server(listener, 'users:*:100:alice\n')
    const answer = await get('/settings', { ...through, ynh_user: 'alice' })
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('could not be read')
  })

  test('refuses everybody when the group is empty', async () => {
    const { get } = await server(listener, 'admins:*:4001:\n')
    expect((await get('/settings', { ...through, ynh_user: 'alice' })).status).toBe(403)
  })

  test('honours no identity below /api, nor below anything that begins like it', async () => {
    const { get, post } = await server(listener)
    for (const path of ['/api', '/api/jobs', '/apikeys', '/api-docs/x', '/api%2fjobs', '/%61pi/jobs']) {
      const answer = await get(path, { ...through, ynh_user: 'alice' })
      expect([path, answer.status]).toEqual([path, 404])
      expect(await answer.text()).not.toContain('alice')
    }
    expect((await post('/api/jobs', {}, { ...through, ynh_user: 'alice' })).status).toBe(404)
  })
})

test('a TCP port answers nobody without the secret, whatever name comes with the request', async () => {
  const { get } = await server('tcp')
  for (const wrong of [{}, { 'x-backupmanager-proxy': '' }, { 'x-backupmanager-proxy': `${secret}x` }]) {
    const answer = await get('/settings', { ...wrong, ynh_user: 'alice' })
    expect(answer.status).toBe(401)
    expect(await answer.text()).toContain('did not come through')
  }
})

test('a TCP port without a configured secret answers nobody and says what to do', async () => {
  const { get } = await server('tcp', admins, { proxySecretFile: null })
  const answer = await get('/settings', { ynh_user: 'alice', 'x-backupmanager-proxy': '' })
  expect(answer.status).toBe(401)
  expect(await answer.text()).toContain('BM_PROXY_SECRET_FILE')
})

test('an empty or unreadable secret lets nobody in', async () => {
  const { get, deps } = await server('tcp')
  const file = deps.config.proxySecretFile ?? ''
  await writeFile(file, '\n')
  expect((await get('/settings', { ynh_user: 'alice', 'x-backupmanager-proxy': '' })).status).toBe(401)
  await chmod(file, 0o000)
  const gone = await server('tcp', admins, { proxySecretFile: `${file}.gone` })
  expect((await gone.get('/settings', { ...through, ynh_user: 'alice' })).status).toBe(401)
})

test('a unix socket, which only nginx can open, needs no secret', async () => {
  const { get } = await server('unix')
  expect((await get('/settings', { ynh_user: 'alice' })).status).toBe(200)
})

test('somebody who leaves the group is out after half a minute, and the group is not asked each time', async () => {
  let members = 'alice'
  let asked = 0
  const group: Run = async (file, args) => {
    asked += 1
    expect([file, ...args]).toEqual(['getent', 'group', 'admins'])
    return { code: 0, stdout: `admins:*:4001:${members}\n`, stderrTail: '' }
  }
  const listen = { kind: 'unix', path: '/run/none' } as const
  const { get, clock } = await testWeb({ run: group, config: { auth: 'sso', listen } })
  expect((await get('/settings', { ynh_user: 'alice' })).status).toBe(200)
  members = 'bob'
  expect((await get('/settings', { ynh_user: 'alice' })).status).toBe(200)
  expect(asked).toBe(1)
  clock.time += 30_000
  expect((await get('/settings', { ynh_user: 'alice' })).status).toBe(403)
})

test('without sign-in, only our own host names are answered', async () => {
  const { app } = await testWeb()
  expect((await app.request('http://localhost:8787/settings')).status).toBe(200)
  expect((await app.request('http://127.0.0.1:8787/settings')).status).toBe(200)
  const rebound = await app.request('http://evil.example:8787/settings')
  expect(rebound.status).toBe(401)
  expect(await rebound.text()).toContain('evil.example')
})

test('without sign-in, a unix socket checks the host name as well, and knows the public one', async () => {
  const listen = { kind: 'unix', path: '/run/none' } as const
  const { app } = await testWeb({ config: { listen, publicUrl: 'https://jerry.example/backup' } })
  expect((await app.request('http://localhost/settings')).status).toBe(200)
  expect((await app.request('http://jerry.example/settings')).status).toBe(200)
  expect((await app.request('http://evil.example/settings')).status).toBe(401)
})

test('a refusal shows neither menu nor form', async () => {
  const { get } = await server('tcp')
  const html = await (await get('/settings')).text()
  expect(html).not.toContain('<form')
  expect(html).not.toContain('href="/archives"')
})
