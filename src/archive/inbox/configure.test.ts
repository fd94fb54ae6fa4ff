// The lines of authorized_keys, and who may change what in the inbox.
import { chmod, lstat, mkdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { isProblem } from '../../domain/problem.ts'
import { authorizedKeys, configureInbox } from './configure.ts'

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG'

test('each key opens its owner’s place, and a key that is there twice only the first one’s', () => {
  const peers = [
    { uid: 'tom', key: `${key}a` },
    { uid: 'eve', key: `${key}a` },
    { uid: 'ann', key: `${key}b` },
  ]
  expect(authorizedKeys(peers, ['/opt/node', '/opt/back up/bm.js', 'inbox', '/srv/inbox'])).toEqual([
    `restrict,command="/opt/node '/opt/back up/bm.js' inbox /srv/inbox tom" ${key}a\n`,
    `restrict,command="/opt/node '/opt/back up/bm.js' inbox /srv/inbox ann" ${key}b\n`,
  ])
})

test('a path that a shell would read otherwise is refused', () => {
  for (const path of ['/a"b', "/a'b", '/a\nb', '/a\\b'])
    expect(() => authorizedKeys([{ uid: 'tom', key }], [path])).toThrow(
      expect.toSatisfy((error: unknown) => isProblem(error, 'not_supported')),
    )
})

test('the file is whole and readable for sshd, and only root changes what is around it', async () => {
  const folder = await temporaryFolder()
  await chmod(folder, 0o777)
  const places = { archivesDir: '', dataDir: '', inboxDir: folder }
  expect(await configureInbox([{ uid: 'tom', key }], places)).toBe(1)
  const path = join(folder, '.ssh', 'authorized_keys')
  expect((await lstat(path)).mode & 0o777).toBe(0o644)
  expect(await readFile(path, 'utf8')).toMatch(/ inbox \S+ tom" ssh-ed25519 \S+\n$/)
  for (const one of [folder, join(folder, '.ssh'), join(folder, 'tom')])
    expect((await lstat(one)).mode & 0o7777).toBe(0o750)
  expect(await configureInbox([], places)).toBe(0)
  expect(await readFile(path, 'utf8')).toBe('')
})

test('a link in the place of a folder leads nowhere', async () => {
  const folder = await temporaryFolder()
  const elsewhere = join(folder, 'elsewhere')
  const inboxDir = join(folder, 'inbox')
  await mkdir(elsewhere)
  await mkdir(inboxDir)
  await symlink(elsewhere, join(inboxDir, '.ssh'))
  const made = configureInbox([{ uid: 'tom', key }], { archivesDir: '', dataDir: '', inboxDir })
  await expect(made).rejects.toSatisfy((error) => isProblem(error, 'helper_refused'))
  await expect(lstat(join(elsewhere, 'authorized_keys'))).rejects.toThrow('ENOENT')
})
