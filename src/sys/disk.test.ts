import { expect, test } from 'vitest'
import { diskOf } from './disk.ts'
import { run } from './process.ts'
import { temporaryFolder } from '../../test/support/temp.ts'

test('space is what df says', async () => {
  const folder = await temporaryFolder()
  const { stdout } = await run('df', ['-B1', '--output=size,avail', folder])
  const [size, available] = stdout.trim().split('\n')[1]?.trim().split(/\s+/).map(Number) ?? []
  const space = await diskOf(folder)
  expect(space.totalBytes).toBe(size)
  // Others write at the same time.
  expect(Math.abs(space.freeBytes - (available ?? 0))).toBeLessThan(512 * 1024 * 1024)
})

test('a path that does not exist is the system error', async () => {
  await expect(diskOf('/no/such/path')).rejects.toMatchObject({ code: 'ENOENT' })
})
