import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { oddTar } from '../../archive/contents-world.ts'
import { infoBytes } from '../../archive/info-json.ts'
import { goodInfo, writeOwn } from '../../archive/testing-archives.ts'
import { listActivity } from '../../store/activity.ts'
import { contentsBench, key, never } from './contents-world.ts'

describe('comparing, unpacking and importing', () => {
  test('an archive is held against a directory', async () => {
    const it = await contentsBench()
    it.archive('a')
    await it.scan()
    await expect(it.contents.compare('a', { thorough: false }, never)).rejects.toMatchObject({
      code: 'validation_failed',
      errors: [{ field: 'against', code: 'only_directories_compared' }],
    })
    writeFileSync(join(it.tree, 'new'), '')
    const found = await it.contents.compare('a', { against: it.folder, thorough: true }, never)
    expect(found).toMatchObject({ against: it.folder, removed: 0, changed: 0, same: 14 })
    expect(found.changes).toContainEqual({ path: 'tree/new', change: 'added', what: [] })
    for (const [against, code] of [
      [join(it.folder, 'nothing'), 'path_missing'],
      [join(it.tree, 'dir/file'), 'path_not_directory'],
      ['relative', 'path_not_absolute'],
    ] as const) {
      const refused = it.contents.compare('a', { against, thorough: false }, never)
      await expect(refused).rejects.toMatchObject({ errors: [{ field: 'against', code }] })
    }
    expect(await it.held()).toEqual([])
  })

  test('an archive is unpacked, by keys', async () => {
    const it = await contentsBench()
    it.archive('a')
    await it.scan()
    const to = join(it.folder, 'out')
    expect(
      await it.contents.extract('a', { to, paths: [key('tree/empty'), key('tree/soft')] }, never),
    ).toEqual({ files: 1, bytes: 0 })
    expect(readdirSync(join(to, 'tree')).toSorted()).toEqual(['empty', 'soft'])
    const climbing = it.contents.extract('a', { to: `${to}2`, paths: [key('../etc')] }, never)
    await expect(climbing).rejects.toMatchObject({ code: 'member_not_found' })
    const gone = it.contents.extract('b', { to: `${to}2`, paths: [] }, never)
    await expect(gone).rejects.toMatchObject({ code: 'archive_not_found' })
    expect(await it.held()).toEqual([])
  })

  test('a tar from anywhere becomes an archive that is proven, and is entered in the activity', async () => {
    const it = await contentsBench()
    const file = join(it.folder, 'from_elsewhere.tar')
    writeFileSync(file, oddTar([{ name: 'info.json', data: infoBytes(goodInfo) }]))
    const made = await it.contents.importFile(file, null, 'alice', never)
    expect(made).toMatchObject({
      name: 'from_elsewhere',
      state: 'ok',
      origin: 'foreign',
      pinned: false,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(made.verifiedAt).toBe(it.engine.deps.clock.now())
    const [activity] = await listActivity(it.engine.deps.db, { limit: 1 })
    expect(activity).toMatchObject({ actor: 'alice', action: 'archive.import', subject: 'from_elsewhere' })
    for (const [name, field] of [
      [null, 'file'],
      ['from_elsewhere', 'name'],
    ] as const) {
      await expect(it.contents.importFile(file, name, 'alice', never)).rejects.toMatchObject({
        code: 'archive_exists',
        errors: [{ field, code: 'archive_name_taken', facts: { archive: 'from_elsewhere' } }],
      })
    }
    await expect(it.contents.importFile(file, 'not a name', 'alice', never)).rejects.toMatchObject({
      code: 'name_invalid',
      errors: [{ field: 'name', code: 'archive_name_invalid' }],
    })
    await expect(it.contents.importFile('relative.tar', null, 'alice', never)).rejects.toMatchObject({
      errors: [{ code: 'path_not_absolute' }],
    })
  })

  test('one that belongs to a job here comes back to it, pinned', async () => {
    const it = await contentsBench()
    const job = await it.engine.addJob()
    const own = await writeOwn(it.archivesDir, 'jerry_photos_20260101', undefined, {
      type: 'custom_dir',
      job: { uid: job.uid, name: job.name },
    })
    const away = join(it.folder, own.file)
    renameSync(join(it.archivesDir, own.file), away)
    renameSync(
      join(it.archivesDir, 'jerry_photos_20260101.info.json'),
      join(it.folder, 'jerry_photos_20260101.info.json'),
    )
    const made = await it.contents.importFile(away, null, 'alice', never)
    expect(made).toMatchObject({
      jobId: job.id,
      pinned: true,
      state: 'ok',
      type: 'custom_dir',
      sha256: own.sha256,
    })
  })

  test('another file under a name that is known from before is not taken for the same', async () => {
    const it = await contentsBench()
    await it.engine.addArchive('known', { jobUid: 'a-job-that-is-gone' })
    const file = join(it.folder, 'known.tar')
    writeFileSync(file, oddTar([{ name: 'info.json', data: infoBytes(goodInfo) }]))
    expect(await it.contents.importFile(file, null, 'alice', never)).toMatchObject({
      state: 'corrupted',
      stateDetail: expect.stringContaining('recorded was aaaa'),
    })
  })
})
