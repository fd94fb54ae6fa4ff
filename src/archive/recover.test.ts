import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { removeIfExists } from '../sys/files.ts'
import { cleanPartials, recoverArchive } from './recover.ts'
import { mountPoints } from './work-dir.ts'
import { writeForeign } from './testing-archives.ts'

async function archivesFolder(): Promise<string> {
  const folder = join(await temporaryFolder(), 'archives')
  mkdirSync(folder)
  return folder
}

function put(folder: string, ...files: string[]): void {
  for (const file of files) writeFileSync(join(folder, file), file)
}

const marker = '.a.yunohost.partial'
const inProgress = [
  '.a.tar.partial',
  '.a.list.partial',
  '.a.links.partial',
  '.a.info.json.0123456789ab.partial',
  marker,
]

describe('recovering one archive', () => {
  test('removes its files in progress and nobody else’s', async () => {
    const folder = await archivesFolder()
    put(folder, ...inProgress, '.a.b.tar.partial', '.ab.tar.partial', '.a.partial', '.a.upload.partial')
    const removed = await recoverArchive(folder, 'a')
    expect(removed.toSorted()).toEqual(inProgress.map((file) => join(folder, file)).toSorted())
    expect(readdirSync(folder)).toEqual([
      '.a.b.tar.partial',
      '.a.partial',
      '.a.upload.partial',
      '.ab.tar.partial',
    ])
  })

  test('removes half of an archive, whichever half it is', async () => {
    for (const half of [['a.tar'], ['a.tar.gz'], ['a.info.json'], ['a.info.json', 'a.backup_info.json']]) {
      const folder = await archivesFolder()
      put(folder, ...half, marker, 'b.tar', 'c.info.json')
      expect(await recoverArchive(folder, 'a')).toEqual([...half, marker].map((file) => join(folder, file)))
      expect(readdirSync(folder)).toEqual(['b.tar', 'c.info.json'])
    }
  })

  test('removes an empty tar that only reserved its name, together with its sidecar', async () => {
    const folder = await archivesFolder()
    put(folder, 'a.info.json', '.a.tar.partial', 'b.info.json')
    for (const file of ['a.tar', 'b.tar']) writeFileSync(join(folder, file), '')
    const gone = ['a.tar', 'a.info.json', '.a.tar.partial']
    expect(await recoverArchive(folder, 'a')).toEqual(gone.map((file) => join(folder, file)))
    expect(await recoverArchive(folder, 'b')).toEqual([])
    expect(readdirSync(folder)).toEqual(['b.info.json', 'b.tar'])
  })

  test('leaves a whole archive alone, also a compressed one with its link', async () => {
    const folder = await archivesFolder()
    await writeForeign(folder, 'a')
    put(folder, 'b.tar.gz', 'b.info.json')
    symlinkSync(join(folder, 'b.tar.gz'), join(folder, 'b.tar'))
    put(folder, marker, '.b.yunohost.partial')
    await recoverArchive(folder, 'a')
    await recoverArchive(folder, 'b')
    expect(readdirSync(folder)).toEqual(['a.info.json', 'a.tar', 'b.info.json', 'b.tar', 'b.tar.gz'])
  })

  test('removes YunoHost’s work folder, but follows no link out of it', async () => {
    const folder = await archivesFolder()
    const tmp = join(folder, '..', 'tmp')
    const precious = await temporaryFolder()
    put(precious, 'file')
    mkdirSync(join(tmp, 'a', 'apps'), { recursive: true })
    mkdirSync(join(tmp, 'ab'))
    put(folder, marker)
    symlinkSync(precious, join(tmp, 'a', 'apps', 'link'))
    expect(await recoverArchive(folder, 'a')).toEqual([join(tmp, 'a'), join(folder, marker)])
    expect(readdirSync(tmp)).toEqual(['ab'])
    expect(readdirSync(precious)).toEqual(['file'])
  })

  test('leaves a work folder in which something is still mounted', async () => {
    expect(process.getuid?.(), 'this test mounts a file system: run it as root').toBe(0)
    const folder = await archivesFolder()
    const inside = join(folder, '..', 'tmp', 'a', 'var www')
    const precious = await temporaryFolder()
    put(precious, 'file')
    mkdirSync(inside, { recursive: true })
    execFileSync('mount', ['--bind', precious, inside])
    onTestFinished(() => void execFileSync('umount', [inside]))
    put(folder, marker)
    expect(await recoverArchive(folder, 'a')).toEqual([join(folder, marker)])
    expect(readdirSync(precious)).toEqual(['file'])
  })

  test('touches nothing of an archive that no operation of ours was making', async () => {
    const folder = await archivesFolder()
    put(folder, 'a.tar')
    mkdirSync(join(folder, '..', 'tmp', 'a'), { recursive: true })
    expect(await recoverArchive(folder, 'a')).toEqual([])
    expect(readdirSync(folder)).toEqual(['a.tar'])
    expect(readdirSync(join(folder, '..', 'tmp'))).toEqual(['a'])
  })

  test('finds nothing to do where there is nothing', async () => {
    expect(await recoverArchive(await archivesFolder(), 'a')).toEqual([])
  })
})

test('cleaning removes files in progress that have not changed for a day', async () => {
  const folder = await archivesFolder()
  put(folder, '.a.tar.partial', '.b.tar.partial', '.note', 'c.tar')
  const now = Date.UTC(2026, 4, 8)
  utimesSync(join(folder, '.a.tar.partial'), now / 1000 - 90_000, now / 1000 - 90_000)
  utimesSync(join(folder, '.b.tar.partial'), now / 1000 - 3600, now / 1000 - 3600)
  expect(await cleanPartials(folder, now, new Set())).toEqual([join(folder, '.a.tar.partial')])
  expect(readdirSync(folder)).toEqual(['.b.tar.partial', '.note', 'c.tar'])
})

test('cleaning removes the sidecars of a tar that was never named, and no others', async () => {
  const folder = await archivesFolder()
  put(
    folder,
    '.a.tar.partial',
    'a.info.json',
    'a.backup_info.json',
    '.b.tar.partial',
    'b.tar',
    'b.info.json',
    'c.info.json',
  )
  await cleanPartials(folder, Date.now() + 48 * 3_600_000, new Set())
  expect(readdirSync(folder).toSorted()).toEqual(['b.info.json', 'b.tar', 'c.info.json'])
})

test('cleaning leaves what belongs to a backup that is still running, however old it is', async () => {
  const folder = await archivesFolder()
  put(folder, ...inProgress, '.b.yunohost.partial')
  const removed = await cleanPartials(folder, Date.now() + 48 * 3_600_000, new Set(['a']))
  expect(removed).toEqual([join(folder, '.b.yunohost.partial')])
  expect(readdirSync(folder).toSorted()).toEqual(inProgress.toSorted())
})

test('cleaning does not mind files that go while it looks', async () => {
  const folder = await archivesFolder()
  const files = Array.from({ length: 1000 }, (_, i) => `.a${i}.tar.partial`)
  put(folder, ...files)
  const end = async (): Promise<string[]> => {
    const ended: string[] = []
    for (const file of files) if (await removeIfExists(join(folder, file))) ended.push(join(folder, file))
    return ended
  }
  const later = Date.now() + 48 * 3_600_000
  const gone = await Promise.all([cleanPartials(folder, later, new Set()), end()])
  expect(gone.flat().toSorted()).toEqual(files.map((file) => join(folder, file)).toSorted())
})

test('mount points are read with their escapes', () => {
  const text =
    '36 35 98:0 /mnt /a\\040b\\134c rw,noatime master:1 - ext3 /dev/root rw\n37 36 0:1 / /d rw - tmpfs x rw\n'
  expect(mountPoints(text)).toEqual(['/a b\\c', '/d'])
})
