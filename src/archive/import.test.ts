import { execFileSync } from 'node:child_process'
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Imported } from '../domain/helper-protocol.ts'
import { contentsWorld, oddTar, type Odd, type World } from './contents-world.ts'
import { importArchive } from './import.ts'
import { infoBytes } from './info-json.ts'
import { goodInfo, sha256Of, writeOwn } from './testing-archives.ts'
import { verifyArchive } from './verify.ts'

const info: Odd = { name: 'info.json', data: infoBytes(goodInfo) }

/** A file outside of the archives directory. */
function given(world: World, tar: Buffer, file = 'given.tar'): string {
  const path = join(world.folder, file)
  writeFileSync(path, tar)
  return path
}

function take(world: World, path: string, name = 'brought'): Promise<Imported> {
  return importArchive({ path, name }, world.io)
}

function archives(world: World): string[] {
  return readdirSync(world.archivesDir).toSorted()
}

describe.each([false, true])('compressed: %s', (gzip) => {
  test('a good archive arrives whole, with a sidecar, and proves itself', async () => {
    const world = await contentsWorld()
    const tar = oddTar([{ name: 'data/x', data: Buffer.alloc(2_000_000, 'x') }, info, { name: 'data/y' }])
    const bytes = gzip ? gzipSync(tar) : tar
    const made = await take(world, given(world, bytes, 'odd name.tar'))
    const file = gzip ? 'brought.tar.gz' : 'brought.tar'
    expect(made).toMatchObject({
      file,
      sizeBytes: bytes.length,
      sha256: sha256Of(bytes),
      members: 3,
      backupInfo: null,
    })
    expect(archives(world)).toEqual(['brought.info.json', file])
    expect(readFileSync(join(world.archivesDir, file)).equals(bytes)).toBe(true)
    expect(readFileSync(join(world.archivesDir, 'brought.info.json')).equals(infoBytes(goodInfo))).toBe(true)
    expect(statSync(join(world.archivesDir, file)).mode & 0o777).toBe(0o640)
    expect(world.progress.at(-1)).toBe(bytes.length)
    expect(await verifyArchive(world.archivesDir, 'brought')).toMatchObject({
      damage: '',
      sha256: made.sha256,
    })
  })
})

test('one of our own keeps what it says about itself', async () => {
  const world = await contentsWorld()
  const own = await writeOwn(world.archivesDir, 'original', Buffer.alloc(300_000, 'o'), {
    format: 99,
    type: 'custom_dir',
  })
  const made = await take(world, join(world.archivesDir, own.file))
  expect(made).toMatchObject({ sha256: own.sha256, backupInfo: { format: 99, type: 'custom_dir' } })
  expect(await verifyArchive(world.archivesDir, 'brought')).toMatchObject({
    damage: '',
    innerSha256: expect.objectContaining({ expected: expect.any(String) }),
  })
})

test('a description beside it comes along when it is of this very file', async () => {
  const world = await contentsWorld()
  const tar = oddTar([info, { name: 'apps/x' }])
  const path = given(world, tar)
  writeFileSync(
    join(world.folder, 'given.backup_info.json'),
    JSON.stringify({ type: 'ynh_app', sha256: sha256Of(tar) }),
  )
  expect(await take(world, path)).toMatchObject({ backupInfo: { type: 'ynh_app' } })
  expect(archives(world)).toEqual(['brought.backup_info.json', 'brought.info.json', 'brought.tar'])

  writeFileSync(
    join(world.folder, 'given.backup_info.json'),
    JSON.stringify({ type: 'ynh_app', sha256: '0'.repeat(64) }),
  )
  expect(await take(world, path, 'second')).toMatchObject({ backupInfo: null })
  expect(archives(world)).not.toContain('second.backup_info.json')
})

describe('what nobody could use is refused in words, and nothing stays', () => {
  const detail = (code: string, text: string) => ({
    code: 'validation_failed',
    errors: [{ field: 'file', code, facts: { detail: expect.stringContaining(text) } }],
  })
  test.each<[string, tar: () => Buffer, expected: object]>([
    ['no tar', () => Buffer.from('hello'), detail('not_an_archive', 'header cut off')],
    ['nothing', () => Buffer.alloc(0), detail('not_an_archive', 'end of archive missing')],
    ['zeros', () => Buffer.alloc(10_240), detail('not_an_archive', 'info.json is missing')],
    [
      'cut off',
      () => oddTar([info, { name: 'x', data: Buffer.alloc(5000) }]).subarray(0, 3000),
      detail('archive_damaged', 'cut off'),
    ],
    [
      'a damaged gzip stream',
      () => gzipSync(oddTar([info, { name: 'x', data: Buffer.alloc(5000, 'y') }])).subarray(0, -20),
      detail('archive_damaged', 'gzip'),
    ],
    [
      'without a description',
      () => oddTar([{ name: 'x' }]),
      detail('not_an_archive', 'info.json is missing'),
    ],
    [
      'with a broken description',
      () => oddTar([{ name: 'info.json', data: Buffer.from('{') }]),
      detail('not_an_archive', 'not valid JSON'),
    ],
    [
      'with a poor description',
      () => oddTar([{ name: 'info.json', data: Buffer.from('{"description":""}') }]),
      detail('not_an_archive', 'created_at'),
    ],
    [
      'with a member that climbs out',
      () => oddTar([info, { name: '../x' }]),
      {
        code: 'archive_unsafe',
        facts: { path: '../x' },
        errors: [{ field: 'file', code: 'archive_unsafe', facts: { path: '../x' } }],
      },
    ],
    [
      'with a link that YunoHost would follow',
      () => oddTar([info, { name: 'l', type: '2', linkName: '/etc/passwd' }, { name: 'l' }]),
      { code: 'archive_unsafe', facts: { why: 'behind_link' } },
    ],
  ])('%s', async (_, tar, expected) => {
    const world = await contentsWorld()
    await expect(take(world, given(world, tar()))).rejects.toMatchObject(expected)
    expect(archives(world)).toEqual([])
  })

  test('one of our own that is not what it says', async () => {
    const world = await contentsWorld()
    const own = await writeOwn(world.archivesDir, 'original', Buffer.alloc(300_000, 'o'))
    const bytes = readFileSync(join(world.archivesDir, own.file))
    bytes.write('!', 100_000)
    await expect(take(world, given(world, bytes))).rejects.toMatchObject(
      detail('archive_damaged', 'promises SHA-256'),
    )
    expect(archives(world)).toEqual(['original.info.json', 'original.tar'])
  })
})

describe('what is no file to take is refused', () => {
  test.each<[code: string, make: (world: World) => string]>([
    ['file_missing', (world) => join(world.folder, 'nothing.tar')],
    ['file_missing', (world) => join(given(world, Buffer.alloc(0)), 'below')],
    ['not_regular_file', (world) => world.tree],
    ['not_regular_file', () => '/dev/null'],
    [
      'not_regular_file',
      (world) => {
        symlinkSync(given(world, oddTar([info])), join(world.folder, 'link.tar'))
        return join(world.folder, 'link.tar')
      },
    ],
    [
      'not_regular_file',
      (world) => {
        execFileSync('mkfifo', [join(world.folder, 'fifo.tar')])
        return join(world.folder, 'fifo.tar')
      },
    ],
  ])('%s', async (code, make) => {
    const world = await contentsWorld()
    await expect(take(world, make(world))).rejects.toMatchObject({
      code: 'validation_failed',
      errors: [{ field: 'file', code }],
    })
    expect(archives(world)).toEqual([])
  })
})

test.each([
  'brought.tar',
  'brought.tar.gz',
  'brought.info.json',
  'brought.backup_info.json',
  '.brought.tar.partial',
])('a name that %s has is taken, and stays as it is', async (file) => {
  const world = await contentsWorld()
  writeFileSync(join(world.archivesDir, file), 'mine')
  await expect(take(world, given(world, oddTar([info])))).rejects.toMatchObject({ code: 'archive_exists' })
  expect(archives(world)).toEqual([file])
  expect(readFileSync(join(world.archivesDir, file), 'utf8')).toBe('mine')
})

test('more than the disk can hold is refused before anything is written', async () => {
  const world = await contentsWorld()
  const path = given(world, oddTar([info]))
  truncateSync(path, 4 * 1024 ** 4)
  await expect(take(world, path)).rejects.toMatchObject({ code: 'insufficient_storage' })
  expect(archives(world)).toEqual([])
})

test('a missing archives directory is said so', async () => {
  const world = await contentsWorld()
  const path = given(world, oddTar([info]))
  const io = { ...world.io, places: { archivesDir: join(world.folder, 'unmounted') } }
  await expect(importArchive({ path, name: 'a' }, io)).rejects.toMatchObject({ code: 'archives_dir_missing' })
})

test('a cancel in the middle leaves nothing', async () => {
  const world = await contentsWorld()
  const path = given(world, oddTar([info, { name: 'x', data: Buffer.alloc(3_000_000) }]))
  const io = { ...world.io, progress: () => world.stop.abort() }
  await expect(importArchive({ path, name: 'a' }, io)).rejects.toMatchObject({ name: 'AbortError' })
  expect(archives(world)).toEqual([])
})

test('the given file is copied, never shared: changing it later changes nothing here', async () => {
  const world = await contentsWorld()
  const path = given(world, oddTar([info]))
  linkSync(path, join(world.folder, 'other name'))
  mkdirSync(join(world.folder, 'unrelated'))
  await take(world, path)
  expect(statSync(join(world.archivesDir, 'brought.tar'))).toMatchObject({ nlink: 1 })
  truncateSync(path, 0)
  expect(await verifyArchive(world.archivesDir, 'brought')).toMatchObject({ damage: '' })
})
