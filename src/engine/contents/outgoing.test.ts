import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { described, gathered, oddTar } from '../../archive/contents-world.ts'
import { acquireHold } from '../../store/holds.ts'
import { contentsBench, helperPids, helpers, key, never } from './contents-world.ts'
import { savedName } from './outgoing.ts'

describe('a download', () => {
  test.each([false, true])(
    'of a file is the file, also by the name of a link to it, compressed: %s',
    async (gzip) => {
      const it = await contentsBench()
      it.archive('a', { gzip })
      await it.scan()
      for (const path of ['sparse', 'dir/file', 'tied', 'dir/deep/also tied', 'dir/deep/Été à la mer.txt']) {
        const sent = await it.contents.download('a', key(`tree/${path}`), never)
        const file = readFileSync(join(it.tree, path))
        expect(sent).toMatchObject({
          fileName: path.split('/').at(-1),
          length: file.length,
          contentType: 'application/octet-stream',
        })
        expect((await gathered(sent.bytes)).equals(file), path).toBe(true)
      }
      expect(await it.held()).toEqual([])
    },
  )

  test('of a directory is a tar of it; so is one of a link', async () => {
    const it = await contentsBench()
    it.archive('a')
    await it.scan()
    const sent = await it.contents.download('a', key('tree/dir'), never)
    expect(sent).toMatchObject({ fileName: 'dir.tar', length: null, contentType: 'application/x-tar' })
    const out = join(it.folder, 'out')
    mkdirSync(out)
    execFileSync('tar', ['-xpf', '-', '-C', out], { input: await gathered(sent.bytes) })
    const plain = (text: string): string => text.replaceAll(/\|\d+$/gm, '')
    expect(plain(described(join(out, 'tree/dir')))).toBe(plain(described(join(it.tree, 'dir'))))
    const link = await it.contents.download('a', key('tree/soft'), never)
    const listed = execFileSync('tar', ['-tf', '-'], { input: await gathered(link.bytes), encoding: 'utf8' })
    expect([link.fileName, listed]).toEqual(['soft.tar', 'tree/soft\n'])
  })

  test('of the archive is its file, and any part of it', async () => {
    const it = await contentsBench()
    it.archive('a', { gzip: true })
    await it.scan()
    const file = readFileSync(join(it.archivesDir, 'a.tar.gz'))
    const sent = await it.contents.archive('a', null, never)
    expect(sent).toMatchObject({ fileName: 'a.tar.gz', length: file.length, contentType: 'application/gzip' })
    expect((await gathered(sent.bytes)).equals(file)).toBe(true)
    for (const [offset, length] of [
      [0, 1],
      [100, 200],
      [file.length - 5, 1000],
      [file.length, 10],
    ] as const) {
      const part = await it.contents.archive('a', { offset, length }, never)
      const expected = file.subarray(offset, offset + length)
      expect(part.length).toBe(expected.length)
      expect((await gathered(part.bytes)).equals(expected)).toBe(true)
    }
    await expect(
      it.contents.archive('a', { offset: file.length + 1, length: 1 }, never),
    ).rejects.toMatchObject({ code: 'validation_failed' })
    await expect(it.contents.archive('b', null, never)).rejects.toMatchObject({ code: 'archive_not_found' })
  })

  test('of a file that was exchanged since is the one that is there', async () => {
    const it = await contentsBench()
    it.archive('a')
    await it.scan()
    const tar = oddTar([{ name: 'other' }])
    it.put('a', tar)
    const sent = await it.contents.archive('a', null, never)
    expect(sent.length).toBe(tar.length)
    expect((await gathered(sent.bytes)).equals(tar)).toBe(true)
  })

  test('holds the archive until its last byte, and is read no faster than it is taken', async () => {
    const it = await contentsBench()
    it.put('a', oddTar([{ name: 'big', data: randomBytes(12_000_000) }]))
    await it.scan()
    let handed = 0
    await it.contents.entry('a', '')
    it.onPiece = (bytes) => (handed += bytes.length)
    const sent = await it.contents.download('a', key('big'), never)
    await eventually(() => handed > 500_000)
    // While whole other helpers come and go, this one has to wait.
    await it.scan()
    await it.scan()
    expect(handed).toBeLessThan(2_000_000)
    expect(await it.held()).toEqual(['a'])
    expect(await acquireHold(it.engine.deps.db, 'a', 'retention', 'delete', Date.now(), 1000)).toBe(false)
    expect((await gathered(sent.bytes)).length).toBe(12_000_000)
    await eventually(async () => (await it.held()).length === 0)
  })

  test('whose reader goes away, or that is told to stop, frees the archive and ends its helper', async () => {
    const it = await contentsBench()
    it.put('a', oddTar([{ name: 'big', data: randomBytes(12_000_000) }]))
    await it.scan()
    const stop = new AbortController()
    const first = await it.contents.download('a', key('big'), never)
    const second = await it.contents.download('a', key('big'), stop.signal)
    expect(helpers(it)).toBe(2)
    await first.bytes.cancel()
    await eventually(() => helpers(it) === 1)
    stop.abort()
    await expect(gathered(second.bytes)).rejects.toMatchObject({ code: 'cancelled' })
    await eventually(async () => (await it.held()).length === 0)
    await eventually(() => helpers(it) === 0)
    const third = await it.contents.archive('a', null, never)
    await it.contents.close()
    await expect(gathered(third.bytes)).rejects.toMatchObject({ code: 'cancelled' })
    await eventually(async () => (await it.held()).length === 0)
  })

  test('of which nobody takes anything for too long ends, with its helper', async () => {
    const it = await contentsBench()
    it.put('a', oddTar([{ name: 'big', data: randomBytes(12_000_000) }]))
    await it.scan()
    const sent = await it.contents.archive('a', null, never, 50)
    await sent.ended
    await eventually(() => helpers(it) === 0)
    expect(await it.held()).toEqual([])
    await expect(gathered(sent.bytes)).rejects.toMatchObject({ code: 'timed_out' })
    const whole = await it.contents.archive('a', null, never, 60_000)
    expect((await gathered(whole.bytes)).length).toBeGreaterThan(12_000_000)
    await whole.ended
  })

  test('that breaks in the middle is an error for its reader, never a short file', async () => {
    const it = await contentsBench()
    it.put('a', oddTar([{ name: 'big', data: randomBytes(12_000_000) }]))
    await it.scan()
    const sent = await it.contents.download('a', key('big'), never)
    for (const pid of helperPids(it)) process.kill(pid, 'SIGKILL')
    await expect(gathered(sent.bytes)).rejects.toMatchObject({ code: 'helper_unavailable' })
    await eventually(async () => (await it.held()).length === 0)
  })

  test('of nothing is refused', async () => {
    const it = await contentsBench()
    it.archive('a')
    await it.scan()
    await expect(it.contents.download('a', key('tree/nothing'), never)).rejects.toMatchObject({
      code: 'member_not_found',
    })
    const stop = new AbortController()
    stop.abort()
    await expect(it.contents.archive('a', null, stop.signal)).rejects.toMatchObject({ code: 'cancelled' })
    expect(await it.held()).toEqual([])
  })

  test.each([
    ['plain.txt', 'plain.txt'],
    ['a/b\\c\nd', 'a_b_c_d'],
    ['exe.\u202etxt', 'exe._txt'],
    ['..', 'file'],
    ['', 'file'],
  ])('gets a name that can be saved: %j', (name, saved) => {
    expect(savedName(name)).toBe(saved)
  })
})
