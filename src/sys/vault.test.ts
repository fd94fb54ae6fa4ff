import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { assert, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { KeyFileError, loadKeyFile } from './key-file.ts'
import { createVault, VaultError } from './vault.ts'

test('what was sealed opens again, also with a vault opened later', async () => {
  const folder = await temporaryFolder()
  const vault = await createVault(folder)
  const later = await createVault(folder)
  assert(
    property(string({ unit: 'grapheme' }), string(), (plain, context) => {
      expect(later.open(vault.seal(plain, context), context)).toBe(plain)
    }),
  )
})

test('the same secret looks different each time and says nothing', async () => {
  const vault = await createVault(await temporaryFolder())
  const [a, b] = [vault.seal('hunter2', 'x'), vault.seal('hunter2', 'x')]
  expect(a).not.toBe(b)
  expect(a.startsWith('v1:')).toBe(true)
  expect(Buffer.from(a.slice(3), 'base64url').toString('latin1')).not.toContain('hunter2')
})

test('a secret opens only in the place it was made for, and only unchanged', async () => {
  const vault = await createVault(await temporaryFolder())
  const other = await createVault(await temporaryFolder())
  const sealed = vault.seal('hunter2', 'job/1/password')
  const bytes = Buffer.from(sealed.slice(3), 'base64url')
  const changed = Array.from(bytes, (_, at) => {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] ?? 0) ^ 1
    return `v1:${copy.toString('base64url')}`
  })
  for (const broken of [...changed, 'v1:', 'v1:AAAA', 'v2:AAAA', '', sealed.slice(0, -8)]) {
    expect(() => vault.open(broken, 'job/1/password')).toThrow(VaultError)
  }
  expect(() => vault.open(sealed, 'job/2/password')).toThrow(VaultError)
  expect(() => other.open(sealed, 'job/1/password')).toThrow(VaultError)
})

test('the key is made once, for its owner only', async () => {
  const folder = await temporaryFolder()
  await Promise.all([createVault(folder), createVault(folder), createVault(folder)])
  expect(await readdir(join(folder, 'keys'))).toEqual(['secrets.key'])
  expect((await stat(join(folder, 'keys', 'secrets.key'))).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder, 'keys'))).mode & 0o777).toBe(0o700)
})

test('three starts at once have the same key', async () => {
  const folder = await temporaryFolder()
  const keys = await Promise.all([1, 2, 3].map(() => loadKeyFile(folder, 'csrf.key')))
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1)
  expect(keys[0]).toEqual(await readFile(join(folder, 'keys', 'csrf.key')))
})

test.each([0o640, 0o604, 0o620, 0o666])('a key with mode %o is refused with the reason', async (mode) => {
  const folder = await temporaryFolder()
  await createVault(folder)
  await chmod(join(folder, 'keys', 'secrets.key'), mode)
  await expect(createVault(folder)).rejects.toThrow(KeyFileError)
  await expect(createVault(folder)).rejects.toThrow(/mode 6.*must have mode 600/)
})

test('a key that was cut off is refused, and not replaced', async () => {
  const folder = await temporaryFolder()
  await createVault(folder)
  await writeFile(join(folder, 'keys', 'secrets.key'), 'short')
  await expect(createVault(folder)).rejects.toThrow(/damaged \(5 bytes/)
  expect(await readFile(join(folder, 'keys', 'secrets.key'), 'utf8')).toBe('short')
})
