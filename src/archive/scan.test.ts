import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { fingerprintOf } from './fingerprint.ts'
import { scanArchives } from './scan.ts'

function put(folder: string, ...files: string[]): void {
  for (const file of files) writeFileSync(join(folder, file), file)
}

async function found(folder: string): Promise<{ archives: string[]; unfinished: string[] }> {
  const { archives, unfinished } = await scanArchives(folder)
  return { archives: archives.map((a) => `${a.name}=${a.file}`), unfinished: unfinished.map((u) => u.file) }
}

describe('the scan', () => {
  test('takes a tar with its sidecar for an archive, and one without for unfinished', async () => {
    const folder = await temporaryFolder()
    put(
      folder,
      'b.tar',
      'b.info.json',
      'a.tar.gz',
      'a.info.json',
      'half.tar',
      'half2.tar.gz',
      'alone.info.json',
    )
    put(
      folder,
      'notes.txt',
      'x.tgz',
      'X.TAR',
      '.hidden.tar',
      '.hidden.info.json',
      '.a.tar.partial',
      'b.backup_info.json',
    )
    mkdirSync(join(folder, 'folder.tar'))
    expect(await found(folder)).toEqual({
      archives: ['a=a.tar.gz', 'b=b.tar'],
      unfinished: ['half.tar', 'half2.tar.gz'],
    })
  })

  test('counts a compressed archive and YunoHost’s link to it once', async () => {
    const folder = await temporaryFolder()
    put(folder, 'a.tar.gz', 'a.info.json')
    symlinkSync(join(folder, 'a.tar.gz'), join(folder, 'a.tar'))
    expect(await found(folder)).toEqual({ archives: ['a=a.tar.gz'], unfinished: [] })
    expect((await scanArchives(folder)).archives[0]?.sizeBytes).toBe('a.tar.gz'.length)
  })

  test('follows a link to another disk, but not one to another name, to nothing, to a folder or to itself', async () => {
    const folder = await temporaryFolder()
    const other = await temporaryFolder()
    put(other, 'away.tar', 'real.tar', 'packed.tar.gz')
    symlinkSync(join(other, 'away.tar'), join(folder, 'away.tar'))
    symlinkSync(join(other, 'packed.tar.gz'), join(folder, 'packed.tar'))
    symlinkSync(join(other, 'real.tar'), join(folder, 'linkname.tar'))
    symlinkSync('/nowhere/gone.tar', join(folder, 'gone.tar'))
    symlinkSync('loop.tar', join(folder, 'loop.tar'))
    mkdirSync(join(other, 'dir.tar'))
    symlinkSync(join(other, 'dir.tar'), join(folder, 'dir.tar'))
    put(folder, ...['away', 'packed', 'linkname', 'gone', 'loop', 'dir'].map((name) => `${name}.info.json`))
    expect(await found(folder)).toEqual({ archives: ['away=away.tar', 'packed=packed.tar'], unfinished: [] })
    expect((await scanArchives(folder)).archives[0]?.sizeBytes).toBe('away.tar'.length)
  })

  test('lists an archive whose sidecar is a link, so that reading can refuse it, and tells nothing of the target', async () => {
    const folder = await temporaryFolder()
    const secrets = join(await temporaryFolder(), 'secrets.json')
    put(folder, 'a.tar')
    symlinkSync(secrets, join(folder, 'a.info.json'))
    const [before] = (await scanArchives(folder)).archives
    writeFileSync(secrets, '{}')
    utimesSync(secrets, 1, 1)
    const [after] = (await scanArchives(folder)).archives
    expect(before).toMatchObject({ name: 'a' })
    expect(after).toEqual(before)
    expect(await fingerprintOf(folder, 'a.tar')).toBe(before?.fingerprint)
  })

  test('opens no archive: one that nobody may read or that is a trap is listed all the same', async () => {
    const folder = await temporaryFolder()
    put(folder, 'a.tar', 'a.info.json', 'fifo.info.json')
    chmodSync(join(folder, 'a.tar'), 0)
    execFileSync('mkfifo', [join(folder, 'fifo.tar')])
    expect(await found(folder)).toEqual({ archives: ['a=a.tar'], unfinished: [] })
  })

  test('takes names that YunoHost would not make', async () => {
    const folder = await temporaryFolder()
    const name = `é b ${'n'.repeat(80)}\n-x`
    put(folder, `${name}.tar`, `${name}.info.json`)
    expect(await found(folder)).toEqual({ archives: [`${name}=${name}.tar`], unfinished: [] })
  })

  test('says when the folder is not there', async () => {
    const folder = await temporaryFolder()
    await expect(scanArchives(join(folder, 'none'))).rejects.toMatchObject({ code: 'archives_dir_missing' })
    symlinkSync('/nowhere', join(folder, 'broken'))
    await expect(scanArchives(join(folder, 'broken'))).rejects.toMatchObject({ code: 'archives_dir_missing' })
  })

  test('lists 10,000 archives', async () => {
    const folder = await temporaryFolder()
    for (let i = 0; i < 10_000; i += 1)
      put(folder, `jerry_app${i}_20260508.tar`, `jerry_app${i}_20260508.info.json`)
    const start = performance.now()
    const { archives } = await scanArchives(folder)
    process.stdout.write(`scan of 10,000 archives: ${Math.round(performance.now() - start)} ms\n`)
    expect(archives.length).toBe(10_000)
  })
})

describe('the fingerprint', () => {
  test('is the same for the scan and for a single archive, links included', async () => {
    const folder = await temporaryFolder()
    put(folder, 'a.tar', 'a.info.json', 'b.tar.gz', 'b.info.json')
    symlinkSync(join(folder, 'b.tar.gz'), join(folder, 'b.tar'))
    for (const { file, fingerprint } of (await scanArchives(folder)).archives) {
      expect(await fingerprintOf(folder, file)).toBe(fingerprint)
    }
    expect(await fingerprintOf(folder, 'b.tar')).toBe(await fingerprintOf(folder, 'b.tar.gz'))
  })

  test('changes with the tar and with the sidecar, be it by a nanosecond’s touch', async () => {
    const folder = await temporaryFolder()
    put(folder, 'a.tar', 'a.info.json')
    const seen = new Set([await fingerprintOf(folder, 'a.tar')])
    utimesSync(join(folder, 'a.info.json'), 1, 1)
    seen.add(await fingerprintOf(folder, 'a.tar'))
    utimesSync(join(folder, 'a.tar'), 1, 1)
    seen.add(await fingerprintOf(folder, 'a.tar'))
    put(folder, 'a.tar')
    seen.add(await fingerprintOf(folder, 'a.tar'))
    unlinkSync(join(folder, 'a.info.json'))
    seen.add(await fingerprintOf(folder, 'a.tar'))
    expect(seen.size).toBe(5)
    expect([...seen].at(-1)).toMatch(/^\d+:\d+:\d{15,}:\d{15,}:-$/)
  })
})
