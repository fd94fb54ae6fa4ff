import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { chmod, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { loadInstanceKey } from './instance-key.ts'
import { KeyFileError } from './key-file.ts'

test('an instance keeps its identity, and its key signs', async () => {
  const folder = await temporaryFolder()
  const first = await loadInstanceKey(folder)
  const later = await loadInstanceKey(folder)
  expect(first.id).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(later.id).toBe(first.id)
  const signature = sign(null, Buffer.from('text'), first.privateKey)
  expect(verify(null, Buffer.from('text'), later.publicKey, signature)).toBe(true)
  expect((await stat(join(folder, 'keys', 'instance.key'))).mode & 0o777).toBe(0o600)
})

test('two instances are two identities', async () => {
  const [a, b] = [
    await loadInstanceKey(await temporaryFolder()),
    await loadInstanceKey(await temporaryFolder()),
  ]
  expect(a.id).not.toBe(b.id)
})

test('a key that is damaged, of another kind or open to others is refused', async () => {
  const folder = await temporaryFolder()
  await loadInstanceKey(folder)
  const path = join(folder, 'keys', 'instance.key')
  await writeFile(path, 'no key')
  await expect(loadInstanceKey(folder)).rejects.toThrow(/damaged/)
  const { privateKey } = generateKeyPairSync('x25519')
  await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await expect(loadInstanceKey(folder)).rejects.toThrow(/another kind/)
  await chmod(path, 0o644)
  await expect(loadInstanceKey(folder)).rejects.toThrow(KeyFileError)
})
