import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { oddTar } from '../../archive/contents-world.ts'
import { acquireHold } from '../../store/holds.ts'
import { createContents } from '../contents.ts'
import { contentsBench, key, never } from './contents-world.ts'
import { tooMany } from './index-files.ts'

describe('the index', () => {
  test('is made at the first look, once for all who ask, and then found', async () => {
    const it = await contentsBench()
    it.archive('a')
    await it.scan()
    const asked = await Promise.all([
      it.contents.entry('a', key('tree/dir')),
      it.contents.entry('a', key('tree/soft')),
      it.contents.entry('a', key('')),
    ])
    expect(asked).toMatchObject([
      { kind: 'directory', path: 'tree/dir' },
      { kind: 'link', linkTarget: 'dir/file' },
      { kind: 'directory', files: 10 },
    ])
    const page = await it.contents.list('a', { path: key('tree') })
    expect(page).toMatchObject({ state: 'ready', total: 8, next: null })
    const again = createContents({ ...it.engine.deps, dataDir: it.dataDir })
    expect(await again.search('a', { text: 'TIED' })).toMatchObject({ state: 'ready', total: 2 })
    expect(it.calls.filter((verb) => verb === 'archive.members').length).toBe(1)
    expect(it.indexes()).toEqual([expect.stringMatching(/^[0-9a-f]{40}\.db$/)])
    expect(await it.held()).toEqual([])
  })

  test('that takes longer says how far it is, and goes on', async () => {
    const it = await contentsBench()
    it.archive('a')
    await it.scan()
    const gate = Promise.withResolvers<void>()
    it.gate = gate.promise
    const size = statSync(join(it.archivesDir, 'a.tar')).size
    expect(await it.contents.list('a', { path: '' })).toEqual({
      state: 'building',
      members: 0,
      done: 0,
      totalBytes: size,
    })
    expect(await it.held()).toEqual(['a'])
    gate.resolve()
    await eventually(async () => (await it.contents.search('a', { text: 'soft' })).state === 'ready')
    expect(it.calls.filter((verb) => verb === 'archive.members').length).toBe(1)
  })

  test('of an archive that has changed is made anew, and the old one swept away', async () => {
    const it = await contentsBench()
    it.archive('a')
    it.archive('b')
    await it.scan()
    await it.contents.entry('a', '')
    await it.contents.entry('b', '')
    const before = it.indexes()
    it.put('a', oddTar([{ name: 'other' }]))
    // Nobody has looked at the directory since: what is shown is what is there all the same.
    expect(await it.contents.list('a', { path: '' })).toMatchObject({ state: 'ready', total: 1 })
    await it.scan()
    expect(await it.contents.entry('a', key('other'))).toMatchObject({ kind: 'file' })
    expect(await it.contents.list('a', { path: '' })).toMatchObject({ entries: [{ name: 'other' }] })
    await it.contents.sweep()
    const after = it.indexes()
    expect(after.length).toBe(2)
    expect(after.filter((file) => before.includes(file)).length).toBe(1)
  })

  test('leaves no trace of a process that died while it made one', async () => {
    const it = await contentsBench()
    it.archive('a')
    await it.scan()
    const folder = join(it.dataDir, 'contents')
    mkdirSync(folder)
    const partial = (pid: number): string => `${'a'.repeat(40)}.db.${pid}-0123456789ab.partial`
    const dead = Number(execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }))
    writeFileSync(join(folder, partial(dead)), '')
    writeFileSync(join(folder, partial(process.pid)), '')
    await it.contents.entry('a', '')
    expect(it.indexes().filter((file) => file.endsWith('.partial'))).toEqual([partial(process.pid)])
    // Its number may be another's by now.
    utimesSync(join(folder, partial(process.pid)), 1, 1)
    await it.contents.sweep()
    expect(it.indexes().filter((file) => file.endsWith('.partial'))).toEqual([])
  })

  test.each([
    ['archive_unsafe', oddTar([{ name: 'x' }, { name: '../x' }])],
    ['archive_truncated', oddTar([{ name: 'x', data: Buffer.alloc(5000) }]).subarray(0, 2000)],
  ])(
    'of an archive that cannot be unpacked is none: %s, without reading it at every page',
    async (code, tar) => {
      const it = await contentsBench()
      it.put('a', tar)
      await it.scan()
      await expect(it.contents.entry('a', '')).rejects.toMatchObject({ code })
      for (let n = 0; n < 3; n += 1) {
        await expect(it.contents.list('a', { path: '' })).rejects.toMatchObject({ code })
      }
      await expect(it.contents.download('a', key('x'), never)).rejects.toMatchObject({ code })
      expect(it.calls.filter((verb) => verb === 'archive.members').length).toBe(1)
      expect(it.indexes()).toEqual([])
      expect(await it.held()).toEqual([])
    },
  )

  test('is not made of what is not there, or being deleted', async () => {
    const it = await contentsBench()
    it.archive('a')
    await it.scan()
    await expect(it.contents.list('b', { path: '' })).rejects.toMatchObject({ code: 'archive_not_found' })
    await acquireHold(it.engine.deps.db, 'a', 'somebody', 'delete', Date.now(), 60_000)
    await expect(it.contents.entry('a', key('no/such'))).rejects.toMatchObject({ code: 'archive_in_use' })
  })

  test('of all is not more than there is room for: what was used longest ago goes', () => {
    const index = (n: number, bytes = 1): { file: string; bytes: number; usedAt: number } => ({
      file: String(n),
      bytes,
      usedAt: n,
    })
    const fifty = Array.from({ length: 50 }, (_, n) => index(n))
    expect(tooMany(fifty, '0')).toEqual([])
    expect(tooMany([...fifty, index(50)], '0')).toEqual(['1'])
    const gib = 1024 ** 3
    expect(tooMany([index(1, gib), index(2, gib), index(3, gib / 2)], '3')).toEqual(['1'])
    expect(tooMany([index(1, 9 * gib)], '1')).toEqual([])
  })

  test('is not finished when everything stops', async () => {
    const it = await contentsBench()
    it.archive('a')
    await it.scan()
    const gate = Promise.withResolvers<void>()
    it.gate = gate.promise
    const waiting = it.contents.entry('a', '').catch((error: unknown) => error)
    await eventually(() => it.calls.includes('archive.members'))
    const closed = it.contents.close()
    gate.resolve()
    await closed
    expect(await waiting).toMatchObject({ code: 'cancelled' })
    expect(it.indexes()).toEqual([])
    expect(await it.held()).toEqual([])
    await expect(it.contents.list('a', { path: '' })).rejects.toMatchObject({ code: 'cancelled' })
  })
})
