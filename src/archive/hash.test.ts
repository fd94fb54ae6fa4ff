import { createHash, randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { hashFile } from './hash.ts'

test.each([0, 1, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 5_000_001])(
  'hashes a file of %i bytes',
  async (size) => {
    const path = join(await temporaryFolder(), 'file')
    const data = randomBytes(size)
    await writeFile(path, data)
    const seen: number[] = []
    const result = await hashFile(path, { onBytes: (done) => void seen.push(done) })
    expect(result).toEqual({ sha256: createHash('sha256').update(data).digest('hex'), sizeBytes: size })
    expect(seen.at(-1) ?? 0).toBe(size)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  },
)

test('stops when it is told to', async () => {
  const path = join(await temporaryFolder(), 'file')
  await writeFile(path, Buffer.alloc(8 * 1024 * 1024))
  const stop = new AbortController()
  const work = hashFile(path, { signal: stop.signal, onBytes: () => stop.abort() })
  await expect(work).rejects.toMatchObject({ name: 'AbortError' })
})

test('refuses what is not a regular file instead of waiting for it', async () => {
  const folder = await temporaryFolder()
  execFileSync('mkfifo', [join(folder, 'fifo')])
  await expect(hashFile(join(folder, 'fifo'))).rejects.toMatchObject({ code: 'internal' })
  await expect(hashFile(folder)).rejects.toMatchObject({ code: 'internal' })
  await expect(hashFile(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
})
