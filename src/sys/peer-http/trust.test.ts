import { describe, expect, test } from 'vitest'
import { testAuthority } from '../../../test/support/certificates.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { client, get, httpServer, json, key, rawServer, target, trustedAuthority } from './peer-http-world.ts'

describe('a certificate of an authority that is trusted', () => {
  test('is good for its name, and the request arrives with the key', async () => {
    const { leaf } = await trustedAuthority()
    const seen: unknown[] = []
    const server = await httpServer((request, response) => {
      seen.push(request.url, request.headers['x-backupmanager-key'], request.headers['user-agent'])
      json({ ok: true })(request, response)
    }, leaf())
    const answer = await client().request(target(server.port, { secure: true }), get())
    expect(answer).toMatchObject({ status: 200, json: { ok: true } })
    expect(seen).toEqual(['/backup/api/v1/health', key, 'BackupManager'])
    expect(server.received()).toBeGreaterThan(100)
  })

  test.each([
    ['expired', { expired: true }, 'has expired'],
    ['of another name', { names: 'DNS:tom.example.test' }, 'is for another name'],
    ['signed by itself', { selfSigned: true }, 'signed its certificate itself'],
  ] as const)('is refused when it is %s, and nothing is sent', async (_, options, words) => {
    const { leaf } = await trustedAuthority()
    const server = await httpServer(json({}), leaf(options))
    const call = client().request(target(server.port, { secure: true }), get())
    await expect(call).rejects.toMatchObject({
      code: 'peer_untrusted',
      facts: { detail: expect.stringContaining(words) },
    })
    await eventually(() => server.sockets.size === 0)
    expect(server.received()).toBe(0)
  })

  test('is refused when nobody trusts the authority', async () => {
    const other = await testAuthority()
    const server = await httpServer(json({}), other.leaf())
    await expect(client().request(target(server.port, { secure: true }), get())).rejects.toMatchObject({
      code: 'peer_untrusted',
    })
    expect(server.received()).toBe(0)
  })
})

describe('a pin', () => {
  test.each([
    ['signed by itself', { selfSigned: true }],
    ['expired', { expired: true }],
    ['of another name', { names: 'DNS:tom.example.test' }],
  ] as const)('is all that counts: the certificate may be %s', async (_, options) => {
    const { leaf } = await trustedAuthority()
    const made = leaf(options)
    const server = await httpServer(json([1]), made)
    const pinned = target(server.port, { secure: true, certPin: made.sha256.toUpperCase() })
    expect(await client().request(pinned, get())).toMatchObject({ json: [1] })
  })

  test('that is another one sends nothing, not even to a server with a good certificate', async () => {
    const { leaf } = await trustedAuthority()
    const server = await httpServer(json({}), leaf())
    const http = client()
    const call = http.request(target(server.port, { secure: true, certPin: '0'.repeat(64) }), get())
    await expect(call).rejects.toMatchObject({ code: 'peer_untrusted' })
    await eventually(() => server.sockets.size === 0)
    expect(server.connections()).toBe(1)
    expect(server.received()).toBe(0)
  })

  test('does not share connections with another pin, or with none', async () => {
    const { leaf } = await trustedAuthority()
    const made = leaf()
    const server = await httpServer(json({}), made)
    const http = client()
    const good = target(server.port, { secure: true, certPin: made.sha256 })
    await http.request(good, get())
    await http.request(good, get())
    expect(server.connections()).toBe(1)
    const before = server.received()
    await expect(http.request({ ...good, certPin: 'f'.repeat(64) }, get())).rejects.toMatchObject({
      code: 'peer_untrusted',
    })
    expect(server.received()).toBe(before)
    await http.request({ ...good, certPin: null }, get())
    expect(server.connections()).toBe(3)
  })
})

describe('what is not HTTPS', () => {
  test.each([
    ['http://tom.example.test', true],
    ['http://127.0.0.1:1', false],
    ['http://[::2]:1', true],
    ['http://127.0.0.1.example.test', true],
    ['ftp://127.0.0.1', true],
    ['file:///etc/passwd', true],
  ])('%s is refused', async (url, allowInsecure) => {
    const refused = await client({ allowInsecure })
      .request({ url, key, certPin: null }, get())
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: url.startsWith('file') ? 'peer_unreachable' : 'peer_insecure' })
  })

  test('may be this machine, when that is allowed', async () => {
    const server = await httpServer(json({}))
    for (const host of ['127.0.0.1', 'localhost']) {
      const url = `http://${host}:${server.port}`
      expect((await client().request({ url, key, certPin: null }, get())).status).toBe(200)
    }
  })

  test('an address with a password is refused without a word of it', async () => {
    const refused = await client()
      .request({ url: 'https://me:secret@127.0.0.1', key, certPin: null }, get())
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'peer_unreachable' })
    expect(JSON.stringify(refused) + String(refused)).not.toContain('secret')
  })

  test('a server without TLS is told as such', async () => {
    const server = await rawServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await expect(client().request(target(server.port, { secure: true }), get())).rejects.toMatchObject({
      code: 'peer_unreachable',
      facts: { detail: expect.stringContaining('does not speak HTTPS') },
    })
  })
})

test('a version of TLS that is no longer safe is not spoken', async () => {
  const { leaf } = await trustedAuthority()
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  const server = await httpServer(json({}), { ...leaf(), ...old })
  await expect(client().request(target(server.port, { secure: true }), get())).rejects.toMatchObject({
    code: 'peer_unreachable',
    facts: { detail: expect.stringContaining('no longer safe') },
  })
  expect(server.received()).toBe(0)
})

describe('looking at a certificate', () => {
  test('tells what is there, whoever signed it, and sends nothing', async () => {
    const { leaf } = await trustedAuthority()
    const made = leaf({ selfSigned: true, expired: true })
    const server = await httpServer(json({}), made)
    const seen = await client().certificateOf(`https://127.0.0.1:${server.port}/backup`)
    expect(seen).toEqual({
      sha256: made.sha256,
      subject: expect.stringMatching(/^O=BackupManager test, CN=leaf \d+$/),
      validTo: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    })
    await eventually(() => server.sockets.size === 0)
    expect(server.received()).toBe(0)
  })

  test('needs HTTPS', async () => {
    await expect(client().certificateOf('http://127.0.0.1:1')).rejects.toMatchObject({
      code: 'peer_insecure',
    })
  })
})
