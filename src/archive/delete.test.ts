import { existsSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { deleteArchive } from './delete.ts'
import { writeForeign, writeOwn } from './testing-archives.ts'

function put(folder: string, ...files: string[]): void {
  for (const file of files) writeFileSync(join(folder, file), file)
}

function io(archivesDir: string): { places: { archivesDir: string } } {
  return { places: { archivesDir } }
}

describe('without YunoHost', () => {
  test('removes tar, sidecar and description, and nothing of its neighbours', async () => {
    const folder = await temporaryFolder()
    for (const name of ['a', 'a.tar', 'ab']) await writeForeign(folder, name)
    put(folder, 'a.backup_info.json', 'a.txt')
    const { removed } = await deleteArchive('a', io(folder))
    expect(removed).toEqual(['a.tar', 'a.info.json', 'a.backup_info.json'].map((file) => join(folder, file)))
    expect(readdirSync(folder)).toEqual(['a.tar.info.json', 'a.tar.tar', 'a.txt', 'ab.info.json', 'ab.tar'])
  })

  test('removes a compressed archive together with the link to it', async () => {
    const folder = await temporaryFolder()
    put(folder, 'a.tar.gz', 'a.info.json')
    symlinkSync(join(folder, 'a.tar.gz'), join(folder, 'a.tar'))
    await deleteArchive('a', io(folder))
    expect(readdirSync(folder)).toEqual([])
  })

  test('removes an archive on another disk through its link, but never a file of another name', async () => {
    const folder = await temporaryFolder()
    const other = await temporaryFolder()
    put(other, 'a.tar', 'precious.tar')
    put(folder, 'a.info.json', 'b.info.json')
    symlinkSync(join(other, 'a.tar'), join(folder, 'a.tar'))
    symlinkSync(join(other, 'precious.tar'), join(folder, 'b.tar'))
    await deleteArchive('a', io(folder))
    await deleteArchive('b', io(folder))
    expect(readdirSync(other)).toEqual(['precious.tar'])
    expect(readdirSync(folder)).toEqual(['b.tar'])
  })

  test('of two archives with one name removes the one that is listed', async () => {
    const folder = await temporaryFolder()
    put(folder, 'a.tar', 'a.tar.gz', 'a.info.json')
    await deleteArchive('a', io(folder))
    expect(readdirSync(folder)).toEqual(['a.tar.gz'])
  })

  test('finishes a deletion that was cut in two, and finds nothing the third time', async () => {
    const folder = await temporaryFolder()
    await writeForeign(folder, 'a')
    await rm(join(folder, 'a.tar'))
    expect((await deleteArchive('a', io(folder))).removed).toEqual([join(folder, 'a.info.json')])
    expect((await deleteArchive('a', io(folder))).removed).toEqual([])
  })
})

describe('through YunoHost', () => {
  test('lets it delete what it knows, then removes our description that it leaves behind', async () => {
    const folder = await temporaryFolder()
    await writeOwn(folder, 'own')
    put(folder, 'own.backup_info.json')
    const asked: string[] = []
    const { removed } = await deleteArchive('own', io(folder), async (name) => {
      asked.push(name)
      await rm(join(folder, `${name}.tar`))
      await rm(join(folder, `${name}.info.json`))
      return true
    })
    expect(asked).toEqual(['own'])
    expect(removed).toEqual(
      ['own.tar', 'own.info.json', 'own.backup_info.json'].map((file) => join(folder, file)),
    )
    expect(readdirSync(folder)).toEqual([])
  })

  test('removes by hand what it does not know', async () => {
    const folder = await temporaryFolder()
    await writeOwn(folder, 'own')
    await deleteArchive('own', io(folder), () => Promise.resolve(false))
    expect(readdirSync(folder)).toEqual([])
  })

  test.each(['a b', 'é', 'x'.repeat(51), '-rf', 'dot.'])(
    'is not bothered with the name %j, which it would refuse',
    async (name) => {
      const folder = await temporaryFolder()
      await writeForeign(folder, name)
      await deleteArchive(name, io(folder), () => Promise.reject(new Error('asked')))
      expect(readdirSync(folder)).toEqual([])
    },
  )

  test('leaves everything when its deletion fails, and says so when it only claims to have worked', async () => {
    const folder = await temporaryFolder()
    await writeOwn(folder, 'own')
    const failing = deleteArchive('own', io(folder), () => Promise.reject(new Error('locked')))
    await expect(failing).rejects.toThrow('locked')
    const lying = deleteArchive('own', io(folder), () => Promise.resolve(true))
    await expect(lying).rejects.toMatchObject({ code: 'yunohost_failed' })
    expect(existsSync(join(folder, 'own.tar'))).toBe(true)
    expect(existsSync(join(folder, 'own.info.json'))).toBe(true)
  })
})
