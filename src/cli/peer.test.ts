// Tokens and peers on the command line, in this process, between instances that answer over HTTP.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { localInstance, type LocalInstance } from '../../test/support/local-instances.ts'
import { testConfig } from '../../test/support/web.ts'
import { sources } from '../sources/registry.ts'
import { listPeers } from '../store/peers.ts'
import { listTokens } from '../store/tokens.ts'
import type { CliContext, Instance } from './context.ts'
import { runCli } from './program.ts'

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

function collector() {
  let written = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk)
      done()
    },
  })
  return { stream, text: () => written }
}

/** A command line of that instance, beside its server. */
function cliOf(local: LocalInstance) {
  const config = testConfig(local.dataDir, { publicUrl: local.url })
  const instance: Instance = {
    config,
    db: local.db,
    engine: local.engine,
    sources,
    lock: () => null,
    serve: () => Promise.reject(new Error('not here')),
    close: () => Promise.resolve(),
  }
  return async (args: readonly string[], stdin = ''): Promise<Ended> => {
    const [out, err] = [collector(), collector()]
    const context: CliContext = {
      stdin: Readable.from([stdin]),
      stdout: out.stream,
      stderr: err.stream,
      version: '0.0.0-test',
      config: () => config,
      open: () => Promise.resolve(instance),
      onSignal: () => () => undefined,
      now: () => local.clock.now(),
    }
    const code = await runCli(args, context)
    return { code, out: out.text(), err: err.text() }
  }
}

async function two() {
  const [tom, jerry] = [await localInstance('tom'), await localInstance('jerry')]
  return { tom, jerry, atTom: cliOf(tom), atJerry: cliOf(jerry) }
}

function json(ended: Ended): Record<string, unknown> {
  const value: unknown = JSON.parse(ended.out)
  return Object(value)
}

describe('token', () => {
  test('create prints the secret and nothing else on standard output, once', async () => {
    const { tom, atTom } = await two()
    const made = await atTom(['token', 'create', 'nightly', '--scopes', 'read,run', '--expires', '90d'])
    expect(made.code).toBe(0)
    expect(made.out).toMatch(/^[0-9a-f]{64}\n$/)
    expect(made.err).not.toContain(made.out.trim())
    expect(await tom.engine.tokens.verify(made.out.trim(), '::1')).toMatchObject({ ok: true })
    const list = await atTom(['token', 'list', '--json'])
    expect(list.out).not.toContain(made.out.trim())
    expect(json(list)).toMatchObject({
      items: [{ name: 'nightly', scopes: ['read', 'run'], expires_at: '2027-02-19T10:00:00+01:00' }],
    })
    expect((await atTom(['token', 'list'])).out).toMatch(/nightly +read,run/)
  })

  test('revoke ends it', async () => {
    const { tom, atTom } = await two()
    const made = json(await atTom(['token', 'create', 'nightly', '--scopes', 'read', '--json']))
    expect((await atTom(['token', 'revoke', String(made['id'])])).code).toBe(0)
    expect(await tom.engine.tokens.verify(String(made['secret']), '::1')).toMatchObject({ ok: false })
    expect((await atTom(['token', 'revoke', String(made['id'])])).code).toBe(66)
    expect((await atTom(['token', 'revoke', 'nightly'])).code).toBe(66)
  })

  test.each([
    [['--scopes', 'read,everything'], 'scopes'],
    [['--scopes', ','], 'scopes'],
    [['--scopes', 'read', '--expires', 'tomorrow'], 'expires'],
    [['--scopes', 'read', '--expires', '0d'], 'expires'],
  ])('create with %j is refused', async (options, field) => {
    const { tom, atTom } = await two()
    const ended = await atTom(['token', 'create', 'x', ...options])
    expect(ended.code).toBe(64)
    expect(ended.err).toContain(`  ${field}: `)
    expect(await listTokens(tom.db)).toEqual([])
  })
})

describe('peer', () => {
  test('invite and join make peers of two instances', async () => {
    const { tom, jerry, atTom, atJerry } = await two()
    const invited = await atTom(['peer', 'invite', '--scopes', 'read'])
    expect(invited.out).toMatch(/^bm1\.[\w-]+\n$/)
    const joined = await atJerry(['peer', 'join', '-', '--json'], invited.out)
    expect(joined.code).toBe(0)
    expect(json(joined)).toMatchObject({
      name: 'tom',
      instance_id: tom.id,
      scopes: ['read'],
      status: 'online',
    })
    expect(await listPeers(tom.db)).toMatchObject([{ name: 'jerry', uid: jerry.id }])
  })

  test('join takes the code from a file too, but never from the arguments', async () => {
    const { jerry, atTom, atJerry } = await two()
    const { out: code } = await atTom(['peer', 'invite'])
    const refused = await atJerry(['peer', 'join', code.trim(), '--json'])
    expect(refused.code).toBe(64)
    expect(json(refused)).toMatchObject({ errors: [{ field: 'code', code: 'secret_in_arguments' }] })
    expect(await listPeers(jerry.db)).toEqual([])
    expect((await atJerry(['peer', 'join'])).code).toBe(64)
    expect((await atJerry(['peer', 'join', '-'], 'bm1.nonsense')).code).toBe(64)
    const file = join(jerry.dataDir, 'code')
    await writeFile(file, code)
    expect((await atJerry(['peer', 'join', '--code-file', file])).code).toBe(0)
  })

  test('add reads the key from standard input or a file, and says what is wrong with it', async () => {
    const { tom, jerry, atTom, atJerry } = await two()
    const { out: key } = await atTom(['token', 'create', 'jerry', '--scopes', 'read'])
    expect((await atJerry(['peer', 'add', 'tom', tom.url])).code).toBe(64)
    const wrong = await atJerry(['peer', 'add', 'tom', tom.url, '--key-file', '-'], 'ab'.repeat(32))
    expect(wrong.code).toBe(1)
    expect(wrong.err).toContain('  key: ')
    const added = await atJerry(['peer', 'add', 'tom', tom.url, '--key-file', '-'], key)
    expect(added.code).toBe(0)
    expect(added.out).toMatch(/^peer 1 \(tom\): .*, online\n$/)
    expect(added.out + added.err).not.toContain(key.trim())
    await tom.stopListening()
    const gone = ['peer', 'add', 'again', tom.url, '--key-file', '-']
    expect((await atJerry(gone, key)).code).toBe(69)
    expect(await listPeers(jerry.db)).toHaveLength(1)
  })

  test('list, show, rename, poll, rotate-key, edit and remove do what they say', async () => {
    const { tom, jerry, atTom, atJerry } = await two()
    const { out: code } = await atTom(['peer', 'invite'])
    await atJerry(['peer', 'join', '-'], code)
    expect((await atJerry(['peer', 'list'])).out).toMatch(/tom +http:\S+ +online/)
    expect((await atJerry(['peer', 'show', 'TOM'])).out).toContain(`instance_id: ${tom.id}\n`)
    expect((await atJerry(['peer', 'rename', 'tom', 'uncle'])).out).toContain('(uncle)')
    expect(json(await atJerry(['peer', 'poll', 'uncle', '--json']))).toMatchObject({ status: 'online' })
    expect((await atJerry(['peer', 'rotate-key', '1'])).code).toBe(0)
    const pinned = await atJerry(['peer', 'edit', 'uncle', '--pin', 'no pin', '--json'])
    expect(json(pinned)).toMatchObject({ errors: [{ field: 'cert_pin', code: 'pin_invalid' }] })
    expect((await atJerry(['peer', 'edit', 'uncle', '--no-pin'])).code).toBe(0)
    const elsewhere = tom.url.replace('127.0.0.1', 'localhost')
    const keyless = await atJerry(['peer', 'edit', 'uncle', '--url', elsewhere])
    expect([keyless.code, keyless.err]).toEqual([64, expect.stringContaining('  key: The stored key')])
    const { out: key } = await atTom(['token', 'create', 'again', '--scopes', 'read'])
    const moved = await atJerry(['peer', 'edit', 'uncle', '--url', elsewhere, '--key-file', '-'], key)
    expect(moved.out).toContain(`${elsewhere}, online`)
    expect((await atJerry(['peer', 'remove', 'uncle'])).code).toBe(0)
    expect((await atJerry(['peer', 'show', 'uncle'])).code).toBe(66)
    expect(await listPeers(jerry.db)).toEqual([])
    expect(await listTokens(jerry.db)).toEqual([])
  })
})
