import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { contentsWorld, gathered } from './contents-world.ts'
import { scanArchives } from './scan.ts'
import { openTar, tarBytes } from './tar-stream.ts'

describe.each([false, true])('compressed: %s', (gzip) => {
  test('the whole tar, and any region of it', async () => {
    const world = await contentsWorld()
    const bytes = world.archive('a', { gzip })
    expect((await gathered(tarBytes(world.archivesDir, 'a'))).equals(bytes)).toBe(true)
    for (const [offset, length] of [
      [0, 1],
      [0, 0],
      [511, 2],
      [20_000, 80_000],
      [bytes.length - 1, 1],
    ] as const) {
      const part = await gathered(tarBytes(world.archivesDir, 'a', { region: { offset, length } }))
      expect(part.equals(bytes.subarray(offset, offset + length)), `${offset}+${length}`).toBe(true)
    }
    const rest = await gathered(tarBytes(world.archivesDir, 'a', { region: { offset: 12_345 } }))
    expect(rest.equals(bytes.subarray(12_345))).toBe(true)
  })

  test('a region beyond the end says how much is missing', async () => {
    const world = await contentsWorld()
    const { length } = world.archive('a', { gzip })
    for (const offset of [length - 10, length + 1000]) {
      const reading = gathered(tarBytes(world.archivesDir, 'a', { region: { offset, length: 20 } }))
      await expect(reading).rejects.toMatchObject({ code: 'archive_truncated' })
    }
  })

  test('the file itself, and parts of it', async () => {
    const world = await contentsWorld()
    world.archive('a', { gzip })
    const file = readFileSync(join(world.archivesDir, gzip ? 'a.tar.gz' : 'a.tar'))
    const tar = await openTar(world.archivesDir, 'a')
    expect(tar).toMatchObject({ gzip, sizeBytes: file.length })
    expect((await gathered(tar.raw())).equals(file)).toBe(true)
    expect((await gathered(tar.raw({ offset: 100, length: 50 }))).equals(file.subarray(100, 150))).toBe(true)
    expect((await gathered(tar.raw({ offset: file.length - 7 }))).equals(file.subarray(-7))).toBe(true)
    await tar.close()
  })

  test('passing over parts and reading on', async () => {
    const world = await contentsWorld()
    const bytes = world.archive('a', { gzip })
    const tar = await openTar(world.archivesDir, 'a')
    const reader = tar.reader({ from: 1000 })
    expect(await reader.skip(90_000)).toBe(90_000)
    expect((await reader.next())?.subarray(0, 100)).toEqual(bytes.subarray(91_000, 91_100))
    expect(await reader.skip(Number.MAX_SAFE_INTEGER)).toBeLessThan(bytes.length)
    expect(await reader.next()).toBeNull()
    reader.close()
    await tar.close()
  })

  test('its fingerprint is the one of the catalogue', async () => {
    const world = await contentsWorld()
    world.archive('a', { gzip })
    const { archives } = await scanArchives(world.archivesDir)
    const tar = await openTar(world.archivesDir, 'a')
    expect(tar.fingerprint).toBe(archives[0]?.fingerprint)
    await tar.close()
  })
})

test('a gzip stream in a file called .tar is read for what it is', async () => {
  const world = await contentsWorld()
  const bytes = world.archive('a')
  world.put('a', gzipSync(bytes))
  expect((await gathered(tarBytes(world.archivesDir, 'a'))).equals(bytes)).toBe(true)
})

test('what is no archive is not opened', async () => {
  const world = await contentsWorld()
  mkdirSync(join(world.archivesDir, 'folder.tar'))
  writeFileSync(join(world.folder, 'secret'), 'secret')
  symlinkSync(join(world.folder, 'secret'), join(world.archivesDir, 'link.tar'))
  for (const name of ['missing', 'folder', 'link']) {
    await expect(openTar(world.archivesDir, name), name).rejects.toMatchObject({ code: 'archive_not_found' })
  }
})
