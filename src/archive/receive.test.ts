import { randomBytes } from 'node:crypto'
import {
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { oddTar } from './contents-world.ts'
import { bench, nobody, tar } from './receive-world.ts'
import { scanArchives } from './scan.ts'
import { goodInfo, sha256Of, writeOwn } from './testing-archives.ts'
import { verifyArchive } from './verify.ts'

describe.each([false, true])('an upload (other file system: %s)', (far) => {
  test('becomes an archive with its sidecar, root’s alone, and the upload is gone', async () => {
    const it = await bench({ far })
    chownSync(it.dataDir, nobody, nobody)
    const order = it.upload(tar)
    chownSync(order.part, nobody, nobody)
    expect(await it.publish(order)).toEqual({
      file: 'a.tar',
      sizeBytes: tar.length,
      fingerprint: (await scanArchives(it.archivesDir)).archives[0]?.fingerprint,
    })
    expect(it.files()).toEqual(['a.info.json', 'a.tar'])
    expect(readFileSync(join(it.archivesDir, 'a.tar')).equals(tar)).toBe(true)
    expect(statSync(join(it.archivesDir, 'a.tar'))).toMatchObject({
      uid: 0,
      gid: 0,
      nlink: 1,
      mode: 0o100640,
    })
    expect(readdirSync(it.uploads)).toEqual([])
    expect(await verifyArchive(it.archivesDir, 'a')).toMatchObject({ damage: '' })
  })

  test('done again is a success, and anything else under that name is refused', async () => {
    const it = await bench({ far })
    const order = it.upload(tar)
    const first = await it.publish(order)
    expect(await it.publish(order)).toEqual(first)
    it.upload(tar)
    expect(await it.publish(order)).toEqual(first)
    expect(readdirSync(it.uploads)).toEqual([])
    const other = oddTar([{ name: 'x', data: randomBytes(1_500_000 + 512) }])
    expect(other.length).toBe(tar.length)
    await expect(it.publish(it.upload(other))).rejects.toMatchObject({ code: 'archive_exists' })
    expect(readdirSync(it.uploads)).toEqual(['1.part'])
    const info = { ...goodInfo, description: 'x' }
    await expect(it.publish(it.upload(tar, { info }))).rejects.toMatchObject({ code: 'archive_exists' })
    unlinkSync(order.part)
    await expect(it.publish({ ...order, info })).rejects.toMatchObject({ code: 'archive_exists' })
    expect(readFileSync(join(it.archivesDir, 'a.tar')).equals(tar)).toBe(true)
  })

  test.each(['a.tar', 'a.tar.gz', 'a.info.json', '.a.tar.partial'])('never touches %s', async (file) => {
    const it = await bench({ far })
    writeFileSync(join(it.archivesDir, file), 'precious')
    const order = it.upload(tar)
    const before = lstatSync(order.part)
    await expect(it.publish(order)).rejects.toMatchObject({ code: 'archive_exists' })
    expect(it.files()).toEqual([file])
    expect(readFileSync(join(it.archivesDir, file), 'utf8')).toBe('precious')
    expect(lstatSync(order.part)).toMatchObject({ uid: before.uid, mode: before.mode, nlink: 1 })
  })

  test('whose naming is broken off stays as it was', async () => {
    const it = await bench({ far })
    chownSync(it.dataDir, nobody, nobody)
    const order = it.upload(tar)
    chownSync(order.part, nobody, nobody)
    it.stop.abort(new Error('enough'))
    await expect(it.publish(order)).rejects.toThrow('enough')
    expect(it.files()).toEqual([])
    expect(statSync(order.part)).toMatchObject({ uid: nobody, gid: nobody, mode: 0o100600, nlink: 1 })
  })
})

describe('what an archive says about itself', () => {
  test('is taken from inside, where it is; else it is put beside', async () => {
    const it = await bench()
    const own = await writeOwn(it.archivesDir, 'own')
    const bytes = readFileSync(join(it.archivesDir, own.file))
    const backupInfo = { type: 'ynh_app', sha256: 'x' }
    await it.publish(it.upload(bytes, { backupInfo }))
    expect(it.files()).toEqual(['a.info.json', 'a.tar', 'own.info.json', 'own.tar'])
    expect(await verifyArchive(it.archivesDir, 'a')).toMatchObject({ damage: '', sha256: own.sha256 })
    await it.publish(it.upload(tar, { name: 'b', file: 'b.tar', backupInfo }))
    expect(JSON.parse(readFileSync(join(it.archivesDir, 'b.backup_info.json'), 'utf8'))).toEqual(backupInfo)
    const zipped = gzipSync(bytes)
    await it.publish(it.upload(zipped, { name: 'c', file: 'c.tar.gz', backupInfo }))
    expect(it.files().filter((file) => file.startsWith('c'))).toEqual([
      'c.backup_info.json',
      'c.info.json',
      'c.tar.gz',
    ])
  })

  test.each([
    ['nothing that YunoHost could use', tar, { info: { description: '' } }, 'validation_failed'],
    ['no tar', Buffer.alloc(2000, 'x'), {}, 'validation_failed'],
    ['cut off', tar.subarray(0, 300), {}, 'validation_failed'],
    ['zeros', Buffer.alloc(10_240), {}, 'validation_failed'],
    ['a tar that says to be compressed', tar, { file: 'a.tar.gz' }, 'validation_failed'],
    ['compressed, and says not to be', gzipSync(tar), {}, 'validation_failed'],
    ['of another name', tar, { file: 'b.tar' }, 'name_invalid'],
    ['of another size', tar, { sizeBytes: 5 }, 'helper_refused'],
  ])('%s is refused, and the upload stays', async (_, bytes, more, code) => {
    const it = await bench()
    await expect(it.publish(it.upload(bytes, more))).rejects.toMatchObject({ code })
    expect(it.files()).toEqual([])
    expect(readdirSync(it.uploads)).toEqual(['1.part'])
  })
})

test('a copy that is not what was received is thrown away', async () => {
  const it = await bench({ far: true })
  await expect(it.publish(it.upload(tar, { sha256: '0'.repeat(64) }))).rejects.toMatchObject({
    code: 'upload_checksum_mismatch',
    facts: { found: sha256Of(tar), expected: '0'.repeat(64) },
  })
  expect(it.files()).toEqual([])
})

describe('what is no upload is refused', () => {
  const refused = { code: 'helper_refused' }
  test('by where it lies', async () => {
    const it = await bench()
    const order = it.upload(tar)
    const elsewhere = join(it.folder, 'x.part')
    renameSync(order.part, elsewhere)
    const deeper = join(it.uploads, 'deeper')
    mkdirSync(deeper)
    linkSync(elsewhere, join(deeper, '1.part'))
    const way = join(it.folder, 'way')
    symlinkSync(it.uploads, way)
    for (const part of [
      elsewhere,
      join(it.uploads, '..', '..', 'x.part'),
      join(deeper, '1.part'),
      join(way, '1.part'),
      join(it.folder, 'none', 'x.part'),
      'uploads/1.part',
      it.uploads,
      '/',
    ]) {
      await expect(it.publish({ ...order, part })).rejects.toMatchObject(refused)
    }
    expect(it.files()).toEqual([])
  })

  test('when the folder itself leads elsewhere', async () => {
    const it = await bench()
    const order = it.upload(tar)
    const secret = join(it.folder, 'secret')
    renameSync(it.uploads, secret)
    symlinkSync(secret, it.uploads)
    await expect(it.publish(order)).rejects.toMatchObject(refused)
  })

  test('by what it is', async () => {
    const it = await bench()
    const order = it.upload(tar)
    const secret = join(it.folder, 'secret')
    writeFileSync(secret, tar)
    const traps: (() => void)[] = [
      () => symlinkSync(secret, order.part),
      () => linkSync(secret, order.part),
      () => mkdirSync(order.part),
    ]
    for (const trap of traps) {
      rmSync(order.part, { recursive: true, force: true })
      trap()
      await expect(it.publish(order)).rejects.toMatchObject(refused)
    }
    expect(statSync(secret)).toMatchObject({ nlink: 1 })
    expect(it.files()).toEqual([])
  })

  test('when it belongs to somebody else', async () => {
    const it = await bench()
    const order = it.upload(tar)
    chownSync(it.dataDir, nobody, nobody)
    chownSync(order.part, 1234, 1234)
    await expect(it.publish(order)).rejects.toMatchObject(refused)
  })
})

test('an upload that is gone, of an archive that is not there, is told as such', async () => {
  const it = await bench()
  const order = it.upload(tar)
  unlinkSync(order.part)
  await expect(it.publish(order)).rejects.toMatchObject({ code: 'upload_not_found' })
})
