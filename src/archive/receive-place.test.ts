import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { infoBytes } from './info-json.ts'
import { uploadPlace } from './receive-place.ts'
import { bench, nobody, now, tar } from './receive-world.ts'
import { cleanPartials } from './recover.ts'
import { scanArchives } from './scan.ts'
import { goodInfo } from './testing-archives.ts'

describe('the place for uploads', () => {
  test('is the data folder when that is near', async () => {
    const it = await bench()
    expect(await uploadPlace(it.archivesDir, it.dataDir)).toBeNull()
    expect([...it.files(), ...readdirSync(it.uploads)]).toEqual([])
  })

  test('is a hidden folder of the data folder’s owner when the data are elsewhere', async () => {
    const it = await bench({ far: true })
    for (const folder of [it.folder, it.archivesDir]) chmodSync(folder, 0o755)
    chownSync(it.dataDir, nobody, nobody)
    const place = await uploadPlace(it.archivesDir, it.dataDir)
    if (place === null) throw new Error('no place')
    expect(place).toBe(join(it.archivesDir, '.backupmanager-uploads'))
    expect(statSync(place)).toMatchObject({ uid: nobody, gid: nobody, mode: 0o040700 })
    expect(await uploadPlace(it.archivesDir, it.dataDir)).toBe(place)
    expect(readdirSync(place)).toEqual([])
    // What lies there is no archive, for nobody, and gets its name without being copied.
    const order = it.upload(tar)
    const part = join(place, '1.part')
    writeFileSync(part, tar)
    unlinkSync(order.part)
    writeFileSync(join(place, 'b.tar'), tar)
    writeFileSync(join(place, 'b.info.json'), infoBytes(goodInfo))
    expect(await scanArchives(it.archivesDir)).toEqual({ archives: [], unfinished: [] })
    expect(await cleanPartials(it.archivesDir, now + 1e12, new Set())).toEqual([])
    const { ino } = statSync(part)
    await it.publish({ ...order, part })
    expect(statSync(join(it.archivesDir, 'a.tar')).ino).toBe(ino)
    expect(existsSync(part)).toBe(false)
  })

  test('is the data folder when its owner cannot get into the archives directory', async () => {
    const it = await bench({ far: true })
    chmodSync(it.folder, 0o755)
    chmodSync(it.archivesDir, 0o770)
    chownSync(it.dataDir, nobody, nobody)
    expect(await uploadPlace(it.archivesDir, it.dataDir)).toBeNull()
    expect(process.geteuid?.()).toBe(0)
  })

  test('is no link that somebody else has put there', async () => {
    const it = await bench({ far: true })
    symlinkSync('/etc', join(it.archivesDir, '.backupmanager-uploads'))
    await expect(uploadPlace(it.archivesDir, it.dataDir)).rejects.toMatchObject({ code: 'ENOTDIR' })
    expect(statSync('/etc')).toMatchObject({ uid: 0, mode: 0o040755 })
  })

  test('needs the archives directory', async () => {
    const it = await bench()
    rmSync(it.archivesDir, { recursive: true })
    await expect(uploadPlace(it.archivesDir, it.dataDir)).rejects.toMatchObject({
      code: 'archives_dir_missing',
    })
    await expect(it.publish(it.upload(tar))).rejects.toMatchObject({ code: 'archives_dir_missing' })
  })
})
