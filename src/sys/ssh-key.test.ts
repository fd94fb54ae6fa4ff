// The key for other inboxes, and the configuration that it is used with.
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { isProblem } from '../domain/problem.ts'
import { run } from './process.ts'
import { knownHosts, sshConfig } from './ssh-config.ts'
import { loadSshKey } from './ssh-key.ts'

describe('the key', () => {
  test('is made once, mode 600, and OpenSSH reads it', async () => {
    const dataDir = await temporaryFolder()
    const [key, again] = await Promise.all([loadSshKey(dataDir), loadSshKey(dataDir)])
    expect(again).toEqual(key)
    expect((await stat(key.path)).mode & 0o777).toBe(0o600)
    const { stdout } = await run('ssh-keygen', ['-y', '-f', key.path])
    expect(stdout.trim()).toBe(key.publicKey)
    expect(await readFile(key.path, 'utf8')).toContain('BEGIN OPENSSH PRIVATE KEY')
  })

  test('is readable every time, although one in 256 that are made is not', async () => {
    const folder = await temporaryFolder()
    const made = await Promise.all(
      Array.from({ length: 1500 }, (_, n) => loadSshKey(join(folder, String(n)))),
    )
    expect(new Set(made.map((key) => key.publicKey)).size).toBe(1500)
  })

  test('is refused when it is damaged or others may read it', async () => {
    const dataDir = await temporaryFolder()
    const { path } = await loadSshKey(dataDir)
    await chmod(path, 0o640)
    await expect(loadSshKey(dataDir)).rejects.toThrow('mode 640')
    await writeFile(path, 'nonsense')
    await chmod(path, 0o600)
    await expect(loadSshKey(dataDir)).rejects.toThrow('is damaged')
  })
})

describe('the configuration', () => {
  const server = {
    host: '2001:db8::1',
    port: 2222,
    user: 'bm-inbox',
    hostKeys: ['ssh-ed25519 AAAAC3Nz', 'ssh-rsa AAAAB3Nz', 'ssh-dss AAAA', 'ssh-ed25519 AAAA evil,*'],
  }
  const files = { knownHosts: '/run/a b/known', identity: '/data/100%/key' }

  test('trusts the pinned keys of known types and no other', () => {
    expect(knownHosts(server)).toBe(
      'backupmanager-peer ssh-ed25519 AAAAC3Nz\nbackupmanager-peer ssh-rsa AAAAB3Nz\n',
    )
    const config = sshConfig(server, files)
    expect(config).toContain('HostKeyAlgorithms ssh-ed25519,rsa-sha2-512,rsa-sha2-256\n')
    expect(config).toContain('UserKnownHostsFile "/run/a b/known"\n')
    expect(config).toContain('IdentityFile "/data/100%%/key"\n')
  })

  test('is understood by ssh as it is meant', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'config')
    await writeFile(path, sshConfig(server, files))
    const { stdout } = await run('ssh', ['-G', '-F', path, 'backupmanager-peer'])
    for (const line of [
      'hostname 2001:db8::1',
      'port 2222',
      'user bm-inbox',
      'stricthostkeychecking true',
      'batchmode yes',
      'identitiesonly yes',
      'passwordauthentication no',
      'forwardagent no',
      'userknownhostsfile /run/a b/known',
      'globalknownhostsfile /dev/null',
    ]) {
      expect(stdout.split('\n')).toContain(line)
    }
  })

  test.each([
    { ...server, host: '-oProxyCommand=id' },
    { ...server, host: 'a\nProxyCommand id' },
    { ...server, user: 'root; id' },
    { ...server, port: 0 },
    { ...server, hostKeys: [] },
    { ...server, hostKeys: ['ssh-ed25519 AAAA\n* ssh-ed25519 BBBB'] },
  ])('takes nothing of a peer that is more than an address: %j', (wrong) => {
    const made = (): unknown => [knownHosts(wrong), sshConfig(wrong, files)]
    expect(made).toThrow(expect.toSatisfy((error: unknown) => isProblem(error, 'ssh_failed')))
  })
})
